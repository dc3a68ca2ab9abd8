#include "tests/support/op_tester.h"

namespace metagraph::split_test {

using absl::StatusCode;

TEST(SplitTest, SharesPiecesOfDimensionZero) {
  OpTester op("Split");
  const Tensor value = MakeTensor<float>({4}, {1, 2, 3, 4});
  op.Attr("num_split", 2).Scalar<int32_t>(0).Input(value);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {1, 2});
  ExpectTensorEqual<float>(op.output(1), {2}, {3, 4});
  EXPECT_TRUE(op.output(1).SharesBufferWith(value));
}

TEST(SplitTest, CopiesPiecesOfOtherDimensions) {
  OpTester op("Split");
  op.Attr("num_split", 2).Scalar<int32_t>(-1);
  op.Input<std::string>({2, 2}, {"a", "b", "c", "d"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2, 1}, {"a", "c"});
  ExpectTensorEqual<std::string>(op.output(1), {2, 1}, {"b", "d"});
}

TEST(SplitTest, RefusesWhatDoesNotDivide) {
  OpTester odd("Split");
  odd.Attr("num_split", 2).Scalar<int32_t>(0).Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(odd.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Number of ways to split should evenly divide the split "
                      "dimension, but got split_dim 0 (size = 3) and num_split "
                      "2"));
  OpTester axis("Split");
  axis.Attr("num_split", 1).Scalar<int32_t>(2).Input<float>({1, 1}, {1});
  EXPECT_THAT(axis.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "-input rank(-2) <= split_dim < input rank (2), but got "
                      "2"));
}

TEST(SplitTest, TheDimensionIsAScalar) {
  OpTester split("Split");
  split.Attr("num_split", 2).Input<int32_t>({1}, {0});
  split.Input<float>({2}, {1, 2});
  EXPECT_THAT(split.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "split_dim must be a scalar but has rank 1"));
  // SplitV takes whatever has one element.
  OpTester one("SplitV");
  one.Attr("num_split", 2).Input<float>({2}, {1, 2});
  one.Input<int64_t>({2}, {1, 1}).Input<int32_t>({1}, {0});
  ASSERT_OK(one.Run());
  ExpectTensorEqual<float>(one.output(1), {1}, {2});
  OpTester none("SplitV");
  none.Attr("num_split", 2).Input<float>({2}, {1, 2});
  none.Input<int64_t>({2}, {1, 1}).Input<int32_t>({0}, {});
  EXPECT_THAT(none.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "split_dim_tensor must have exactly one element."));
}

absl::Status RunSplitV(const std::vector<int64_t>& sizes, OpTester& op) {
  op.Attr("num_split", static_cast<int64_t>(sizes.size()));
  op.Input<float>({1, 4}, {1, 2, 3, 4});
  op.Input<int64_t>({static_cast<int64_t>(sizes.size())}, sizes);
  op.Scalar<int32_t>(1);
  return op.Run();
}

TEST(SplitVTest, InfersOneSize) {
  OpTester op("SplitV");
  ASSERT_OK(RunSplitV({1, -1, 0}, op));
  ExpectTensorEqual<float>(op.output(0), {1, 1}, {1});
  ExpectTensorEqual<float>(op.output(1), {1, 3}, {2, 3, 4});
  ExpectTensorEqual<float>(op.output(2), {1, 0}, {});
}

TEST(SplitVTest, RefusesSizesThatDoNotAddUp) {
  const auto expect = [](const std::vector<int64_t>& sizes, const char* text) {
    OpTester op("SplitV");
    EXPECT_THAT(RunSplitV(sizes, op),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({3, 4}, "Determined shape must either match");
  expect({3},
         "If there is only one output, it must have the same size as the "
         "input. Input size: 4 output size: 3");
  expect({-1}, "Input size: 4 output size: -1");
  expect({-1, -1}, "There can only be one -1 in the input.");
  expect({6, -2}, "must be >= 0");
  expect({INT64_MAX, INT64_MAX}, "");
  expect({5, -1}, "Determined shape must either match");
}

TEST(UnpackTest, TakesADimensionApart) {
  OpTester op("Unpack");
  op.Attr("num", 2).Attr("axis", 1).Input<float>({2, 2}, {1, 2, 3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {1, 3});
  ExpectTensorEqual<float>(op.output(1), {2}, {2, 4});
  OpTester rows("Unpack");
  rows.Attr("num", 2).Input<float>({2}, {1, 2});
  ASSERT_OK(rows.Run());
  ExpectTensorEqual<float>(rows.output(1), {}, {2});
}

TEST(UnpackTest, RefusesAnotherCount) {
  OpTester count("Unpack");
  count.Attr("num", 3).Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(count.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Input shape axis 0 must equal 3, got shape [2,3]"));
  OpTester scalar("Unpack");
  scalar.Attr("num", 1).Scalar<float>(1);
  EXPECT_THAT(scalar.Run(),
              HasCode(StatusCode::kInvalidArgument, "axis = 0 not in [0, 0)"));
}

}  // namespace metagraph::split_test
