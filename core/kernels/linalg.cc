// Inverse, determinant, Cholesky factor and solutions of square matrices, for
// each matrix of a batch.

#include <atomic>
#include <cmath>
#include <type_traits>
#include <utility>

#include "Eigen/Cholesky"
#include "Eigen/Core"
#include "Eigen/LU"
#include "core/kernels/broadcast_elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/large_matrix.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

template <typename T>
using Matrix = RowMajorMatrix<T>;
template <typename T>
using ConstMap = Eigen::Map<const Matrix<T>>;
template <typename T>
using MutableMap = Eigen::Map<Matrix<T>>;

// What a T is computed in. complex64 is rare, and its own decompositions would
// take a third of the time to compile this file.
template <typename T>
using Work =
    std::conditional_t<std::is_same_v<T, complex64>, complex128,
                       std::conditional_t<std::is_same_v<T, half>, float, T>>;

// Checks that input `i` is a batch of square matrices and gives their size.
absl::StatusOr<int64_t> SquareSize(const KernelContext& ctx, int i) {
  const TensorShape& shape = ctx.input(i).shape();
  if (shape.rank() < 2) {
    return InvalidArgument("Input tensor ", i, " must have rank >= 2, got ",
                           shape.rank());
  }
  const int64_t size = shape.dim(shape.rank() - 1);
  if (size != shape.dim(shape.rank() - 2)) {
    return InvalidArgument("Input matrix must be square.");
  }
  return size;
}

// Calls fn(index), which returns success, for each matrix; `error` if one
// fails. What Eigen makes on the way, a few matrices, counts against the
// budget.
template <typename F>
absl::Status ForEachMatrix(const KernelContext& ctx, int64_t count,
                           int64_t size, size_t element_bytes,
                           const char* error, F fn) {
  const double cost = double(size) * size * size + 100;
  std::atomic<bool> failed = false;
  RETURN_IF_ERROR(ctx.ParallelFor(
      count, static_cast<int64_t>(std::min(cost, 1e9)),
      [&](int64_t begin, int64_t end) {
        const ScratchCharge charge(2 * size * size * element_bytes);
        for (int64_t i = begin; i < end; ++i) {
          if (!fn(i)) failed = true;
        }
      }));
  RETURN_IF_ERROR(ctx.CheckCancelled());
  return failed ? InvalidArgument(error) : absl::OkStatus();
}

// Solutions are made of so many columns at a time.
constexpr int64_t kColumns = 256;

// Puts `in` x = `right` into `out`. False: `in` is not invertible. A call that
// has ended finds out by itself.
template <typename T, typename Right>
bool SolveLarge(const KernelContext& ctx, Matrix<Work<T>> in,
                const Right& right, MutableMap<T>& out) {
  LargeLu<Work<T>> lu;
  if (!lu.Compute(ctx, std::move(in))) return true;
  if (!lu.IsInvertible()) return false;
  for (int64_t at = 0; at < out.cols(); at += kColumns) {
    const int64_t some = std::min(kColumns, out.cols() - at);
    Matrix<Work<T>> x = right.middleCols(at, some).template cast<Work<T>>();
    if (!lu.Solve(ctx, x)) return true;
    out.middleCols(at, some) = x.template cast<T>();
  }
  return true;
}

template <typename T>
class MatrixInverse final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("adjoint", &adjoint_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(const int64_t n, SquareSize(ctx, 0));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    return ForEachMatrix(
        ctx, input.num_elements() / (n * n), n, sizeof(Work<T>),
        "Input is not invertible.", [&](int64_t i) {
          ConstMap<T> in(input.data<T>() + i * n * n, n, n);
          MutableMap<T> out(output->mutable_data<T>() + i * n * n, n, n);
          Matrix<Work<T>> work;
          if (adjoint_) {
            work = in.adjoint().template cast<Work<T>>();
          } else {
            work = in.template cast<Work<T>>();
          }
          if (n > kSmallMatrix) {
            return SolveLarge<T>(ctx, std::move(work),
                                 Matrix<Work<T>>::Identity(n, n), out);
          }
          const Eigen::PartialPivLU<Matrix<Work<T>>> lu(work);
          if (lu.matrixLU().diagonal().cwiseAbs().minCoeff() <= 0) {
            return false;
          }
          out = lu.inverse().template cast<T>();
          return true;
        });
  }

 private:
  bool adjoint_ = false;
};

template <typename T>
class MatrixDeterminant final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(const int64_t n, SquareSize(ctx, 0));
    TensorShape shape = input.shape();
    shape.RemoveDim(shape.rank() - 1);
    shape.RemoveDim(shape.rank() - 1);
    // An empty matrix has determinant 1, but there may be a great many.
    ASSIGN_OR_RETURN(shape, TensorShape::Build(shape.dims()));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    T* out = output->mutable_data<T>();
    if (n == 0) {
      std::fill_n(out, output->num_elements(), T(1));
      return absl::OkStatus();
    }
    return ForEachMatrix(
        ctx, output->num_elements(), n, sizeof(Work<T>), "", [&](int64_t i) {
          ConstMap<T> in(input.data<T>() + i * n * n, n, n);
          if (n > kSmallMatrix) {
            LargeLu<Work<T>> lu;
            if (lu.Compute(ctx, in.template cast<Work<T>>())) {
              out[i] = static_cast<T>(lu.Determinant());
            }
            return true;
          }
          out[i] = static_cast<T>(in.template cast<Work<T>>().determinant());
          return true;
        });
  }
};

template <typename T>
class Cholesky final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(const int64_t n, SquareSize(ctx, 0));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    return ForEachMatrix(
        ctx, input.num_elements() / (n * n), n, sizeof(Work<T>), "",
        [&](int64_t i) {
          ConstMap<T> in(input.data<T>() + i * n * n, n, n);
          MutableMap<T> out(output->mutable_data<T>() + i * n * n, n, n);
          if (n > kSmallMatrix) {
            Matrix<Work<T>> work = in.template cast<Work<T>>();
            const Factored factored = FactorLarge(ctx, work);
            if (factored == Factored::kEnded) return true;
            out.setZero();
            if (factored == Factored::kYes) {
              out.template triangularView<Eigen::Lower>() =
                  work.template cast<T>();
            } else {
              SetLowerNan(out);
            }
            return true;
          }
          const Eigen::LLT<Matrix<Work<T>>> llt(in.template cast<Work<T>>());
          if (llt.info() == Eigen::Success) {
            out = Matrix<Work<T>>(llt.matrixL()).template cast<T>();
            return true;
          }
          out.setZero();
          SetLowerNan(out);
          return true;
        });
  }

 private:
  // Of what has no factor TensorFlow gives NaN.
  static void SetLowerNan(MutableMap<T>& out) {
    out.template triangularView<Eigen::Lower>().setConstant(T(std::nanf("")));
  }
};

// MatrixSolve: rank, batch dimensions and rows of both sides must be equal.
absl::StatusOr<int64_t> RightSideColumns(const KernelContext& ctx,
                                         int64_t size) {
  const TensorShape& matrix = ctx.input(0).shape();
  const TensorShape& rhs = ctx.input(1).shape();
  if (rhs.rank() != matrix.rank()) {
    return InvalidArgument("All input tensors must have the same rank.");
  }
  const int rows = matrix.rank() - 2;
  for (int i = 0; i < rows; ++i) {
    if (matrix.dim(i) != rhs.dim(i)) {
      return InvalidArgument(
          "All input tensors must have the same outer dimensions.");
    }
  }
  if (size != rhs.dim(rows)) {
    return InvalidArgument("Input matrix and rhs are incompatible.");
  }
  return rhs.dim(rhs.rank() - 1);
}

template <typename T>
class MatrixSolve final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("adjoint", &adjoint_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& matrix = ctx.input(0);
    const Tensor& rhs = ctx.input(1);
    ASSIGN_OR_RETURN(const int64_t n, SquareSize(ctx, 0));
    ASSIGN_OR_RETURN(const int64_t columns, RightSideColumns(ctx, n));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, rhs.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    return ForEachMatrix(
        ctx, matrix.num_elements() / (n * n), n, sizeof(Work<T>),
        "Input matrix is not invertible.", [&](int64_t i) {
          ConstMap<T> in(matrix.data<T>() + i * n * n, n, n);
          ConstMap<T> right(rhs.data<T>() + i * n * columns, n, columns);
          MutableMap<T> out(output->mutable_data<T>() + i * n * columns, n,
                            columns);
          Matrix<Work<T>> work;
          if (adjoint_) {
            work = in.adjoint().template cast<Work<T>>();
          } else {
            work = in.template cast<Work<T>>();
          }
          if (n > kSmallMatrix) {
            return SolveLarge<T>(ctx, std::move(work), right, out);
          }
          const Eigen::PartialPivLU<Matrix<Work<T>>> lu(work);
          if (lu.matrixLU().diagonal().cwiseAbs().minCoeff() <= 0) {
            return false;
          }
          if (columns <= kColumns) {
            out = lu.solve(right.template cast<Work<T>>()).template cast<T>();
            return true;
          }
          for (int64_t at = 0; at < columns && GoesOn(ctx); at += kColumns) {
            const int64_t some = std::min(kColumns, columns - at);
            out.middleCols(at, some) =
                lu.solve(right.middleCols(at, some).template cast<Work<T>>())
                    .template cast<T>();
          }
          return true;
        });
  }

 private:
  bool adjoint_ = false;
};

// What MatrixTriangularSolve solves: batches are broadcast.
struct TriangularOperands {
  int64_t size = 0;     // of each square matrix
  int64_t columns = 0;  // of each right side
  TensorShape output;
  Broadcast batches;  // which matrix of each input goes into which
};

absl::StatusOr<TriangularOperands> BroadcastBatches(const KernelContext& ctx) {
  TensorShape batch[2];
  for (int i = 0; i < 2; ++i) {
    batch[i] = ctx.input(i).shape();
    if (batch[i].rank() < 2) {
      return InvalidArgument("In[", i,
                             "] ndims must be >= 2: ", batch[i].rank());
    }
    batch[i].RemoveDim(batch[i].rank() - 1);
    batch[i].RemoveDim(batch[i].rank() - 1);
  }
  const TensorShape& matrix = ctx.input(0).shape();
  const TensorShape& rhs = ctx.input(1).shape();
  const TensorShape* shapes[] = {&batch[0], &batch[1]};
  auto plan = Broadcast::Make(shapes);
  if (!plan.ok()) {
    return InvalidArgument(
        "In[0] and In[1] must have compatible batch dimensions: ",
        matrix.ToString(), " vs. ", rhs.ToString());
  }
  TriangularOperands out;
  out.size = matrix.dim(matrix.rank() - 1);
  if (out.size != matrix.dim(matrix.rank() - 2)) {
    return InvalidArgument(
        "In[0] matrices in the last dimensions must be "
        "square (",
        matrix.dim(matrix.rank() - 2), " =/= ", out.size, ")");
  }
  if (out.size != rhs.dim(rhs.rank() - 2)) {
    return InvalidArgument("In[0] mismatch In[1] shape: ", out.size, " vs. ",
                           rhs.dim(rhs.rank() - 2), ": ", matrix.ToString(),
                           " ", rhs.ToString());
  }
  out.columns = rhs.dim(rhs.rank() - 1);
  Ints dims(plan->shape().dims().begin(), plan->shape().dims().end());
  dims.push_back(out.size);
  dims.push_back(out.columns);
  ASSIGN_OR_RETURN(out.output, TensorShape::Build(dims));
  out.batches = *std::move(plan);
  return out;
}

template <typename T>
class MatrixTriangularSolve final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("lower", &lower_, "adjoint", &adjoint_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& matrix = ctx.input(0);
    const Tensor& rhs = ctx.input(1);
    ASSIGN_OR_RETURN(const TriangularOperands operands, BroadcastBatches(ctx));
    const int64_t n = operands.size;
    const int64_t columns = operands.columns;
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, operands.output));
    if (output->num_elements() == 0) return absl::OkStatus();
    // A zero on the diagonal gives infinities, as in TensorFlow.
    return ForEachMatrix(
        ctx, operands.batches.shape().num_elements(), n, sizeof(Work<T>), "",
        [&](int64_t i) {
          int64_t left = 0;
          int64_t right_side = 0;
          ForEachElement(operands.batches, i, i + 1,
                         [&](int64_t, const Broadcast::Offsets& at) {
                           left = at[0];
                           right_side = at[1];
                         });
          const int64_t most = std::min(kColumns, columns);
          const ScratchCharge charge(n * most * sizeof(Work<T>));
          const Matrix<Work<T>> in =
              ConstMap<T>(matrix.data<T>() + left * n * n, n, n)
                  .template cast<Work<T>>();
          const ConstMap<T> right(rhs.data<T>() + right_side * n * columns, n,
                                  columns);
          MutableMap<T> out(output->mutable_data<T>() + i * n * columns, n,
                            columns);
          for (int64_t at = 0; at < columns && GoesOn(ctx); at += most) {
            const int64_t some = std::min(most, columns - at);
            Matrix<Work<T>> x =
                right.middleCols(at, some).template cast<Work<T>>();
            const bool goes_on =
                lower_ ? SolveTriangle<Eigen::Lower>(ctx, in, adjoint_, x)
                       : SolveTriangle<Eigen::Upper>(ctx, in, adjoint_, x);
            if (!goes_on) return true;
            out.middleCols(at, some) = x.template cast<T>();
          }
          return true;
        });
  }

 private:
  bool lower_ = true;
  bool adjoint_ = false;
};

// A batch of square matrices.
absl::Status CheckSquare(const PartialShape& shape) {
  RETURN_IF_ERROR(CheckRankAtLeast(shape, 2));
  return MergeDims(DimOf(shape, -2), DimOf(shape, -1)).status();
}

absl::Status SquareRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSquare(ctx.input(0)));
  return UnchangedRule(ctx);
}

absl::Status DeterminantRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSquare(ctx.input(0)));
  ctx.SetOutput(0, Subshape(ctx.input(0), 0, -2));
  return absl::OkStatus();
}

absl::Status SolveRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSquare(ctx.input(0)));
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(1), 2));
  RETURN_IF_ERROR(
      MergeDims(DimOf(ctx.input(0), -2), DimOf(ctx.input(1), -2)).status());
  return SameAsRule<1>(ctx);
}

// As Solve, but batches are broadcast.
absl::Status TriangularSolveRule(ShapeContext& ctx) {
  const PartialShape& matrix = ctx.input(0);
  const PartialShape& rhs = ctx.input(1);
  RETURN_IF_ERROR(CheckSquare(matrix));
  RETURN_IF_ERROR(CheckRankAtLeast(rhs, 2));
  RETURN_IF_ERROR(MergeDims(DimOf(matrix, -2), DimOf(rhs, -2)).status());
  ASSIGN_OR_RETURN(
      const PartialShape batch,
      BroadcastShapes(Subshape(matrix, 0, -2), Subshape(rhs, 0, -2)));
  ctx.SetOutput(0, Concatenated(batch, Subshape(rhs, -2)));
  return absl::OkStatus();
}

REGISTER_OP("MatrixInverse", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("adjoint: bool = false");
  op.Attr("T: type");
  op.Shape(SquareRule);
  op.KernelFor<MatrixInverse, float, double, half, complex64, complex128>("T");
});

REGISTER_OP("MatrixDeterminant", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Shape(DeterminantRule);
  op.KernelFor<MatrixDeterminant, float, double, complex64, complex128>("T");
});

REGISTER_OP("Cholesky", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Shape(SquareRule);
  op.KernelFor<Cholesky, float, double, complex64, complex128>("T");
});

REGISTER_OP("MatrixSolve", [](OpBuilder& op) {
  op.Input("matrix: T").Input("rhs: T").Output("output: T");
  op.Attr("adjoint: bool = false").Attr("T: type");
  op.Shape(SolveRule);
  op.KernelFor<MatrixSolve, float, double, complex64, complex128>("T");
});

REGISTER_OP("MatrixTriangularSolve", [](OpBuilder& op) {
  op.Input("matrix: T").Input("rhs: T").Output("output: T");
  op.Attr("lower: bool = true").Attr("adjoint: bool = false").Attr("T: type");
  op.Shape(TriangularSolveRule);
  op.KernelFor<MatrixTriangularSolve, float, double, complex64, complex128>(
      "T");
});

}  // namespace
}  // namespace metagraph
