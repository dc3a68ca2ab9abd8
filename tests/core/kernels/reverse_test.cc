#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::reverse_test {

using absl::StatusCode;
using Axes = std::vector<int32_t>;

TEST(ReverseTest, TurnsNamedDimensions) {
  OpTester flags("Reverse");
  flags.Input<float>({2, 2}, {1, 2, 3, 4}).Input<bool>({2}, {false, true});
  ASSERT_OK(flags.Run());
  ExpectTensorEqual<float>(flags.output(0), {2, 2}, {2, 1, 4, 3});
  OpTester axes("ReverseV2");
  axes.Input<std::string>({2, 2}, {"a", "b", "c", "d"});
  axes.Input<int32_t>({2}, {0, -1});
  ASSERT_OK(axes.Run());
  ExpectTensorEqual<std::string>(axes.output(0), {2, 2}, {"d", "c", "b", "a"});
}

TEST(ReverseTest, LeavesAScalarAlone) {
  for (const std::vector<int32_t>& axes : {Axes{}, Axes{0}, Axes{5, 7}}) {
    OpTester op("ReverseV2");
    op.Scalar<float>(5);
    op.Input<int32_t>({static_cast<int64_t>(axes.size())}, axes);
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {}, {5});
  }
  OpTester flags("Reverse");
  flags.Scalar<float>(5).Input<bool>({1}, {true});
  ASSERT_OK(flags.Run());
  ExpectTensorEqual<float>(flags.output(0), {}, {5});
}

TEST(ReverseTest, RefusesBadAxes) {
  OpTester one("ReverseV2");
  one.Input<float>({1}, {1}).Scalar<int32_t>(0);
  EXPECT_THAT(one.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "'dims' must be 1-dimension, not 0"));

  const auto run = [](const std::vector<int32_t>& axes) {
    OpTester op("ReverseV2");
    op.Input<float>({1, 1}, {1});
    op.Input<int32_t>({static_cast<int64_t>(axes.size())}, axes);
    return op.Run();
  };
  EXPECT_THAT(run({2}), HasCode(StatusCode::kInvalidArgument,
                                "'axis'[0] = 2 is out of valid range [0, 1"));
  EXPECT_THAT(run({0, -2}), HasCode(StatusCode::kInvalidArgument,
                                    "axis 0 specified more than once."));
  OpTester flags("Reverse");
  flags.Input<float>({1, 1}, {1}).Input<bool>({1}, {true});
  EXPECT_THAT(flags.Run(), HasCode(StatusCode::kInvalidArgument, "'dims'"));
}

TEST(ReverseSequenceTest, TurnsTheBeginningOfEachRow) {
  OpTester op("ReverseSequence");
  op.Attr("seq_dim", 1).Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  op.Input<int64_t>({2}, {2, 3});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {2, 1, 3, 6, 5, 4});
}

TEST(ReverseSequenceTest, TimeMayComeFirst) {
  OpTester op("ReverseSequence");
  op.Attr("seq_dim", 0).Attr("batch_dim", 1);
  op.Input<float>({3, 2, 1}, {1, 2, 3, 4, 5, 6}).Input<int32_t>({2}, {2, 3});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3, 2, 1}, {3, 6, 1, 4, 5, 2});
}

TEST(ReverseSequenceTest, RefusesBadLengths) {
  const auto run = [](int64_t length, int seq_dim) {
    OpTester op("ReverseSequence");
    op.Attr("seq_dim", seq_dim).Input<float>({1, 2}, {1, 2});
    op.Input<int64_t>({1}, {length});
    return op.Run();
  };
  EXPECT_THAT(run(3, 1), HasCode(StatusCode::kInvalidArgument,
                                 "seq_lens(0) > input.dims(1)"));
  EXPECT_THAT(run(-1, 1),
              HasCode(StatusCode::kInvalidArgument, "seq_lens(0) < 0"));
  EXPECT_THAT(run(1, 0), HasCode(StatusCode::kInvalidArgument,
                                 "batch_dim == seq_dim == 0"));
  EXPECT_THAT(run(1, 2), HasCode(StatusCode::kInvalidArgument,
                                 "seq_dim must be < input rank ( 2 vs. 2)"));
  EXPECT_FALSE(run(1, -1).ok());
}

TEST(RollTest, MovesAroundTheEnd) {
  OpTester op("Roll");
  op.Input<int32_t>({5}, {0, 1, 2, 3, 4}).Scalar<int32_t>(2).Scalar<int32_t>(0);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {5}, {3, 4, 0, 1, 2});
  OpTester both("Roll");
  both.Input<int32_t>({2, 3}, {0, 1, 2, 3, 4, 5});
  both.Input<int64_t>({2}, {-1, std::numeric_limits<int64_t>::max()});
  both.Input<int64_t>({2}, {0, -1});
  ASSERT_OK(both.Run());
  // 2^63 - 1 modulo 3 is 1.
  ExpectTensorEqual<int32_t>(both.output(0), {2, 3}, {5, 3, 4, 2, 0, 1});
}

TEST(RollTest, RefusesBadAxes) {
  OpTester op("Roll");
  op.Input<float>({1}, {1}).Scalar<int32_t>(1).Scalar<int32_t>(1);
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument, "axis 1 is out of range"));
  OpTester scalar("Roll");
  scalar.Scalar<float>(1).Scalar<int32_t>(1).Scalar<int32_t>(0);
  EXPECT_THAT(scalar.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "input must be 1-D or higher"));
}

// As TensorFlow, which does not look at the dimensions then.
TEST(ReverseTest, LeavesAnEmptyTensorAlone) {
  for (const Axes& axes : {Axes{1, 1}, Axes{5}}) {
    OpTester op("ReverseV2");
    op.Input<float>({0, 2}, {});
    op.Input<int32_t>({static_cast<int64_t>(axes.size())}, axes);
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {0, 2}, {});
  }
}

}  // namespace metagraph::reverse_test
