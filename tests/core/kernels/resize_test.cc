#include <cmath>
#include <limits>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::resize_test {

// The image [[1, 5, 2], [7, 3, 9]] as `op` resizes it to 3 x 5; expected
// values are TensorFlow's.
void ExpectResized(const char* name, const char* flag,
                   const std::vector<float>& want) {
  SCOPED_TRACE(absl::StrCat(name, " ", flag));
  OpTester op(name);
  if (*flag != 0) op.Attr(flag, true);
  op.Input<float>({1, 2, 3, 1}, {1, 5, 2, 7, 3, 9});
  op.Input<int32_t>({2}, {3, 5});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 3, 5, 1}, want, 1e-5, 1e-5);
}

TEST(ResizeBilinearTest, MapsCoordinatesInThreeWays) {
  ExpectResized("ResizeBilinear", "",
                {1, 3.4f, 4.4f, 2.6f, 2, 5, 4.2f, 4.2666667f, 6.0666667f,
                 6.6666667f, 7, 4.6f, 4.2f, 7.8f, 9});
  ExpectResized(
      "ResizeBilinear", "half_pixel_centers",
      {1, 2.6f, 5, 3.2f, 2, 4, 4, 4, 4.9f, 5.5f, 7, 5.4f, 3, 6.6f, 9});
  ExpectResized("ResizeBilinear", "align_corners",
                {1, 3, 5, 3.5f, 2, 4, 4, 4, 4.75f, 5.5f, 7, 5, 3, 6, 9});
}

TEST(ResizeBilinearTest, CopiesWhatHasTheSizeAlready) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const char* flag : {"", "half_pixel_centers", "align_corners"}) {
    OpTester op("ResizeBilinear");
    if (*flag != 0) op.Attr(flag, true);
    op.Input<float>({1, 2, 1, 1}, {inf, 1}).Input<int32_t>({2}, {2, 1});
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {1, 2, 1, 1}, {inf, 1});
  }
  OpTester larger("ResizeBilinear");
  larger.Input<float>({1, 2, 1, 1}, {inf, 1}).Input<int32_t>({2}, {3, 1});
  ASSERT_OK(larger.Run());
  const float nan = std::nanf("");
  ExpectTensorEqual<float>(larger.output(0), {1, 3, 1, 1}, {nan, nan, 1});
}

TEST(ResizeNearestNeighborTest, MapsCoordinatesInThreeWays) {
  ExpectResized("ResizeNearestNeighbor", "",
                {1, 1, 5, 5, 2, 1, 1, 5, 5, 2, 7, 7, 3, 3, 9});
  ExpectResized("ResizeNearestNeighbor", "half_pixel_centers",
                {1, 1, 5, 2, 2, 7, 7, 3, 9, 9, 7, 7, 3, 9, 9});
  ExpectResized("ResizeNearestNeighbor", "align_corners",
                {1, 5, 5, 2, 2, 7, 3, 3, 9, 9, 7, 3, 3, 9, 9});
}

TEST(ResizeBicubicTest, MapsCoordinatesInThreeWays) {
  ExpectResized("ResizeBicubic", "",
                {1, 3.7701597f, 4.855607f, 2.6247442f, 1.6761057f, 5.113227f,
                 3.863246f, 4.0448666f, 6.204576f, 7.140996f, 7.666666f,
                 3.921033f, 3.5415692f, 8.42689f, 10.533531f});
  ExpectResized("ResizeBicubic", "half_pixel_centers",
                {0.26275426f, 2.3556750f, 5.1317773f, 3.0036087f, 1.2674147f, 4,
                 3.9327466f, 4, 4.9732022f, 5.6132884f, 7.7372446f, 5.5098181f,
                 2.868222f, 6.9427943f, 9.9591599f});
  ExpectResized("ResizeBicubic", "align_corners",
                {1, 3.28125f, 5, 3.875f, 2, 4, 3.859375f, 4, 4.75f, 5.5f, 7,
                 4.4375f, 3, 5.625f, 9});
}

TEST(ResizeAreaTest, AveragesWhatAPixelCovers) {
  OpTester op("ResizeArea");
  op.Input<float>({1, 2, 3, 1}, {1, 5, 2, 7, 3, 9});
  op.Input<int32_t>({2}, {3, 2});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 3, 2, 1},
                          {2.3333333f, 3, 4, 5, 5.6666665f, 7});
}

// One value for each column of the output, whatever it takes.
TEST(ResizeTest, CountsWhatItWorksWithAgainstTheBudget) {
  constexpr int32_t kColumns = 100'000;
  for (const char* name : {"ResizeBilinear", "ResizeBicubic", "ResizeArea",
                           "ResizeNearestNeighbor"}) {
    SCOPED_TRACE(name);
    OpTester op(name);
    op.Input<float>({1, 1, 1, 1}, {1}).Input<int32_t>({2}, {1, kColumns});
    const int64_t before = MemoryBudget::Process().used();
    {
      const MemoryLimit limit(kColumns * 4 + 1000);  // the output
      EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kResourceExhausted,
                                    "bytes to work with"));
    }
    EXPECT_EQ(MemoryBudget::Process().used(), before + kColumns * 4);
    EXPECT_OK(op.Run());
  }
}

TEST(ResizeTest, ReadsIntegersAndSeveralChannels) {
  OpTester op("ResizeBilinear");
  op.Input<uint8_t>({2, 1, 2, 2}, {0, 100, 10, 200, 1, 2, 3, 4});
  op.Input<int32_t>({2}, {1, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(
      op.output(0), {2, 1, 4, 2},
      {0, 100, 5, 150, 10, 200, 10, 200, 1, 2, 2, 3, 3, 4, 3, 4});
}

template <typename T>
class NearestTypesTest : public testing::Test {};
using Types = testing::Types<float, double, half, int8_t, uint8_t, int16_t,
                             uint16_t, int32_t, int64_t>;
TYPED_TEST_SUITE(NearestTypesTest, Types);

TYPED_TEST(NearestTypesTest, MovesEveryType) {
  using T = TypeParam;
  OpTester op("ResizeNearestNeighbor");
  op.Input<T>({1, 1, 2, 1}, {T(1), T(2)});
  op.Input<int32_t>({2}, {1, 3});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<T>(op.output(0), {1, 1, 3, 1}, {T(1), T(1), T(2)});
}

TEST(ResizeTest, RefusesSizesThatMakeNoSense) {
  for (const char* name : {"ResizeBilinear", "ResizeNearestNeighbor",
                           "ResizeBicubic", "ResizeArea"}) {
    SCOPED_TRACE(name);
    const auto run = [&](const TensorShape& image, std::vector<int32_t> size) {
      OpTester op(name);
      op.Input<float>(image, std::vector<float>(image.num_elements()));
      op.Input<int32_t>({static_cast<int64_t>(size.size())}, size);
      return op.Run();
    };
    const auto bad = absl::StatusCode::kInvalidArgument;
    EXPECT_THAT(run({1, 2, 2, 1}, {0, 2}), HasCode(bad, "must be positive"));
    EXPECT_THAT(run({1, 2, 2, 1}, {2, -1}), HasCode(bad, "must be positive"));
    EXPECT_THAT(run({1, 0, 2, 1}, {2, 2}), HasCode(bad, "non-zero size"));
    EXPECT_THAT(run({2, 2, 1}, {2, 2}), HasCode(bad, "4-dimensional"));
    EXPECT_THAT(run({1, 2, 2, 1}, {2}), HasCode(bad, "two elements"));
    EXPECT_OK(run({0, 2, 2, 1}, {2, 2}));
    // More than may ever be allocated.
    EXPECT_FALSE(run({1, 1, 1, 1}, {2147483647, 2147483647}).ok());
  }
}

TEST(ResizeTest, RefusesBothKindsOfCoordinates) {
  OpTester op("ResizeBilinear");
  op.Attr("align_corners", true).Attr("half_pixel_centers", true);
  op.Input<float>({1, 1, 1, 1}, {1}).Input<int32_t>({2}, {1, 1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "align_corners must be False"));
}

std::vector<float> Iota(int count) {
  std::vector<float> out(count);
  for (int i = 0; i < count; ++i) out[i] = i;
  return out;
}

TEST(CropAndResizeTest, CropsByFractions) {
  OpTester op("CropAndResize");
  op.Input<float>({1, 4, 4, 1}, Iota(16));
  op.Input<float>({2, 4}, {0, 0, 1, 1, .5, .5, 1.5, .2f});
  op.Input<int32_t>({2}, {0, 0}).Input<int32_t>({2}, {2, 3});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(
      op.output(0), {2, 2, 3, 1},
      {0, 1.5f, 3, 12, 13.5f, 15, 7.5f, 7.05f, 6.6f, 0, 0, 0});
}

TEST(CropAndResizeTest, TakesTheNearestAndFillsTheRest) {
  OpTester op("CropAndResize");
  op.Attr("method", "nearest").Attr("extrapolation_value", -1.0f);
  op.Input<float>({1, 4, 4, 1}, Iota(16));
  op.Input<float>({2, 4}, {0, 0, 1, 1, .5, .5, 1.5, .2f});
  op.Input<int32_t>({2}, {0, 0}).Input<int32_t>({2}, {2, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2, 1, 1}, {2, 14, 9, -1});
}

TEST(CropAndResizeTest, TakesNaNForOutside) {
  OpTester op("CropAndResize");
  const float nan = std::nanf("");
  op.Input<uint8_t>({1, 1, 1, 1}, {7}).Input<float>({1, 4}, {nan, 0, nan, 1});
  op.Input<int32_t>({1}, {0}).Input<int32_t>({2}, {1, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 1, 1}, {0});
}

TEST(CropAndResizeTest, RefusesABoxOfNoImage) {
  OpTester op("CropAndResize");
  op.Input<float>({1, 1, 1, 1}, {7}).Input<float>({1, 4}, {0, 0, 1, 1});
  op.Input<int32_t>({1}, {1}).Input<int32_t>({2}, {1, 1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kOutOfRange, "box_index"));
}

// The tables of a width that nothing is resized to would not fit in memory.
TEST(ResizeTest, MakesNoTablesForAnEmptyBatch) {
  for (const char* name : {"ResizeBilinear", "ResizeNearestNeighbor",
                           "ResizeBicubic", "ResizeArea"}) {
    SCOPED_TRACE(name);
    OpTester op(name);
    op.Input<float>({0, 2, 2, 1}, {});
    op.Input<int32_t>({2}, {0x7fffffff, 0x7fffffff});
    ASSERT_OK(op.Run());
    EXPECT_EQ(op.output(0).num_elements(), 0);
    EXPECT_EQ(op.output(0).dim(2), 0x7fffffff);
  }
}

TEST(ResizeAreaTest, OnePixelWithAlignedCorners) {
  OpTester op("ResizeArea");
  op.Attr("align_corners", true).Input<float>({1, 1, 3, 1}, {1, 2, 3});
  op.Input<int32_t>({2}, {2, 3});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 2, 3, 1}, {1, 2, 3, 1, 2, 3});
}

}  // namespace metagraph::resize_test
