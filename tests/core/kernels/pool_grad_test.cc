#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::pool_grad_test {

using Ints = std::vector<int64_t>;

OpTester& Attrs(OpTester& op, Ints ksize, Ints strides, const char* padding) {
  return op.Attr("ksize", ksize)
      .Attr("strides", strides)
      .Attr("padding", padding);
}

TEST(MaxPoolWithArgmaxTest, TellsTheFirstMaximum) {
  OpTester op("MaxPoolWithArgmax");
  Attrs(op, {1, 2, 2, 1}, {1, 1, 1, 1}, "SAME");
  op.Input<float>({1, 2, 3, 1}, {1, 5, 2, 7, 7, 9});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2, 3, 1}, {7, 9, 9, 7, 9, 9});
  ExpectTensorEqual<int64_t>(op.output(1), {1, 2, 3, 1}, {3, 5, 5, 3, 5, 5});
}

TEST(MaxPoolWithArgmaxTest, CountsTheBatchIfAsked) {
  for (bool with_batch : {false, true}) {
    OpTester op("MaxPoolWithArgmax");
    Attrs(op, {1, 1, 2, 1}, {1, 1, 2, 1}, "VALID");
    op.Attr("include_batch_in_index", with_batch).Attr("Targmax", DT_INT32);
    op.Input<float>({2, 1, 2, 1}, {1, 2, 4, 3});
    ASSERT_OK(op.Run());
    ExpectTensorEqual<int32_t>(op.output(1), {2, 1, 1, 1},
                               {1, with_batch ? 2 : 0});
  }
}

TEST(MaxPoolGradTest, GivesTheGradientToTheFirstMaximum) {
  OpTester op("MaxPoolGrad");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 1, 1}, "VALID");
  op.Input<float>({1, 1, 4, 1}, {1, 3, 3, 2});
  op.Input<float>({1, 1, 3, 1}, {3, 3, 3});
  op.Input<float>({1, 1, 3, 1}, {10, 20, 30});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 4, 1}, {0, 30, 30, 0});
}

TEST(MaxPoolGradTest, RefusesAGradientOfAnotherShape) {
  OpTester op("MaxPoolGrad");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 1, 1}, "VALID");
  op.Input<float>({1, 1, 4, 1}, {1, 3, 3, 2});
  op.Input<float>({1, 1, 3, 1}, {3, 3, 3});
  op.Input<float>({1, 1, 2, 1}, {10, 20});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Expected grad shape to be [1,1,3,1]"));
}

// It takes memory for what it turns: the input, the gradient and the result.
TEST(MaxPoolGradTest, TurnsOnlyWhatItReads) {
  constexpr int64_t kPixels = 1 << 16;
  OpTester op("MaxPoolGrad");
  Attrs(op, {1, 1, 1, 1}, {1, 1, 1, 1}, "VALID");
  op.Attr("data_format", "NCHW");
  const std::vector<float> ones(kPixels, 1);
  for (int i = 0; i < 3; ++i) op.Input<float>({1, 1, 1, kPixels}, ones);
  const int64_t turned = 3, made = 1;
  const MemoryLimit limit((turned + made) * (kPixels * sizeof(float) + 4096));
  ASSERT_OK(op.Run());
  EXPECT_THAT(op.output(0).values<float>(), testing::Each(1));
}

TEST(AvgPoolGradTest, SharesTheGradientOut) {
  OpTester op("AvgPoolGrad");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 1, 1}, "SAME");
  op.Input<int32_t>({4}, {1, 1, 3, 1});
  op.Input<float>({1, 1, 3, 1}, {2, 4, 6});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 3, 1}, {1, 3, 8});
}

TEST(AvgPoolGradTest, RefusesNegativeSizes) {
  OpTester op("AvgPoolGrad");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 1, 1}, "SAME");
  op.Input<int32_t>({4}, {1, 1, -3, 1});
  op.Input<float>({1, 1, 3, 1}, {2, 4, 6});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument, ""));
}

TEST(Pool3DGradTest, SlidesThroughThreeDimensions) {
  const Ints ksize = {1, 2, 1, 1, 1}, strides = {1, 1, 1, 1, 1};
  OpTester max("MaxPool3DGrad");
  Attrs(max, ksize, strides, "VALID");
  max.Input<float>({1, 2, 1, 1, 1}, {1, 4}).Input<float>({1, 1, 1, 1, 1}, {4});
  max.Input<float>({1, 1, 1, 1, 1}, {5});
  ASSERT_OK(max.Run());
  ExpectTensorEqual<float>(max.output(0), {1, 2, 1, 1, 1}, {0, 5});
  OpTester mean("AvgPool3DGrad");
  Attrs(mean, ksize, strides, "VALID");
  mean.Input<int32_t>({5}, {1, 2, 1, 1, 1});
  mean.Input<float>({1, 1, 1, 1, 1}, {5});
  ASSERT_OK(mean.Run());
  ExpectTensorEqual<float>(mean.output(0), {1, 2, 1, 1, 1}, {2.5, 2.5});
}

// In three dimensions every maximum of a window gets its gradient.
TEST(MaxPool3DGradTest, GoesToAllMaxima) {
  const auto run = [](const std::vector<float>& in,
                      const std::vector<float>& max, int64_t window) {
    OpTester op("MaxPool3DGrad");
    op.Attr("ksize", std::vector<int64_t>{1, 1, 1, window, 1});
    op.Attr("strides", std::vector<int64_t>{1, 1, 1, 1, 1});
    op.Attr("padding", "VALID");
    const int64_t outputs = static_cast<int64_t>(max.size());
    op.Input<float>({1, 1, 1, static_cast<int64_t>(in.size()), 1}, in);
    op.Input<float>({1, 1, 1, outputs, 1}, max);
    std::vector<float> gradient(outputs);
    for (int64_t i = 0; i < outputs; ++i) gradient[i] = float(i + 1);
    op.Input<float>({1, 1, 1, outputs, 1}, gradient);
    EXPECT_OK(op.Run());
    return Values<float>(op.output(0));
  };
  EXPECT_EQ(run({1, 1, 1}, {1}, 3), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(run({1, 1, 0, 1}, {1, 1, 1}, 2), (std::vector<float>{1, 3, 0, 3}));
}

TEST(MaxPoolGradTest, IntegersWrap) {
  OpTester op("MaxPoolGrad");
  Attrs(op, {1, 1, 2, 1}, {1, 1, 1, 1}, "VALID");
  op.Input<int8_t>({1, 1, 3, 1}, {5, 7, 7});
  op.Input<int8_t>({1, 1, 2, 1}, {7, 7});
  op.Input<int8_t>({1, 1, 2, 1}, {100, 100});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int8_t>(op.output(0), {1, 1, 3, 1}, {0, -56, 0});
}

// In TensorFlow's order, which rounding shows: along the depth first.
TEST(MaxPool3DGradTest, AddsBfloat16UpInOrder) {
  const auto values = [](std::vector<float> x) {
    return MakeTensor<bfloat16>({1, 2, 2, 1, 1},
                                std::vector<bfloat16>(x.begin(), x.end()));
  };
  OpTester op("MaxPool3DGrad");
  Attrs(op, {1, 2, 2, 1, 1}, {1, 1, 1, 1, 1}, "SAME");
  op.Input(values({4, 4, 4, 4})).Input(values({4, 4, 4, 4}));
  op.Input(values({1, -1, 0x1p-8f, 0}));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bfloat16>(
      op.output(0), {1, 2, 2, 1, 1},
      {bfloat16(1), bfloat16(0), bfloat16(1), bfloat16(0)});
}

}  // namespace metagraph::pool_grad_test
