#include "tests/support/op_tester.h"

namespace metagraph::broadcast_gradient_args_test {

using absl::StatusCode;
using Ints = std::vector<int32_t>;

void ExpectReduces(const Ints& s0, const Ints& s1, const Ints& r0,
                   const Ints& r1) {
  OpTester op("BroadcastGradientArgs");
  op.Input<int32_t>({static_cast<int64_t>(s0.size())}, s0);
  op.Input<int32_t>({static_cast<int64_t>(s1.size())}, s1);
  ASSERT_OK(op.Run());
  EXPECT_EQ(Values<int32_t>(op.output(0)), r0);
  EXPECT_EQ(Values<int32_t>(op.output(1)), r1);
}

TEST(BroadcastGradientArgsTest, NamesTheRepeatedDimensions) {
  ExpectReduces({2, 1, 3}, {4, 1}, {1}, {0, 2});
  ExpectReduces({2, 1, 3}, {2, 1, 3}, {}, {});
  ExpectReduces({1, 1}, {1}, {0, 1}, {0, 1});
  ExpectReduces({}, {2}, {0}, {});
  ExpectReduces({0, 1}, {1, 5}, {1}, {0});
  ExpectReduces({3, 1, 4}, {1, 1, 4}, {1}, {0, 1});
  ExpectReduces({-2, 3}, {3}, {}, {0});
}

TEST(BroadcastGradientArgsTest, RefusesShapesThatDoNotFit) {
  OpTester op("BroadcastGradientArgs");
  op.Input<int64_t>({2}, {2, 3}).Input<int64_t>({1}, {4});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Incompatible shapes: [2,3] vs. [4]"));
  OpTester matrix("BroadcastGradientArgs");
  matrix.Input<int32_t>({1, 2}, {2, 3}).Input<int32_t>({1}, {4});
  EXPECT_THAT(matrix.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "In[0] must be a vector.[1,2]"));
}

}  // namespace metagraph::broadcast_gradient_args_test
