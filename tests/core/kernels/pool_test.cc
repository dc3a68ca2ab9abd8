#include <cmath>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::pool_test {

using Ints = std::vector<int64_t>;

OpTester& Attrs(OpTester& op, Ints ksize, Ints strides, const char* padding) {
  return op.Attr("ksize", ksize)
      .Attr("strides", strides)
      .Attr("padding", padding);
}

TEST(MaxPoolTest, TakesTheLargestOfEachWindow) {
  OpTester op("MaxPool");
  Attrs(op, {1, 2, 2, 1}, {1, 2, 2, 1}, "SAME");
  op.Input<float>({1, 3, 3, 2}, {1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7,
                                 -7, 8, -8, 9, -9});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2, 2, 2},
                           {5, -1, 6, -3, 8, -7, 9, -9});
}

TEST(MaxPoolTest, LetsNoNaNWin) {
  const float nan = std::nanf("");
  OpTester op("MaxPool");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 1, 1}, "VALID");
  op.Input<float>({1, 1, 3, 1}, {nan, 1, nan});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 2, 1}, {1, 1});
}

TEST(MaxPoolTest, PoolsAlongTheChannels) {
  OpTester op("MaxPool");
  Attrs(op, {1, 1, 1, 2}, {1, 1, 1, 2}, "VALID");
  op.Input<int32_t>({1, 1, 2, 4}, {1, 2, 4, 3, -5, -6, 0, 7});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1, 1, 2, 2}, {2, 4, -5, 7});
}

TEST(MaxPoolTest, TakesChannelsFirst) {
  OpTester op("MaxPool");
  Attrs(op, {1, 1, 1, 2}, {1, 1, 1, 1}, "VALID").Attr("data_format", "NCHW");
  op.Input<float>({1, 2, 1, 3}, {1, 3, 2, 6, 5, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2, 1, 2}, {3, 3, 6, 5});
}

template <typename T>
class PoolTypesTest : public testing::Test {};
using Types = testing::Types<float, double, half, bfloat16, int32_t, int64_t,
                             uint8_t, int16_t, int8_t, uint16_t>;
TYPED_TEST_SUITE(PoolTypesTest, Types);

TYPED_TEST(PoolTypesTest, TakesMaximaOfEveryType) {
  using T = TypeParam;
  OpTester op("MaxPool");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 2, 1}, "SAME");
  op.Input<T>({1, 1, 3, 1}, {T(2), T(7), T(1)});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<T>(op.output(0), {1, 1, 2, 1}, {T(7), T(1)});
}

TEST(MaxPoolTest, TakesEmptyInputs) {
  OpTester op("MaxPool");
  Attrs(op, {1, 3, 3, 1}, {1, 1, 1, 1}, "VALID");
  op.Input<float>({0, 4, 4, 1}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 2, 2, 1}, {});
  op.ClearInputs();
  op.Input<float>({1, 2, 2, 1}, {1, 2, 3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 0, 0, 1}, {});
}

absl::Status RunMaxPool(const TensorShape& shape, Ints ksize, Ints strides,
                        const char* padding = "VALID") {
  OpTester op("MaxPool");
  Attrs(op, ksize, strides, padding);
  op.Input<float>(shape, std::vector<float>(shape.num_elements()));
  return op.Run();
}

TEST(MaxPoolTest, RefusesWindowsThatMakeNoSense) {
  const auto bad = absl::StatusCode::kInvalidArgument;
  const auto missing = absl::StatusCode::kUnimplemented;
  const Ints one = {1, 1, 1, 1};
  EXPECT_THAT(RunMaxPool({1, 2, 2}, one, one), HasCode(bad, "4-dimensional"));
  EXPECT_THAT(RunMaxPool({1, 2, 2, 1}, {1, 0, 1, 1}, one),
              HasCode(bad, "ksize must be positive"));
  EXPECT_THAT(RunMaxPool({1, 2, 2, 1}, one, {1, 1, -1, 1}),
              HasCode(bad, "strides must be positive"));
  EXPECT_THAT(RunMaxPool({1, 2, 2, 1}, {1, 1}, one), HasCode(bad, "ksize"));
  EXPECT_THAT(RunMaxPool({1, 2, 2, 1}, one, one, "EXPLICIT"),
              HasCode(missing, "padding"));
  EXPECT_THAT(RunMaxPool({1, 2, 2, 1}, {2, 1, 1, 1}, one),
              HasCode(missing, "batch dimension"));
  EXPECT_THAT(RunMaxPool({1, 2, 2, 3}, {1, 1, 1, 2}, {1, 1, 1, 2}),
              HasCode(missing, "evenly divide"));
  EXPECT_THAT(RunMaxPool({1, 2, 2, 1}, {1, 9, 1, 1}, one),
              HasCode(bad, "negative"));
  // Absurd sizes are harmless.
  const int64_t huge = (int64_t{1} << 31) - 1;
  EXPECT_OK(RunMaxPool({1, 2, 2, 1}, {1, huge, huge, 1}, one, "SAME"));
  EXPECT_FALSE(RunMaxPool({1, 2, 2, 1}, {1, huge + 1, 1, 1}, one, "SAME").ok());
}

TEST(MaxPoolV2Test, TakesItsWindowAsInputs) {
  OpTester op("MaxPoolV2");
  op.Attr("padding", "VALID");
  op.Input<float>({1, 2, 2, 1}, {1, 4, 3, 2});
  op.Input<int32_t>({4}, {1, 2, 2, 1}).Input<int32_t>({4}, {1, 1, 1, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 1, 1}, {4});
}

TEST(MaxPoolV2Test, RefusesAWindowOfZero) {
  OpTester op("MaxPoolV2");
  op.Attr("padding", "VALID");
  op.Input<float>({1, 1, 1, 1}, {1});
  op.Input<int32_t>({4}, {1, 0, 2, 1}).Input<int32_t>({4}, {1, 1, 1, 1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Sliding window ksize must be positive."));
}

TEST(AvgPoolTest, LeavesPaddingOutOfTheMean) {
  OpTester op("AvgPool");
  Attrs(op, {1, 2, 2, 1}, {1, 1, 1, 1}, "SAME");
  op.Input<float>({1, 2, 2, 1}, {1, 2, 3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2, 2, 1}, {2.5, 3, 3.5, 4});
}

TEST(AvgPoolTest, TakesManyChannels) {
  std::vector<double> in(2 * 130), want(130);
  for (int c = 0; c < 130; ++c) {
    in[c] = c;
    in[130 + c] = c + 2;
    want[c] = c + 1;
  }
  OpTester op("AvgPool");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 1, 1}, "VALID");
  op.Input<double>({1, 1, 2, 130}, in);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<double>(op.output(0), {1, 1, 1, 130}, want);
}

TEST(AvgPoolTest, RefusesToPoolChannels) {
  OpTester op("AvgPool");
  Attrs(op, {1, 1, 1, 2}, {1, 1, 1, 2}, "VALID");
  op.Input<float>({1, 1, 1, 2}, {1, 2});
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kUnimplemented, "Non-spatial"));
}

TEST(Pool3DTest, SlidesThroughThreeDimensions) {
  const Ints ksize = {1, 2, 1, 2, 1}, strides = {1, 1, 1, 1, 1};
  OpTester max("MaxPool3D");
  Attrs(max, ksize, strides, "VALID");
  max.Input<float>({1, 2, 1, 2, 1}, {1, 4, 3, 2});
  ASSERT_OK(max.Run());
  ExpectTensorEqual<float>(max.output(0), {1, 1, 1, 1, 1}, {4});
  OpTester mean("AvgPool3D");
  Attrs(mean, ksize, strides, "SAME");
  mean.Input<float>({1, 2, 1, 2, 1}, {1, 4, 3, 2});
  ASSERT_OK(mean.Run());
  ExpectTensorEqual<float>(mean.output(0), {1, 2, 1, 2, 1}, {2.5, 3, 2.5, 2});
}

}  // namespace metagraph::pool_test
