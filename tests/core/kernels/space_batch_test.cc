#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::space_batch_test {

using absl::StatusCode;

// 1, 2, 3, … as float.
Tensor Counting(const TensorShape& shape) {
  Tensor out = *Tensor::Allocate(DT_FLOAT, shape);
  for (int64_t i = 0; i < out.num_elements(); ++i) {
    out.mutable_data<float>()[i] = static_cast<float>(i + 1);
  }
  return out;
}

TEST(SpaceToBatchTest, MovesBlocksIntoTheBatch) {
  OpTester op("SpaceToBatchND");
  op.Input(Counting({1, 2, 2, 1})).Input<int32_t>({2}, {2, 2});
  op.Input<int32_t>({2, 2}, {0, 0, 0, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {4, 1, 1, 1}, {1, 2, 3, 4});
}

TEST(SpaceToBatchTest, PadsFirst) {
  OpTester op("SpaceToBatchND");
  op.Input(Counting({1, 3})).Input<int32_t>({1}, {2});
  op.Input<int64_t>({1, 2}, {1, 2});
  ASSERT_OK(op.Run());
  // 0 1 | 2 3 | 0 0
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {0, 2, 0, 1, 3, 0});
  OpTester old("SpaceToBatch");
  old.Attr("block_size", 2).Input(Counting({1, 2, 2, 1}));
  old.Input<int32_t>({2, 2}, {0, 0, 2, 0});
  ASSERT_OK(old.Run());
  ExpectTensorEqual<float>(old.output(0), {4, 1, 2, 1},
                           {0, 1, 0, 2, 0, 3, 0, 4});
}

TEST(SpaceToBatchTest, AndBackWithCrops) {
  OpTester op("BatchToSpaceND");
  op.Input<std::string>({2, 3}, {"", "b", "", "a", "c", ""});
  op.Input<int32_t>({1}, {2}).Input<int32_t>({1, 2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {1, 3}, {"a", "b", "c"});
  OpTester old("BatchToSpace");
  old.Attr("block_size", 2).Input(Counting({4, 1, 1, 1}));
  old.Input<int32_t>({2, 2}, {1, 0, 0, 0});
  ASSERT_OK(old.Run());
  ExpectTensorEqual<float>(old.output(0), {1, 1, 2, 1}, {3, 4});
}

absl::Status SpaceToBatch(int64_t block, int64_t before, int64_t after) {
  OpTester op("SpaceToBatchND");
  op.Input(Counting({1, 3})).Input<int64_t>({1}, {block});
  op.Input<int64_t>({1, 2}, {before, after});
  return op.Run();
}

TEST(SpaceToBatchTest, RefusesBadBlocks) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(
      SpaceToBatch(2, 0, 0),
      HasCode(StatusCode::kInvalidArgument,
              "padded_shape[0]=3 is not divisible by block_shape[0]=2"));
  EXPECT_THAT(SpaceToBatch(0, 0, 0),
              HasCode(StatusCode::kInvalidArgument,
                      "All values in block_shape must be positive, got value, "
                      "0 at index 0."));
  EXPECT_FALSE(SpaceToBatch(2, -1, 0).ok());
  EXPECT_FALSE(SpaceToBatch(2, kMax, kMax).ok());
  EXPECT_FALSE(SpaceToBatch(kMax, kMax - 3, 0).ok());
}

absl::Status BatchToSpace(int64_t block, int64_t before, int64_t after) {
  OpTester op("BatchToSpaceND");
  op.Input(Counting({3, 1})).Input<int64_t>({1}, {block});
  op.Input<int64_t>({1, 2}, {before, after});
  return op.Run();
}

TEST(BatchToSpaceTest, RefusesBadBlocks) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(BatchToSpace(4, 0, 0),
              HasCode(StatusCode::kInvalidArgument,
                      "Input batch dimension (3) is not divisible by product "
                      "of block sizes (4)"));
  EXPECT_THAT(BatchToSpace(3, 2, 2),
              HasCode(StatusCode::kInvalidArgument,
                      "cropped_shape[0]=-1 must be non-negative"));
  EXPECT_FALSE(BatchToSpace(3, kMax, kMax).ok());
  EXPECT_FALSE(BatchToSpace(kMax, 0, 0).ok());
}

TEST(SpaceToDepthTest, MovesBlocksIntoTheDepth) {
  OpTester op("SpaceToDepth");
  op.Attr("block_size", 2).Input(Counting({1, 2, 4, 1}));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 2, 4},
                           {1, 2, 5, 6, 3, 4, 7, 8});
}

TEST(DepthToSpaceTest, UndoesSpaceToDepthInBothLayouts) {
  for (const char* format : {"NHWC", "NCHW"}) {
    const Tensor image = Counting({2, 4, 6, 4});
    OpTester there("SpaceToDepth");
    there.Attr("block_size", 2).Attr("data_format", format).Input(image);
    ASSERT_OK(there.Run());
    OpTester back("DepthToSpace");
    back.Attr("block_size", 2).Attr("data_format", format);
    back.Input(there.output(0));
    ASSERT_OK(back.Run());
    ExpectTensorEqual<float>(back.output(0), {2, 4, 6, 4},
                             Values<float>(image));
  }
}

TEST(DepthToSpaceTest, RefusesShapesThatDoNotDivide) {
  OpTester depth("DepthToSpace");
  depth.Attr("block_size", 2).Input(Counting({1, 1, 1, 3}));
  EXPECT_THAT(depth.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Input depth dimension 3 should be divisible by: 4"));
  OpTester rank("DepthToSpace");
  rank.Attr("block_size", 2).Input(Counting({1, 1, 4}));
  EXPECT_THAT(rank.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "Input rank should be: 4 instead of: 3"));
  OpTester size("SpaceToDepth");
  size.Attr("block_size", 2).Input(Counting({1, 3, 3, 1}));
  EXPECT_THAT(size.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Image width 3 and height 3 should be divisible by "
                      "block_size: 2"));
}

}  // namespace metagraph::space_batch_test
