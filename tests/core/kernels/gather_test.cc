#include "tests/support/op_tester.h"

namespace metagraph::gather_test {

using absl::StatusCode;

TEST(GatherTest, TakesRows) {
  OpTester op("Gather");
  op.Input<float>({3, 2}, {1, 2, 3, 4, 5, 6}).Input<int32_t>({2}, {2, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {5, 6, 1, 2});
}

TEST(GatherTest, TakesColumnsByScalarOrTensor) {
  OpTester scalar("GatherV2");
  scalar.Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  scalar.Scalar<int64_t>(1).Scalar<int32_t>(-1);
  ASSERT_OK(scalar.Run());
  ExpectTensorEqual<float>(scalar.output(0), {2}, {2, 5});
  OpTester tensor("GatherV2");
  tensor.Input<std::string>({1, 3}, {"a", "b", "c"});
  tensor.Input<int32_t>({1, 2}, {2, 2}).Scalar<int32_t>(1);
  ASSERT_OK(tensor.Run());
  ExpectTensorEqual<std::string>(tensor.output(0), {1, 1, 2}, {"c", "c"});
}

TEST(GatherTest, GathersWithinBatches) {
  OpTester op("GatherV2");
  op.Attr("batch_dims", 1).Input<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  op.Input<int32_t>({2, 2}, {2, 0, 1, 1}).Scalar<int32_t>(1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2, 2}, {3, 1, 5, 5});
}

TEST(GatherTest, BatchesLeaveRoomForOuterDimensions) {
  OpTester op("GatherV2");
  // params [2, 2, 2], indices [2, 1]: out[b][o][i] = params[b][o][ind[b][i]].
  op.Attr("batch_dims", -1);
  op.Input<int32_t>({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  op.Input<int32_t>({2, 1}, {1, 0}).Scalar<int32_t>(2);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2, 2, 1}, {1, 3, 4, 6});
}

TEST(GatherTest, ReportsTheFirstBadIndex) {
  OpTester op("GatherV2");
  op.Input<float>({5}, {1, 2, 3, 4, 5});
  op.Input<int32_t>({2, 2}, {0, 1, -1, 9}).Scalar<int32_t>(0);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "indices[1,0] = -1 is not in [0, 5)"));
  OpTester empty("Gather");
  empty.Input<float>({0, 2}, {}).Input<int32_t>({1}, {0});
  EXPECT_THAT(empty.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "indices[0] = 0 is not in [0, 0)"));
}

TEST(GatherTest, RefusesScalarsAndWrongAxes) {
  OpTester scalar("Gather");
  scalar.Scalar<float>(1).Scalar<int32_t>(0);
  EXPECT_THAT(scalar.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "params must be at least 1 dimensional"));
  OpTester axis("GatherV2");
  axis.Input<float>({1, 1}, {1}).Scalar<int32_t>(0).Scalar<int32_t>(-3);
  EXPECT_THAT(axis.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Shape must be at least rank 3 but is rank 2"));
  OpTester batch("GatherV2");
  batch.Attr("batch_dims", 1).Input<float>({2, 1}, {1, 2});
  batch.Input<int32_t>({1, 1}, {0}).Scalar<int32_t>(1);
  EXPECT_THAT(batch.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "should be equal to indices.shape[0]: 1"));
}

TEST(GatherTest, RefusesAResultTooLarge) {
  OpTester op("Gather");
  op.Input(*Tensor::Allocate(DT_FLOAT, {0, int64_t{1} << 40}));
  op.Input(*Tensor::Allocate(DT_INT32, {0, int64_t{1} << 40}));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, "int64"));
}

TEST(GatherNdTest, TakesSlices) {
  OpTester op("GatherNd");
  op.Input<float>({2, 2}, {1, 2, 3, 4}).Input<int32_t>({2, 1}, {1, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {3, 4, 1, 2});
  OpTester elements("GatherNd");
  elements.Input<std::string>({2, 2}, {"a", "b", "c", "d"});
  elements.Input<int64_t>({2, 2}, {0, 1, 1, 0});
  ASSERT_OK(elements.Run());
  ExpectTensorEqual<std::string>(elements.output(0), {2}, {"b", "c"});
}

TEST(GatherNdTest, RefusesBadIndices) {
  OpTester op("GatherNd");
  op.Input<float>({2, 3}, {1, 2, 3, 4, 5, 6}).Input<int32_t>({1, 2}, {2, 0});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[0] = [2, 0] does not index into param shape "
                      "[2,3], node name: tested"));
  OpTester deep("GatherNd");
  deep.Input<float>({1}, {1}).Input<int32_t>({1, 2}, {0, 0});
  EXPECT_THAT(deep.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "index innermost dimension length must be <= params "
                      "rank; saw: 2 vs. 1"));
  OpTester empty("GatherNd");
  empty.Input<float>({0}, {}).Input<int32_t>({1, 1}, {0});
  EXPECT_THAT(empty.Run(),
              HasCode(StatusCode::kInvalidArgument, "params is empty"));
}

TEST(GatherNdTest, RefusesEntriesOfNothing) {
  for (const TensorShape& params : {TensorShape{3, 0}, TensorShape{0, 3}}) {
    OpTester op("GatherNd");
    op.Input<float>(params, {}).Input<int32_t>({1, 1}, {0});
    EXPECT_THAT(op.Run(),
                HasCode(StatusCode::kInvalidArgument,
                        "Requested more than 0 entries, but params is empty"));
  }
  OpTester none("GatherNd");
  none.Input<float>({3, 0}, {}).Input<int32_t>({0, 1}, {});
  ASSERT_OK(none.Run());
  ExpectTensorEqual<float>(none.output(0), {0, 0}, {});
}

TEST(GatherTest, TakesNarrowIndices) {
  OpTester rows("GatherV2");
  rows.Input<float>({2, 2}, {1, 2, 3, 4}).Input<int16_t>({2}, {1, 0});
  rows.Scalar<int32_t>(0);
  ASSERT_OK(rows.Run());
  ExpectTensorEqual<float>(rows.output(0), {2, 2}, {3, 4, 1, 2});
  OpTester elements("GatherNd");
  elements.Input<float>({2, 2}, {1, 2, 3, 4}).Input<int16_t>({1, 2}, {1, 0});
  ASSERT_OK(elements.Run());
  ExpectTensorEqual<float>(elements.output(0), {1}, {3});
  elements.ClearInputs();
  elements.Input<float>({2, 2}, {1, 2, 3, 4}).Input<int16_t>({1, 2}, {1, -1});
  EXPECT_THAT(elements.Run(),
              HasCode(absl::StatusCode::kInvalidArgument, "does not index"));
}

// 2^40 indices without an element cost nothing to send, nor to answer.
TEST(GatherTest, PassesOverIndicesWithoutElements) {
  OpTester op("GatherNd");
  op.Input<float>({2, 0}, {}).Input<int64_t>({int64_t{1} << 40, 0}, {});
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument, "params is empty"));
  op.ClearInputs();
  op.Input<float>({2, 0}, {}).Input<int64_t>({int64_t{1} << 40, 0, 1}, {});
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output(0).dim(0), int64_t{1} << 40);
  EXPECT_EQ(op.output(0).num_elements(), 0);
}

// As TensorFlow: where nothing is copied, any index will do.
TEST(GatherTest, DoesNotReadIndicesOfNothing) {
  OpTester rows("Gather");
  rows.Input<float>({1, 0}, {}).Input<int32_t>({2}, {5, 0});
  ASSERT_OK(rows.Run());
  ExpectTensorEqual<float>(rows.output(0), {2, 0}, {});
  OpTester columns("GatherV2");
  columns.Input<std::string>({0, 3}, {}).Scalar<int64_t>(7).Scalar<int32_t>(1);
  ASSERT_OK(columns.Run());
  ExpectTensorEqual<std::string>(columns.output(0), {0}, {});
  OpTester something("GatherV2");
  something.Input<float>({0, 2}, {}).Input<int32_t>({1}, {0});
  something.Scalar<int32_t>(0);
  EXPECT_THAT(something.Run(), HasCode(StatusCode::kInvalidArgument,
                                       "indices[0] = 0 is not in [0, 0)"));
}

}  // namespace metagraph::gather_test
