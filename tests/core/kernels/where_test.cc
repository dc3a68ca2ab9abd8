#include <cmath>
#include <vector>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::where_test {

using absl::StatusCode;

TEST(WhereTest, GivesCoordinates) {
  OpTester op("Where");
  op.Input<bool>({2, 2}, {false, true, true, false});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {2, 2}, {0, 1, 1, 0});
  OpTester floats("Where");
  floats.Input<float>({4}, {0, -0.0f, std::nanf(""), 2});
  ASSERT_OK(floats.Run());
  ExpectTensorEqual<int64_t>(floats.output(0), {2, 1}, {2, 3});
  OpTester scalar("Where");
  scalar.Scalar<bool>(true);
  EXPECT_THAT(scalar.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "WhereOp : Unhandled input dimensions: 0"));
}

TEST(WhereTest, CountsRowsOfAnyRankAndType) {
  OpTester op("Where");
  op.Input<int16_t>({2, 1, 3}, {0, 5, 0, -1, 0, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {3, 3}, {0, 0, 1, 1, 0, 0, 1, 0, 2});
  OpTester complex("Where");
  complex.Input<complex64>({3}, {{0, 1}, {0, 0}, {2, 0}});
  ASSERT_OK(complex.Run());
  ExpectTensorEqual<int64_t>(complex.output(0), {2, 1}, {0, 2});
  OpTester empty("Where");
  empty.Input<float>({2, 0}, {});
  ASSERT_OK(empty.Run());
  EXPECT_EQ(empty.output(0).shape(), TensorShape({0, 2}));
}

TEST(WhereTest, TakesNoMemoryBeforeTheBudgetGrantsIt) {
  constexpr int64_t kMany = 1 << 20;
  OpTester op("Where");
  op.Input<uint8_t>({kMany}, std::vector<uint8_t>(kMany, 1));
  const int64_t before = MemoryBudget::Process().used();
  const MemoryLimit limit(4 * kMany);  // the output is twice as large
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted,
                                "when allocating a tensor of 8388608 bytes"));
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

}  // namespace metagraph::where_test
