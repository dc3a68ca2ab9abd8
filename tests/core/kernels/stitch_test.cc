#include "tests/support/op_tester.h"

namespace metagraph::stitch_test {

using absl::StatusCode;

TEST(DynamicStitchTest, InterleavesRows) {
  for (const char* name : {"DynamicStitch", "ParallelDynamicStitch"}) {
    OpTester op(name);
    op.Attr("N", 2).Scalar<int32_t>(1).Input<int32_t>({2}, {2, 0});
    op.Input<float>({2}, {1, 2}).Input<float>({2, 2}, {3, 4, 5, 6});
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {3, 2}, {5, 6, 1, 2, 3, 4});
  }
}

TEST(DynamicStitchTest, TheLastWriterWinsAndGapsAreZero) {
  OpTester op("DynamicStitch");
  op.Attr("N", 1).Input<int32_t>({2}, {2, 2}).Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3}, {0, 0, 2});
  OpTester none("DynamicStitch");
  none.Attr("N", 1).Input<int32_t>({0}, {}).Input<float>({0, 2}, {});
  ASSERT_OK(none.Run());
  ExpectTensorEqual<float>(none.output(0), {0, 2}, {});
}

TEST(DynamicStitchTest, RefusesShapesThatDoNotFit) {
  OpTester shape("DynamicStitch");
  shape.Attr("N", 1).Input<int32_t>({1}, {0}).Input<float>({2}, {1, 2});
  EXPECT_THAT(shape.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "data[0].shape = [2] does not start with "
                                   "indices[0].shape = [1]"));
  OpTester rows("DynamicStitch");
  rows.Attr("N", 2).Scalar<int32_t>(0).Scalar<int32_t>(1);
  rows.Input<float>({2}, {1, 2}).Input<float>({1}, {3});
  EXPECT_THAT(rows.Run(), HasCode(StatusCode::kInvalidArgument, "Need data"));
  OpTester negative("DynamicStitch");
  negative.Attr("N", 1).Input<int32_t>({1}, {-1}).Input<float>({1}, {1});
  EXPECT_THAT(negative.Run(), HasCode(StatusCode::kInvalidArgument,
                                      "indices[0] is out of range"));
}

TEST(DynamicPartitionTest, SortsRowsIntoOutputs) {
  OpTester op("DynamicPartition");
  op.Attr("num_partitions", 3).Input<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  op.Input<int32_t>({3}, {2, 0, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2}, {3, 4});
  ExpectTensorEqual<float>(op.output(1), {0, 2}, {});
  ExpectTensorEqual<float>(op.output(2), {2, 2}, {1, 2, 5, 6});
}

TEST(DynamicPartitionTest, RefusesUnknownPartitions) {
  OpTester op("DynamicPartition");
  op.Attr("num_partitions", 3).Input<float>({2}, {1, 2});
  op.Input<int32_t>({2}, {0, 3});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "partitions[1] = 3 is not in [0, 3)"));
  OpTester shape("DynamicPartition");
  shape.Attr("num_partitions", 1).Input<float>({3}, {1, 2, 3});
  shape.Input<int32_t>({2}, {0, 0});
  EXPECT_THAT(shape.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "data.shape must start with partitions.shape, got "
                      "data.shape = [3], partitions.shape = [2]"));
}

}  // namespace metagraph::stitch_test
