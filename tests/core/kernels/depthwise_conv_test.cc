#include "tests/support/op_tester.h"

namespace metagraph::depthwise_conv_test {

OpTester& Attrs(OpTester& op, int64_t stride, const char* padding) {
  return op.Attr("strides", std::vector<int64_t>{1, stride, stride, 1})
      .Attr("padding", padding);
}

TEST(DepthwiseConv2dNativeTest, GivesEachChannelItsFilters) {
  OpTester op("DepthwiseConv2dNative");
  Attrs(op, 1, "VALID");
  op.Input<float>({1, 1, 3, 2}, {1, 10, 2, 20, 3, 30});
  op.Input<float>({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 2, 4},
                           {11, 14, 170, 200, 17, 22, 270, 320});
}

TEST(DepthwiseConv2dNativeTest, PadsStridesAndTakesManyChannels) {
  const int64_t channels = 70;  // more than one piece
  std::vector<float> in, filter(9 * channels, 1), want;
  for (int p = 0; p < 16; ++p) {
    for (int64_t c = 0; c < channels; ++c) in.push_back(p + c);
  }
  // SAME with stride 2 over 4x4: windows begin at 0 and 2, nothing before.
  const int sums[] = {45, 39, 66, 50}, counts[] = {9, 6, 6, 4};
  for (int i = 0; i < 4; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      want.push_back(sums[i] + counts[i] * c);
    }
  }
  OpTester op("DepthwiseConv2dNative");
  Attrs(op, 2, "SAME");
  op.Input<float>({1, 4, 4, channels}, in);
  op.Input<float>({3, 3, channels, 1}, filter);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2, 2, channels}, want);
}

TEST(DepthwiseConv2dNativeTest, TakesChannelsFirstAndHalf) {
  OpTester op("DepthwiseConv2dNative");
  Attrs(op, 1, "SAME").Attr("data_format", "NCHW");
  op.Input<half>({1, 2, 1, 2}, {half(1), half(2), half(3), half(4)});
  op.Input<half>({1, 1, 2, 1}, {half(10), half(100)});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {1, 2, 1, 2},
                          {half(10), half(20), half(300), half(400)});
}

TEST(DepthwiseConv2dNativeTest, RefusesDepthsThatDiffer) {
  OpTester op("DepthwiseConv2dNative");
  Attrs(op, 1, "SAME");
  op.Input<float>({1, 1, 1, 2}, {1, 2}).Input<float>({1, 1, 1, 1}, {1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "must have the same depth: 2 vs 1"));
}

TEST(DepthwiseConv2dNativeTest, TakesAnEmptyBatch) {
  OpTester op("DepthwiseConv2dNative");
  Attrs(op, 1, "SAME");
  op.Input<float>({0, 1, 1, 1}, {}).Input<float>({1, 1, 1, 2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 1, 1, 2}, {});
}

TEST(DepthwiseGradientTest, GivesProductsBack) {
  OpTester input("DepthwiseConv2dNativeBackpropInput");
  Attrs(input, 1, "VALID");
  input.Input<int32_t>({4}, {1, 1, 3, 2});
  input.Input<float>({1, 2, 2, 1}, {1, 2, 3, 4});
  input.Input<float>({1, 1, 2, 2}, {1, 1, 10, 10});
  ASSERT_OK(input.Run());
  ExpectTensorEqual<float>(input.output(0), {1, 1, 3, 2},
                           {1, 2, 13, 24, 30, 40});

  OpTester filter("DepthwiseConv2dNativeBackpropFilter");
  Attrs(filter, 1, "VALID");
  filter.Input<float>({1, 1, 3, 2}, {1, 10, 2, 20, 3, 30});
  filter.Input<int32_t>({4}, {1, 2, 2, 1});
  filter.Input<float>({1, 1, 2, 2}, {1, 1, 10, 10});
  ASSERT_OK(filter.Run());
  ExpectTensorEqual<float>(filter.output(0), {1, 2, 2, 1}, {21, 210, 32, 320});
}

TEST(DepthwiseGradientTest, RefusesAGradientOfAnotherShape) {
  OpTester op("DepthwiseConv2dNativeBackpropInput");
  Attrs(op, 1, "VALID");
  op.Input<int32_t>({4}, {1, 1, 3, 2});
  op.Input<float>({1, 2, 2, 1}, {1, 2, 3, 4});
  op.Input<float>({1, 1, 1, 2}, {1, 1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "expected [1,1,2,2]"));
}

}  // namespace metagraph::depthwise_conv_test
