#include "core/op/shape_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
const PartialShape kAny;

std::string Text(const absl::StatusOr<PartialShape>& shape) {
  return shape.ok() ? shape->ToString() : std::string(shape.status().message());
}

TEST(ShapeRulesTest, HoldShapesToRanks) {
  EXPECT_EQ(Text(WithRank({2, -1}, 2)), "[2,?]");
  EXPECT_EQ(Text(WithRank(kAny, 2)), "[?,?]");
  EXPECT_EQ(Text(WithRank({2}, 2)), "Shape must be rank 2 but is rank 1");
  EXPECT_OK(CheckRankAtLeast(kAny, 3));
  EXPECT_OK(CheckRankAtLeast({1, 1, 1}, 3));
  EXPECT_THAT(CheckRankAtLeast({1}, 3),
              HasCode(kInvalid,
                      "Shape must be at least rank 3 but "
                      "is rank 1"));
  EXPECT_OK(CheckRankAtMost(kAny, 0));
  EXPECT_THAT(CheckRankAtMost({1}, 0),
              HasCode(kInvalid,
                      "Shape must be at most rank 0 but "
                      "is rank 1"));
}

TEST(ShapeRulesTest, MergeWhatIsKnown) {
  EXPECT_EQ(Text(MergeShapes({2, -1}, {-1, 3})), "[2,3]");
  EXPECT_EQ(Text(MergeShapes(kAny, {-1})), "[?]");
  EXPECT_EQ(Text(MergeShapes({0}, kAny)), "[0]");
  EXPECT_EQ(Text(MergeShapes({2}, {2, 3})),
            "Shapes must be equal rank, but are 1 and 2");
  EXPECT_EQ(Text(MergeShapes({2, 3}, {2, 4})),
            "Dimension 1 in both shapes must be equal, but are 3 and 4. Shapes "
            "are [2,3] and [2,4].");
  EXPECT_EQ(*MergeDims(-1, 0), 0);
  EXPECT_EQ(*MergeDims(3, -1), 3);
  EXPECT_THAT(MergeDims(3, 4),
              HasCode(kInvalid, "Dimensions must be equal, but are 3 and 4"));
  EXPECT_THAT(WithValue(4, 3),
              HasCode(kInvalid, "Dimension must be 3 but is 4"));
  EXPECT_EQ(*WithValue(-1, 3), 3);
}

TEST(ShapeRulesTest, KeepWhatBothSay) {
  EXPECT_EQ(CommonShape({2, 3}, {2, 4}).ToString(), "[2,?]");
  EXPECT_EQ(CommonShape({2}, {2, 4}).ToString(), "<unknown>");
  EXPECT_EQ(CommonShape(kAny, {2}).ToString(), "<unknown>");
  EXPECT_EQ(CommonShape({-1}, {2}).ToString(), "[?]");
}

TEST(ShapeRulesTest, BroadcastShapes) {
  EXPECT_EQ(Text(BroadcastShapes({2, 1}, {3})), "[2,3]");
  EXPECT_EQ(Text(BroadcastShapes({0}, {1})), "[0]");
  EXPECT_EQ(Text(BroadcastShapes(PartialShape({}), {-1, 4})), "[?,4]");
  EXPECT_EQ(Text(BroadcastShapes(kAny, {3})), "<unknown>");
  // Beside an unknown size a larger one than 1 is the answer, 1 says nothing.
  EXPECT_EQ(Text(BroadcastShapes({-1, -1, -1}, {3, 1, -1})), "[3,?,?]");
  EXPECT_EQ(Text(BroadcastShapes({2}, {3})),
            "Dimensions must be equal, but are 2 and 3");
}

TEST(ShapeRulesTest, ReduceShapes) {
  const PartialShape shape = {2, -1, 4};
  EXPECT_EQ(Text(ReducedShape(shape, KnownInts{0, -1}, false)), "[?]");
  EXPECT_EQ(Text(ReducedShape(shape, KnownInts{0, -1}, true)), "[1,?,1]");
  EXPECT_EQ(Text(ReducedShape(shape, KnownInts{}, false)), "[2,?,4]");
  EXPECT_EQ(Text(ReducedShape(shape, std::nullopt, false)), "<unknown>");
  EXPECT_EQ(Text(ReducedShape(shape, KnownInts{kUnknownInt}, true)), "[?,?,?]");
  EXPECT_EQ(Text(ReducedShape(kAny, KnownInts{7}, true)), "<unknown>");
  EXPECT_EQ(Text(ReducedShape(shape, KnownInts{3}, true)),
            "Invalid reduction dimension 3 for input with 3 dimensions.");
  EXPECT_EQ(Text(ReducedShape(shape, KnownInts{-4}, true)),
            "Invalid reduction dimension -4 for input with 3 dimensions.");
}

TEST(ShapeRulesTest, CutAndJoinShapes) {
  EXPECT_EQ(Subshape({2, 3, 4}, 1).ToString(), "[3,4]");
  EXPECT_EQ(Subshape({2, 3, 4}, 0, -1).ToString(), "[2,3]");
  EXPECT_EQ(Subshape({2, 3, 4}, -1).ToString(), "[4]");
  EXPECT_EQ(Subshape({2}, 1).ToString(), "[]");
  EXPECT_EQ(Subshape(kAny, 1, 2).ToString(), "<unknown>");
  EXPECT_EQ(Concatenated({2}, {-1}).ToString(), "[2,?]");
  EXPECT_EQ(Concatenated({2}, kAny).ToString(), "<unknown>");
  EXPECT_EQ(ReplaceDim({2, 3}, -1, 7).ToString(), "[2,7]");
  EXPECT_EQ(DimOf({2, 3}, -1), 3);
  EXPECT_EQ(DimOf(kAny, 5), kUnknownDim);
}

TEST(ShapeRulesTest, CountWithoutOverflow) {
  EXPECT_EQ(ElementsOf({2, 3}), 6);
  EXPECT_EQ(ElementsOf({2, -1}), kUnknownDim);
  EXPECT_EQ(ElementsOf({-1, 0}), 0);
  EXPECT_EQ(ElementsOf(kAny), kUnknownDim);
  constexpr int64_t kLarge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(ElementsOf({kLarge, 2}), kUnknownDim);
  EXPECT_EQ(AddDims(kLarge, 1), kUnknownDim);
  EXPECT_EQ(AddDims(-1, 1), kUnknownDim);
  EXPECT_EQ(SubtractDims(3, 4), kUnknownDim);
  EXPECT_EQ(MultiplyDims(-1, 0), 0);
}

}  // namespace
}  // namespace metagraph
