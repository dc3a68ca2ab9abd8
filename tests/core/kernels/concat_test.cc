#include "tests/support/op_tester.h"

namespace metagraph::concat_test {

using absl::StatusCode;

TEST(ConcatTest, JoinsAlongAnyAxis) {
  OpTester rows("ConcatV2");
  rows.Input<float>({1, 2}, {1, 2}).Input<float>({2, 2}, {3, 4, 5, 6});
  rows.Scalar<int32_t>(0);
  ASSERT_OK(rows.Run());
  ExpectTensorEqual<float>(rows.output(0), {3, 2}, {1, 2, 3, 4, 5, 6});
  OpTester columns("ConcatV2");
  columns.Input<float>({2, 1}, {1, 2}).Input<float>({2, 2}, {3, 4, 5, 6});
  columns.Scalar<int64_t>(-1);
  ASSERT_OK(columns.Run());
  ExpectTensorEqual<float>(columns.output(0), {2, 3}, {1, 3, 4, 2, 5, 6});
}

TEST(ConcatTest, TheOldOpTakesTheAxisFirst) {
  OpTester op("Concat");
  op.Attr("N", 2).Scalar<int32_t>(0);
  op.Input<std::string>({1}, {"a"}).Input<std::string>({1}, {"b"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"a", "b"});
}

TEST(ConcatTest, TakesEmptyTensors) {
  OpTester op("ConcatV2");
  op.Input<float>({0, 2}, {}).Input<float>({1, 2}, {3, 4}).Scalar<int32_t>(0);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2}, {3, 4});
}

absl::Status Concat(const TensorShape& a, const TensorShape& b, int32_t axis) {
  OpTester op("ConcatV2");
  op.Input(*Tensor::Allocate(DT_FLOAT, a));
  op.Input(*Tensor::Allocate(DT_FLOAT, b)).Scalar<int32_t>(axis);
  return op.Run();
}

TEST(ConcatTest, RefusesShapesThatDoNotFit) {
  EXPECT_THAT(Concat({2, 3}, {3, 4}, 1),
              HasCode(StatusCode::kInvalidArgument,
                      "ConcatOp : Dimension 0 in both shapes must be equal: "
                      "shape[0] = [2,3] vs. shape[1] = [3,4]"));
  for (const auto& [a, b] : std::vector<std::pair<TensorShape, TensorShape>>{
           {{2, 3}, {2}}, {{2}, {2, 3}}}) {
    EXPECT_THAT(Concat(a, b, 0),
                HasCode(StatusCode::kInvalidArgument,
                        "ConcatOp : Ranks of all input tensors should match"));
  }
  EXPECT_THAT(Concat({2, 3}, {2, 3}, 5),
              HasCode(StatusCode::kInvalidArgument,
                      "ConcatOp : Expected concatenating dimensions in the "
                      "range [-2, 2), but got 5"));
  EXPECT_THAT(Concat({}, {}, 0), HasCode(StatusCode::kInvalidArgument,
                                         "Can't concatenate scalars"));
  EXPECT_THAT(Concat({int64_t{1} << 62, 0}, {int64_t{1} << 62, 0}, 0),
              HasCode(StatusCode::kInvalidArgument, "too large"));
}

TEST(PackTest, AddsAnAxis) {
  OpTester op("Pack");
  op.Attr("axis", 1).Input<float>({2}, {1, 2}).Input<float>({2}, {3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {1, 3, 2, 4});
  OpTester scalars("Pack");
  scalars.Scalar<int32_t>(5).Scalar<int32_t>(6).Scalar<int32_t>(7);
  ASSERT_OK(scalars.Run());
  ExpectTensorEqual<int32_t>(scalars.output(0), {3}, {5, 6, 7});
}

TEST(PackTest, RefusesUnequalShapesAndAxes) {
  OpTester shapes("Pack");
  shapes.Input<float>({2}, {1, 2}).Input<float>({3}, {3, 4, 5});
  EXPECT_THAT(shapes.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Shapes of all inputs must match: values[0].shape = [2] "
                      "!= values[1].shape = [3]"));
  OpTester axis("Pack");
  axis.Attr("axis", 3).Input<float>({2}, {1, 2}).Input<float>({2}, {3, 4});
  EXPECT_THAT(axis.Run(),
              HasCode(StatusCode::kInvalidArgument, "axis = 3 not in [-2, 2)"));
}

TEST(ParallelConcatTest, JoinsRows) {
  OpTester op("ParallelConcat");
  op.Attr("shape", PartialShape({2, 1}));
  op.Input<float>({1, 1}, {1}).Input<float>({1, 1}, {2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 1}, {1, 2});
  OpTester bad("ParallelConcat");
  bad.Attr("shape", PartialShape()).Input<float>({2}, {1, 2});
  EXPECT_THAT(bad.Run(), HasCode(StatusCode::kInvalidArgument, "must be 1"));
}

TEST(ConcatOffsetTest, TellsWhereEachBegins) {
  OpTester op("ConcatOffset");
  op.Attr("N", 2).Scalar<int32_t>(1);
  op.Input<int32_t>({2}, {2, 3}).Input<int32_t>({2}, {2, 5});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {0, 0});
  ExpectTensorEqual<int32_t>(op.output(1), {2}, {0, 3});
}

TEST(ConcatOffsetTest, RefusesUnequalSizes) {
  OpTester op("ConcatOffset");
  op.Attr("N", 2).Scalar<int32_t>(0);
  op.Input<int32_t>({2}, {2, 3}).Input<int32_t>({2}, {2, 4});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "All dimensions except 0 must match. Input 1 has shape "
                      "[2 4] and doesn't match input 0 with shape [2 3]."));
}

TEST(ParallelConcatTest, ChecksTheShapeThatWasPromised) {
  OpTester op("ParallelConcat");
  op.Attr("shape", PartialShape({2, 1}));
  op.Input<float>({1, 2}, {1, 2}).Input<float>({1, 2}, {3, 4});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "value and update shape doesn't match [2,1] "
                                "vs. [1,2]"));
}

}  // namespace metagraph::concat_test
