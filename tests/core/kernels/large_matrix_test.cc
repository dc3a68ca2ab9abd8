#include "core/kernels/large_matrix.h"

#include <string>
#include <vector>

#include "tests/support/expiring_clock.h"
#include "tests/support/op_tester.h"

namespace metagraph::large_matrix_test {

// The last block is not a whole one.
constexpr int64_t kSize = kSmallMatrix + 100;
constexpr int64_t kSides = 2;

// Numbers in [-1, 1) without a pattern that a wrong block could hide in.
double Number(uint64_t i) {
  i = (i + 1) * 0x9E3779B97F4A7C15u;
  i ^= i >> 29;
  return static_cast<double>((i * 0xBF58476D1CE4E5B9u) >> 40) / (1 << 23) - 1;
}
Tensor Numbers(const TensorShape& shape, double diagonal = 0) {
  std::vector<double> out(shape.num_elements());
  for (size_t i = 0; i < out.size(); ++i) out[i] = Number(i);
  const int64_t columns = shape.dim(shape.rank() - 1);
  for (int64_t i = 0; diagonal != 0 && i < columns; ++i) {
    out[i * columns + i] += diagonal;
  }
  return MakeTensor<double>(shape, out);
}
auto View(const Tensor& tensor) {
  return Eigen::Map<const RowMajorMatrix<double>>(tensor.data<double>(),
                                                  tensor.dim(0), tensor.dim(1));
}
// How far x is from solving a x = b.
template <typename A>
double ErrorOf(const A& a, const Tensor& x, const Tensor& b) {
  return (a * View(x) - View(b)).cwiseAbs().maxCoeff();
}

TEST(LargeMatrixTest, SolvesWithPivots) {
  const Tensor a = Numbers({kSize, kSize});
  const Tensor b = Numbers({kSize, kSides});
  for (const bool adjoint : {false, true}) {
    OpTester op("MatrixSolve");
    op.Attr("adjoint", adjoint).Input(a).Input(b);
    ASSERT_OK(op.Run());
    EXPECT_LT(adjoint ? ErrorOf(View(a).transpose(), op.output(0), b)
                      : ErrorOf(View(a), op.output(0), b),
              1e-8);
  }
}

TEST(LargeMatrixTest, SolvesTriangles) {
  const Tensor a = Numbers({kSize, kSize}, 100);
  const Tensor b = Numbers({kSize, kSides});
  for (const bool lower : {false, true}) {
    for (const bool adjoint : {false, true}) {
      OpTester op("MatrixTriangularSolve");
      op.Attr("lower", lower).Attr("adjoint", adjoint).Input(a).Input(b);
      ASSERT_OK(op.Run());
      RowMajorMatrix<double> triangle =
          lower ? RowMajorMatrix<double>(
                      View(a).template triangularView<Eigen::Lower>())
                : RowMajorMatrix<double>(
                      View(a).template triangularView<Eigen::Upper>());
      if (adjoint) triangle.transposeInPlace();
      EXPECT_LT(ErrorOf(triangle, op.output(0), b), 1e-10) << lower << adjoint;
    }
  }
}

TEST(LargeMatrixTest, FactorsWhatIsPositive) {
  RowMajorMatrix<double> a = View(Numbers({kSize, kSize}, 200));
  a = (a + a.transpose()).eval();
  OpTester op("Cholesky");
  const std::vector<double> values(a.data(), a.data() + a.size());
  op.Input<double>({kSize, kSize}, values);
  ASSERT_OK(op.Run());
  const auto factor = View(op.output(0));
  EXPECT_TRUE(factor.isLowerTriangular(0));
  const Tensor some = Numbers({kSize, kSides});
  const RowMajorMatrix<double> product = factor.transpose() * View(some);
  EXPECT_LT((factor * product - a * View(some)).cwiseAbs().maxCoeff(), 1e-8);
  // The last pivot is negative: then there is no factor at all.
  std::vector<double> bad = values;
  bad.back() = -1;
  OpTester none("Cholesky");
  none.Input<double>({kSize, kSize}, bad);
  ASSERT_OK(none.Run());
  EXPECT_TRUE(std::isnan(View(none.output(0))(0, 0)));
  EXPECT_EQ(View(none.output(0))(0, 1), 0);
}

TEST(LargeMatrixTest, ADeterminantHasTheSignOfItsSwaps) {
  // A cycle of kSize rows, an even number of them, and 2 in one place.
  std::vector<double> cycle(kSize * kSize);
  for (int64_t i = 0; i < kSize; ++i) {
    cycle[i * kSize + (i + 1) % kSize] = i == 7 ? 2 : 1;
  }
  OpTester op("MatrixDeterminant");
  op.Input<double>({kSize, kSize}, cycle);
  ASSERT_OK(op.Run());
  ExpectTensorNear<double>(op.output(0), {}, {-2});
}

TEST(LargeMatrixTest, RefusesWhatHasNoInverse) {
  for (const char* name : {"MatrixSolve", "MatrixInverse"}) {
    OpTester op(name);
    op.Input<double>({kSize, kSize}, std::vector<double>(kSize * kSize, 1));
    if (name == std::string("MatrixSolve")) op.Input(Numbers({kSize, 1}));
    EXPECT_THAT(op.Run(),
                HasCode(absl::StatusCode::kInvalidArgument, "not invertible"));
  }
}

// Wherever it passes.
TEST(LargeMatrixTest, ADeadlineEndsEachStep) {
  const Tensor a = Numbers({kSize, kSize}, 2000);
  for (const std::string name :
       {"MatrixInverse", "MatrixSolve", "Cholesky", "MatrixDeterminant",
        "MatrixTriangularSolve"}) {
    int ended = 0;
    for (int asks = 0; asks < 200; asks += 3) {
      OpTester op(name);
      op.Input(a);
      if (name.ends_with("Solve")) op.Input(Numbers({kSize, 1}));
      ExpiringClock clock(asks);
      op.SetDeadline(ExpiringClock::Deadline(), clock);
      const absl::Status status = op.Run();
      if (status.ok()) break;
      ASSERT_THAT(status, HasCode(absl::StatusCode::kDeadlineExceeded, ""));
      ++ended;
    }
    EXPECT_GE(ended, 2) << name;
  }
}

}  // namespace metagraph::large_matrix_test
