#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::matrix_diag_test {

using absl::StatusCode;

TEST(MatrixDiagTest, PutsVectorsOnDiagonals) {
  OpTester op("MatrixDiag");
  op.Input<float>({2, 2}, {1, 2, 3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2, 2}, {1, 0, 0, 2, 3, 0, 0, 4});
  OpTester scalar("MatrixDiag");
  scalar.Scalar<float>(1);
  EXPECT_THAT(scalar.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "input must be at least 1-dim"));
}

TEST(MatrixDiagPartTest, TakesDiagonals) {
  OpTester op("MatrixDiagPart");
  op.Input<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {1, 5});
  OpTester vector("MatrixDiagPart");
  vector.Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(vector.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "input must be at least 2-dim, received shape: [3]"));
}

TEST(MatrixSetDiagTest, ReplacesDiagonals) {
  for (bool in_place : {false, true}) {
    OpTester op("MatrixSetDiag");
    op.Input<float>({2, 2}, {1, 2, 3, 4}).Input<float>({2}, {8, 9});
    if (in_place) op.AllowForwarding();
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {2, 2}, {8, 2, 3, 9});
  }
  OpTester bad("MatrixSetDiag");
  bad.Input<float>({2, 2}, {1, 2, 3, 4}).Input<float>({1}, {8});
  EXPECT_THAT(bad.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "must have diagonal.shape"));
}

absl::StatusOr<Tensor> BandPart(int64_t lower, int64_t upper) {
  OpTester op("MatrixBandPart");
  op.Input<float>({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  op.Scalar<int64_t>(lower).Scalar<int64_t>(upper);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(MatrixBandPartTest, ZeroesWhatIsOutside) {
  ASSERT_OK_AND_ASSIGN(Tensor out, BandPart(0, -1));
  ExpectTensorEqual<float>(out, {3, 3}, {1, 2, 3, 0, 5, 6, 0, 0, 9});
  ASSERT_OK_AND_ASSIGN(out, BandPart(1, 0));
  ExpectTensorEqual<float>(out, {3, 3}, {1, 0, 0, 4, 5, 0, 0, 8, 9});
  ASSERT_OK_AND_ASSIGN(out, BandPart(std::numeric_limits<int64_t>::min(), 3));
  ExpectTensorEqual<float>(out, {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST(MatrixBandPartTest, RefusesMoreThanThereIs) {
  EXPECT_THAT(BandPart(9, 0),
              HasCode(StatusCode::kInvalidArgument,
                      "num_lower must be negative or less or equal to number "
                      "of rows (3) got: 9"));
  EXPECT_THAT(BandPart(0, 4),
              HasCode(StatusCode::kInvalidArgument, "num_upper must be"));
}

TEST(DiagTest, DoublesTheRankAndBack) {
  OpTester there("Diag");
  there.Input<float>({2}, {1, 2});
  ASSERT_OK(there.Run());
  ExpectTensorEqual<float>(there.output(0), {2, 2}, {1, 0, 0, 2});
  OpTester back("DiagPart");
  back.Input(there.output(0));
  ASSERT_OK(back.Run());
  ExpectTensorEqual<float>(back.output(0), {2}, {1, 2});
}

TEST(DiagTest, AScalarIsItsOwnPart) {
  OpTester op("DiagPart");
  op.Scalar<int64_t>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {}, {3});
}

TEST(DiagTest, RefusesOddRanks) {
  OpTester scalar("Diag");
  scalar.Scalar<float>(1);
  EXPECT_THAT(scalar.Run(), HasCode(StatusCode::kInvalidArgument, "rank 1"));
  OpTester vector("DiagPart");
  vector.Input<float>({1}, {1});
  EXPECT_THAT(vector.Run(), HasCode(StatusCode::kInvalidArgument, "even"));
  OpTester sizes("DiagPart");
  sizes.Input<float>({1, 2}, {1, 2});
  EXPECT_THAT(sizes.Run(),
              HasCode(StatusCode::kInvalidArgument, "do not match"));
}

TEST(MatrixBandPartTest, PassesOverRowsWithoutElements) {
  OpTester op("MatrixBandPart");
  op.Input<float>({int64_t{1} << 40, 0}, {});
  op.Scalar<int64_t>(0).Scalar<int64_t>(0);
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output(0).num_elements(), 0);
}

}  // namespace metagraph::matrix_diag_test
