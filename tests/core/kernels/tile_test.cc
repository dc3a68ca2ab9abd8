#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::tile_test {

using absl::StatusCode;

TEST(TileTest, RepeatsEachDimension) {
  OpTester op("Tile");
  op.Input<float>({2, 1}, {1, 2}).Input<int32_t>({2}, {2, 3});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {4, 3},
                           {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2});
}

TEST(TileTest, TakesStringsZerosAndScalars) {
  OpTester op("Tile");
  op.Input<std::string>({1}, {"a"}).Input<int64_t>({1}, {2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"a", "a"});
  OpTester none("Tile");
  none.Input<float>({2}, {1, 2}).Input<int32_t>({1}, {0});
  ASSERT_OK(none.Run());
  ExpectTensorEqual<float>(none.output(0), {0}, {});
  OpTester scalar("Tile");
  scalar.Scalar<float>(1).Input<int32_t>({0}, {});
  ASSERT_OK(scalar.Run());
  ExpectTensorEqual<float>(scalar.output(0), {}, {1});
}

TEST(TileTest, RefusesBadMultiples) {
  const auto run = [](const std::vector<int64_t>& multiples) {
    OpTester op("Tile");
    op.Input<float>({1, 2}, {1, 2});
    op.Input<int64_t>({static_cast<int64_t>(multiples.size())}, multiples);
    return op.Run();
  };
  EXPECT_THAT(run({1}), HasCode(StatusCode::kInvalidArgument,
                                "Expected multiples argument to be a vector of "
                                "length 2 but got length 1"));
  EXPECT_THAT(run({-1, 1}), HasCode(StatusCode::kInvalidArgument,
                                    "Expected multiples[0] >= 0, but got -1"));
  EXPECT_FALSE(run({1, std::numeric_limits<int64_t>::max()}).ok());
  EXPECT_FALSE(run({int64_t{1} << 40, int64_t{1} << 40}).ok());
}

TEST(BroadcastToTest, RepeatsOnes) {
  OpTester op("BroadcastTo");
  op.Input<float>({2, 1}, {1, 2}).Input<int32_t>({3}, {2, 2, 3});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2, 3},
                           {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2});
}

TEST(BroadcastToTest, RefusesOtherSizes) {
  OpTester op("BroadcastTo");
  op.Input<float>({2}, {1, 2}).Input<int32_t>({1}, {3});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Incompatible shapes: [2] vs. [3]"));
  OpTester rank("BroadcastTo");
  rank.Input<float>({1, 1}, {1}).Input<int32_t>({1}, {1});
  EXPECT_THAT(rank.Run(), HasCode(StatusCode::kInvalidArgument, "Rank"));
  OpTester scalar("BroadcastTo");
  scalar.Scalar<float>(1).Scalar<int32_t>(9);
  EXPECT_THAT(scalar.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "shape must be a vector of {int32,int64}, got shape []"));
}

TEST(BroadcastArgsTest, MergesShapes) {
  OpTester op("BroadcastArgs");
  op.Input<int32_t>({3}, {4, 1, 3}).Input<int32_t>({2}, {2, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {3}, {4, 2, 3});
  OpTester bad("BroadcastArgs");
  bad.Input<int64_t>({1}, {2}).Input<int64_t>({1}, {3});
  EXPECT_THAT(bad.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "Incompatible shapes: [2] vs. [3]"));
}

// Sizes below 0 are compared as they are, as TensorFlow does.
TEST(BroadcastArgsTest, TakesSizesThatAreNone) {
  OpTester op("BroadcastArgs");
  op.Input<int64_t>({0}, {}).Input<int64_t>({3}, {8, -8, 8});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {3}, {8, -8, 8});
  OpTester bad("BroadcastArgs");
  bad.Input<int32_t>({1}, {-2}).Input<int32_t>({1}, {2});
  EXPECT_THAT(bad.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "Incompatible shapes: [-2] vs. [2]"));
}

}  // namespace metagraph::tile_test
