#include "tests/support/op_tester.h"

namespace metagraph::image_windows_test {

using Ints = std::vector<int64_t>;

TEST(ExtractImagePatchesTest, LaysPatchesIntoTheDepth) {
  OpTester op("ExtractImagePatches");
  op.Attr("ksizes", Ints{1, 2, 2, 1}).Attr("strides", Ints{1, 1, 2, 1});
  op.Attr("rates", Ints{1, 1, 1, 1}).Attr("padding", "SAME");
  op.Input<int32_t>({1, 2, 3, 1}, {1, 2, 3, 4, 5, 6});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1, 2, 2, 4},
                             {1, 2, 4, 5, 3, 0, 6, 0, 4, 5, 0, 0, 6, 0, 0, 0});
}

TEST(ExtractImagePatchesTest, DilatesAndMovesEverySize) {
  const auto run = [](Tensor image) {
    OpTester op("ExtractImagePatches");
    op.Attr("ksizes", Ints{1, 1, 2, 1}).Attr("strides", Ints{1, 1, 1, 1});
    op.Attr("rates", Ints{1, 1, 2, 1}).Attr("padding", "VALID");
    op.Input(std::move(image));
    EXPECT_OK(op.Run());
    return op.output(0);
  };
  ExpectTensorEqual<uint8_t>(run(MakeTensor<uint8_t>({1, 1, 3, 1}, {1, 2, 3})),
                             {1, 1, 1, 2}, {1, 3});
  ExpectTensorEqual<half>(
      run(MakeTensor<half>({1, 1, 3, 1}, {half(1), half(2), half(3)})),
      {1, 1, 1, 2}, {half(1), half(3)});
  ExpectTensorEqual<double>(run(MakeTensor<double>({1, 1, 3, 1}, {1, 2, 3})),
                            {1, 1, 1, 2}, {1, 3});
}

TEST(ExtractImagePatchesTest, RefusesWindowsOverTheBatch) {
  OpTester op("ExtractImagePatches");
  op.Attr("ksizes", Ints{2, 1, 2, 1}).Attr("strides", Ints{1, 1, 1, 1});
  op.Attr("rates", Ints{1, 1, 2, 1}).Attr("padding", "VALID");
  op.Input<float>({1, 1, 1, 1}, {1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kUnimplemented, "ksizes"));
}

TEST(Dilation2DTest, TakesTheLargestSum) {
  OpTester op("Dilation2D");
  op.Attr("strides", Ints{1, 1, 1, 1}).Attr("rates", Ints{1, 1, 1, 1});
  op.Attr("padding", "SAME");
  op.Input<float>({1, 3, 3, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8});
  op.Input<float>({2, 2, 1}, {.1f, .2f, .3f, .4f});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(
      op.output(0), {1, 3, 3, 1},
      {4.4f, 5.4f, 5.3f, 7.4f, 8.4f, 8.3f, 7.2f, 8.2f, 8.1f});
}

TEST(Dilation2DTest, RefusesOtherDepths) {
  OpTester op("Dilation2D");
  op.Attr("strides", Ints{1, 1, 1, 1}).Attr("rates", Ints{1, 1, 1, 1});
  op.Attr("padding", "SAME");
  op.Input<int8_t>({1, 1, 1, 1}, {1}).Input<int8_t>({1, 1, 2}, {1, 2});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument, "depth"));
}

TEST(ExtractImagePatchesTest, MovesSixteenBytes) {
  OpTester op("ExtractImagePatches");
  op.Attr("ksizes", Ints{1, 1, 2, 1}).Attr("strides", Ints{1, 1, 1, 1});
  op.Attr("rates", Ints{1, 1, 1, 1}).Attr("padding", "SAME");
  op.Input<complex128>({1, 1, 2, 1}, {{1, 2}, {3, 4}});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<complex128>(op.output(0), {1, 1, 2, 2},
                                {{1, 2}, {3, 4}, {3, 4}, {0, 0}});
}

}  // namespace metagraph::image_windows_test
