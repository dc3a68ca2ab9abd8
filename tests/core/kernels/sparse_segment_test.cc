#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::sparse_segment_test {

using absl::StatusCode;
using Ids = std::vector<int32_t>;

OpTester& Picks(OpTester& op, const Ids& indices, const Ids& ids) {
  op.Input<int32_t>({static_cast<int64_t>(indices.size())}, indices);
  return op.Input<int32_t>({static_cast<int64_t>(ids.size())}, ids);
}

absl::StatusOr<Tensor> Reduce(const std::string& name, const Ids& indices,
                              const Ids& ids, int32_t segments = -1) {
  OpTester op(name);
  op.Input<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  Picks(op, indices, ids);
  if (segments >= 0) op.Scalar<int32_t>(segments);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(SparseSegmentTest, ReducesPickedRows) {
  const Ids indices = {0, 2, 1}, ids = {0, 0, 2};
  ASSERT_OK_AND_ASSIGN(Tensor out, Reduce("SparseSegmentSum", indices, ids));
  ExpectTensorEqual<float>(out, {3, 2}, {6, 8, 0, 0, 3, 4});
  ASSERT_OK_AND_ASSIGN(out, Reduce("SparseSegmentMean", indices, ids));
  ExpectTensorEqual<float>(out, {3, 2}, {3, 4, 0, 0, 3, 4});
  ASSERT_OK_AND_ASSIGN(out, Reduce("SparseSegmentSqrtN", indices, ids));
  ExpectTensorNear<float>(out, {3, 2}, {4.242641f, 5.656854f, 0, 0, 3, 4});
  ASSERT_OK_AND_ASSIGN(out, Reduce("SparseSegmentSum", {}, {}));
  ExpectTensorEqual<float>(out, {0, 2}, {});
}

TEST(SparseSegmentTest, GivesAsManySegmentsAsAskedFor) {
  const Ids indices = {0, 2, 1}, ids = {0, 0, 2};
  ASSERT_OK_AND_ASSIGN(
      Tensor out, Reduce("SparseSegmentSumWithNumSegments", indices, ids, 4));
  ExpectTensorEqual<float>(out, {4, 2}, {6, 8, 0, 0, 3, 4, 0, 0});
  ASSERT_OK_AND_ASSIGN(
      out, Reduce("SparseSegmentMeanWithNumSegments", indices, ids, 3));
  ExpectTensorEqual<float>(out, {3, 2}, {3, 4, 0, 0, 3, 4});
  ASSERT_OK_AND_ASSIGN(
      out, Reduce("SparseSegmentSqrtNWithNumSegments", {1}, {0}, 1));
  ExpectTensorEqual<float>(out, {1, 2}, {3, 4});
  ASSERT_OK_AND_ASSIGN(out,
                       Reduce("SparseSegmentSumWithNumSegments", {}, {}, 0));
  ExpectTensorEqual<float>(out, {0, 2}, {});
}

TEST(SparseSegmentTest, SumsOfSmallTypes) {
  OpTester wrap("SparseSegmentSum");
  wrap.Input<int8_t>({2}, {100, 100});
  Picks(wrap, {0, 1}, {0, 0});
  ASSERT_OK(wrap.Run());
  ExpectTensorEqual<int8_t>(wrap.output(0), {1}, {-56});
  // Not rounded in between.
  OpTester small("SparseSegmentSum");
  small.Input<half>({2}, {half(2048.f), half(1.f)});
  Picks(small, {0, 1, 1}, {0, 0, 0});
  ASSERT_OK(small.Run());
  ExpectTensorEqual<half>(small.output(0), {1}, {half(2050.f)});
}

// Long enough for several threads, with segments that reach over blocks.
TEST(SparseSegmentTest, ReducesManyRows) {
  constexpr int kCount = 200000;
  std::vector<int32_t> indices(kCount, 1), ids(kCount);
  for (int i = 0; i < kCount; ++i) ids[i] = i / 70000;
  ASSERT_OK_AND_ASSIGN(Tensor out, Reduce("SparseSegmentSum", indices, ids));
  ExpectTensorEqual<float>(out, {3, 2},
                           {210000, 280000, 210000, 280000, 180000, 240000});
}

TEST(SparseSegmentTest, RefusesBadIndicesAndIds) {
  const auto expect = [](const Ids& indices, const Ids& ids, const char* text,
                         int32_t segments = -1) {
    EXPECT_THAT(Reduce(segments < 0 ? "SparseSegmentSum"
                                    : "SparseSegmentSumWithNumSegments",
                       indices, ids, segments),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({0, 3, 1}, {0, 0, 2}, "Bad: indices[1] == 3 out of range [0, 3)");
  expect({0, -1}, {0, 0}, "Bad: indices[1] == -1 out of range [0, 3)");
  expect({0, 1, 1}, {1, 0, 2}, "segment ids are not increasing");
  expect({0, 1, 1}, {-1, 0, 2},
         "Segment id -1 out of range [0, 3), possibly because 'segment_ids' "
         "input is not sorted.");
  expect({0}, {-1}, "segment ids must be >= 0");
  expect({0, 1}, {0}, "segment_ids and indices should have same size.");
  expect({0, 1}, {0, 2}, "segment ids must be < num_segments", 2);
  OpTester negative("SparseSegmentSumWithNumSegments");
  negative.Input<float>({1}, {1});
  Picks(negative, {0}, {0}).Scalar<int32_t>(-1);
  EXPECT_THAT(negative.Run(), HasCode(StatusCode::kInvalidArgument,
                                      "segment ids must be >= 0"));
  OpTester vector("SparseSegmentSumWithNumSegments");
  vector.Input<float>({1}, {1});
  Picks(vector, {0}, {0}).Input<int32_t>({1}, {5});
  EXPECT_THAT(vector.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "num_segments should be a scalar, not shape [1]"));
  OpTester scalar("SparseSegmentSum");
  Picks(scalar.Scalar<float>(1), {0}, {0});
  EXPECT_THAT(scalar.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "Shape must be at least rank 1"));
  OpTester matrix("SparseSegmentSum");
  matrix.Input<float>({1}, {1}).Input<int32_t>({1, 1}, {0});
  matrix.Input<int32_t>({1}, {0});
  EXPECT_THAT(matrix.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "indices should be a vector."));
  OpTester ids("SparseSegmentSum");
  ids.Input<float>({1}, {1}).Input<int32_t>({1}, {0});
  ids.Input<int32_t>({1, 1}, {0});
  EXPECT_THAT(ids.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "segment_ids should be a vector."));
  // One more than the last id is not a number any more.
  OpTester huge("SparseSegmentSum");
  huge.Input<float>({1}, {1}).Input<int64_t>({1}, {0});
  huge.Input<int64_t>({1}, {std::numeric_limits<int64_t>::max()});
  EXPECT_THAT(huge.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "segment ids must be >= 0"));
}

OpTester& Grad(OpTester& op, const Ids& indices, const Ids& ids, int32_t rows) {
  op.Input<float>({2, 2}, {1, 2, 3, 4});
  return Picks(op, indices, ids).Scalar<int32_t>(rows);
}

TEST(SparseSegmentGradTest, GoesBackToTheRowsThatWerePicked) {
  const auto expect = [](const char* name, const char* v2_name,
                         const std::vector<float>& want) {
    OpTester op(name);
    Grad(op, {0, 2, 2}, {0, 0, 1}, 4);
    ASSERT_OK(op.Run());
    ExpectTensorNear<float>(op.output(0), {4, 2}, want);
    OpTester v2(v2_name);
    Grad(v2, {2, 0, 2}, {0, 0, 1}, 4);
    ASSERT_OK(v2.Run());
    ExpectTensorNear<float>(v2.output(0), {2, 2},
                            {want[0], want[1], want[4], want[5]});
    ExpectTensorEqual<int32_t>(v2.output(1), {2}, {0, 2});
  };
  expect("SparseSegmentSumGrad", "SparseSegmentSumGradV2",
         {1, 2, 0, 0, 4, 6, 0, 0});
  expect("SparseSegmentMeanGrad", "SparseSegmentMeanGradV2",
         {0.5, 1, 0, 0, 3.5, 5, 0, 0});
  expect("SparseSegmentSqrtNGrad", "SparseSegmentSqrtNGradV2",
         {0.7071068f, 1.4142135f, 0, 0, 3.7071068f, 5.4142137f, 0, 0});
  OpTester none("SparseSegmentMeanGrad");
  Grad(none, {}, {}, 1);
  ASSERT_OK(none.Run());
  ExpectTensorEqual<float>(none.output(0), {1, 2}, {0, 0});
}

TEST(SparseSegmentGradTest, SmallFloatsAreNotRoundedInBetween) {
  OpTester op("SparseSegmentSqrtNGrad");
  op.Input<bfloat16>({3}, {bfloat16(-3.f), bfloat16(0.f), bfloat16(4.f)});
  Picks(op, {0, 0, 0}, {0, 0, 2}).Scalar<int32_t>(1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bfloat16>(op.output(0), {1}, {bfloat16(-0.2421875f)});
}

TEST(SparseSegmentGradTest, RefusesBadIndicesAndIds) {
  const auto expect = [](const Ids& indices, const Ids& ids, int32_t rows,
                         const char* text) {
    for (const char* name :
         {"SparseSegmentMeanGrad", "SparseSegmentMeanGradV2"}) {
      OpTester op(name);
      Grad(op, indices, ids, rows);
      EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
    }
  };
  expect({0, 5, 2}, {0, 0, 1}, 4, "Index 5 out of range [0, 4).");
  expect({-1, 2, 2}, {0, 0, 1}, 4, "Index -1 out of range [0, 4).");
  expect({0, 2, 2}, {0, 0, 2}, 4, "Invalid number of segments");
  expect({0, 2, 2}, {-1, 0, 1}, 4, "Segment id -1 out of range [0, 2).");
  expect({0, 2, 2}, {2, 0, 1}, 4, "Segment id 2 out of range [0, 2).");
  expect({0, 2}, {0, 0, 1}, 4,
         "segment_ids and indices should have same size.");
  expect({0}, {0}, -4, "Expected a non-negative size, got -4");
  OpTester rows("SparseSegmentSumGrad");
  rows.Input<float>({1}, {1});
  Picks(rows, {0}, {0}).Input<int32_t>({1}, {4});
  EXPECT_THAT(rows.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "output_dim0 should be a scalar."));
}

}  // namespace metagraph::sparse_segment_test
