#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/expiring_clock.h"
#include "tests/support/op_tester.h"

namespace metagraph::linalg_test {

const auto kBad = absl::StatusCode::kInvalidArgument;

TEST(MatrixInverseTest, InvertsEachMatrix) {
  OpTester op("MatrixInverse");
  op.Input<float>({2, 2, 2}, {4, 7, 2, 6, 2, 0, 0, 4});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {2, 2, 2},
                          {.6f, -.7f, -.2f, .4f, .5f, 0, 0, .25f});
}

TEST(MatrixInverseTest, InvertsTheAdjoint) {
  OpTester op("MatrixInverse");
  op.Attr("adjoint", true);
  op.Input<double>({2, 2}, {4, 7, 2, 6});
  ASSERT_OK(op.Run());
  ExpectTensorNear<double>(op.output(0), {2, 2}, {.6, -.2, -.7, .4});
}

// Row i holds i + 1, and nothing else, in the next column.
std::vector<double> ScaledCycle(int n) {
  std::vector<double> out(static_cast<size_t>(n) * n);
  for (int i = 0; i < n; ++i) out[i * n + (i + 1) % n] = i + 1;
  return out;
}

TEST(MatrixInverseTest, InvertsALargeMatrixByColumns) {
  constexpr int kSize = 1100;
  OpTester op("MatrixInverse");
  op.Input<double>({kSize, kSize}, ScaledCycle(kSize));
  ASSERT_OK(op.Run());
  std::vector<double> expected(kSize * kSize);
  for (int i = 0; i < kSize; ++i) {
    expected[(i + 1) % kSize * kSize + i] = 1.0 / (i + 1);
  }
  ExpectTensorNear<double>(op.output(0), {kSize, kSize}, expected);
}

TEST(MatrixInverseTest, ADeadlineEndsALargeMatrix) {
  constexpr int kSize = 1100;
  for (const char* name : {"MatrixInverse", "MatrixSolve"}) {
    OpTester op(name);
    op.Input<double>({kSize, kSize}, ScaledCycle(kSize));
    if (name == std::string("MatrixSolve")) {
      op.Input<double>({kSize, 1}, std::vector<double>(kSize, 1));
    }
    ExpiringClock clock(1);
    op.SetDeadline(ExpiringClock::Deadline(), clock);
    EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kDeadlineExceeded, ""));
  }
}

TEST(MatrixInverseTest, RefusesWhatHasNoInverse) {
  OpTester op("MatrixInverse");
  op.Input<float>({2, 2}, {1, 1, 1, 1});
  EXPECT_THAT(op.Run(), HasCode(kBad, "Input is not invertible."));
  op.ClearInputs();
  op.Input<float>({1, 2}, {1, 1});
  EXPECT_THAT(op.Run(), HasCode(kBad, "Input matrix must be square."));
  op.ClearInputs();
  op.Input<float>({1}, {1});
  EXPECT_THAT(op.Run(), HasCode(kBad, "rank >= 2"));
  op.ClearInputs();
  op.Input<float>({3, 0, 0}, {});
  EXPECT_OK(op.Run());
}

TEST(MatrixDeterminantTest, GivesOneNumberForEachMatrix) {
  OpTester op("MatrixDeterminant");
  op.Input<double>({2, 2, 2}, {1, 2, 3, 4, 2, 0, 0, 2});
  ASSERT_OK(op.Run());
  ExpectTensorNear<double>(op.output(0), {2}, {-2, 4});
  op.ClearInputs();
  op.Input<double>({0, 0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<double>(op.output(0), {}, {1});
}

TEST(CholeskyTest, FactorsAPositiveMatrix) {
  OpTester op("Cholesky");
  op.Input<float>({2, 2}, {4, 2, 2, 5});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {2, 2}, {2, 0, 1, 2});
}

TEST(CholeskyTest, GivesNanWhereThereIsNoFactor) {
  const float nan = std::nanf("");
  const float inf = std::numeric_limits<float>::infinity();
  OpTester op("Cholesky");
  op.Input<float>({3, 2, 2}, {1, 2, 2, 1, 4, 0, inf, 9, inf, 0, 0, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3, 2, 2},
                           {nan, 0, nan, nan, nan, 0, nan, nan, inf, 0, 0, 1});
}

TEST(LinalgTest, CountsWhatItWorksWithAgainstTheBudget) {
  // The input and its determinant fit, but not the factors.
  OpTester op("MatrixDeterminant");
  op.Input<float>({200, 200}, std::vector<float>(200 * 200));
  const int64_t before = MemoryBudget::Process().used();
  {
    const MemoryLimit limit(200 * 200 * 4);
    EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kResourceExhausted,
                                  "bytes to work with"));
  }
  EXPECT_LE(MemoryBudget::Process().used(), before + 64);
  EXPECT_OK(op.Run());
}

TEST(MatrixSolveTest, Solves) {
  OpTester op("MatrixSolve");
  op.Input<float>({2, 2}, {4, 7, 2, 6}).Input<float>({2, 1}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {2, 1}, {-.8f, .6f});
  op.ClearInputs();
  op.Input<float>({2, 2}, {4, 7, 2, 6}).Input<float>({1, 2}, {1, 2});
  EXPECT_THAT(op.Run(), HasCode(kBad, "incompatible"));
}

TEST(MatrixTriangularSolveTest, ReadsOneTriangle) {
  for (bool lower : {false, true}) {
    OpTester op("MatrixTriangularSolve");
    op.Attr("lower", lower);
    op.Input<double>({2, 2}, {2, 1, 1, 4}).Input<double>({2, 1}, {4, 8});
    ASSERT_OK(op.Run());
    ExpectTensorNear<double>(
        op.output(0), {2, 1},
        lower ? std::vector<double>{2, 1.5} : std::vector<double>{1, 2});
  }
}

TEST(MatrixTriangularSolveTest, BroadcastsBatches) {
  const std::vector<double> matrix = {2, 0, 0, 4};
  const std::vector<double> right = {2, 4, 4, 8, 6, 12};
  const std::vector<double> want = {1, 1, 2, 2, 3, 3};
  for (const TensorShape& shape : {TensorShape{2, 2}, TensorShape{1, 2, 2}}) {
    OpTester op("MatrixTriangularSolve");
    op.Input<double>(shape, matrix).Input<double>({3, 2, 1}, right);
    ASSERT_OK(op.Run());
    ExpectTensorNear<double>(op.output(0), {3, 2, 1}, want);
  }
  OpTester matrices("MatrixTriangularSolve");
  matrices.Input<double>({2, 2, 2}, {2, 0, 0, 4, 4, 0, 0, 8});
  matrices.Input<double>({2, 1}, {4, 8});
  ASSERT_OK(matrices.Run());
  ExpectTensorNear<double>(matrices.output(0), {2, 2, 1}, {2, 2, 1, 1});
  OpTester bad("MatrixTriangularSolve");
  bad.Input<double>({2, 1, 1}, {1, 2}).Input<double>({3, 1, 1}, {1, 2, 3});
  EXPECT_THAT(bad.Run(), HasCode(kBad,
                                 "In[0] and In[1] must have compatible batch "
                                 "dimensions: [2,1,1] vs. [3,1,1]"));
  OpTester rows("MatrixTriangularSolve");
  rows.Input<double>({1, 1}, {1}).Input<double>({2, 1}, {1, 2});
  EXPECT_THAT(rows.Run(), HasCode(kBad, "In[0] mismatch In[1] shape: 1 vs. 2"));
}

TEST(MatrixTriangularSolveTest, AZeroOnTheDiagonalGivesInfinities) {
  OpTester op("MatrixTriangularSolve");
  op.Input<float>({1, 1}, {0}).Input<float>({1, 2}, {1, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(
      op.output(0), {1, 2},
      {std::numeric_limits<float>::infinity(), std::nanf("")});
}

// As TensorFlow answers.
TEST(MatrixSolveTest, SolvesComplexEquations) {
  const complex64 i(0, 1);
  for (const char* name : {"MatrixSolve", "MatrixTriangularSolve"}) {
    for (bool adjoint : {false, true}) {
      OpTester op(name);
      op.Attr("adjoint", adjoint);
      if (std::string(name) != "MatrixSolve") op.Attr("lower", false);
      op.Input<complex64>({2, 2}, {{2, 1}, i, 0, 3});
      op.Input<complex64>({2, 1}, {1, i});
      ASSERT_OK(op.Run());
      const auto got = Values<complex64>(op.output(0));
      const complex64 want[] = {adjoint ? complex64(0.4f, 0.2f)
                                        : complex64(0.53333336f, -0.26666668f),
                                adjoint ? complex64(-0.06666667f, 0.46666667f)
                                        : complex64(0, 0.33333334f)};
      for (int k = 0; k < 2; ++k) {
        EXPECT_LT(std::abs(got[k] - want[k]), 1e-6) << name << adjoint << k;
      }
    }
  }
}

TEST(MatrixInverseTest, InvertsHalf) {
  OpTester op("MatrixInverse");
  op.Input<half>({2, 2}, {half(2), half(1), half(0), half(4)});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {2, 2},
                          {half(.5f), half(-.125f), half(0), half(.25f)});
}

}  // namespace metagraph::linalg_test
