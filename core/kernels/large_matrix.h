#pragma once

// Decompositions and solutions of matrices so large that each takes long: made
// of blocks, as Eigen makes them, with looks between the blocks whether the
// call is still wanted.

#include <algorithm>
#include <utility>
#include <vector>

#include "Eigen/Cholesky"
#include "Eigen/Core"
#include "Eigen/LU"
#include "core/op/kernel_context.h"
#include "core/tensor/scratch.h"

namespace metagraph {

// Of a matrix with no more rows any step is short.
inline constexpr int64_t kSmallMatrix = 1024;

template <typename T>
using RowMajorMatrix =
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline bool GoesOn(const KernelContext& ctx) {
  return ctx.CheckCancelled().ok();
}

namespace large_matrix {

// Rows or columns of a block: Eigen's.
inline constexpr int64_t kBlock = 256;

// out -= a * b, some columns of it at a time.
template <typename A, typename B, typename Out>
bool SubtractProduct(const KernelContext& ctx, const A& a, const B& b,
                     Out&& out) {
  for (int64_t at = 0; at < out.cols(); at += kBlock) {
    if (!GoesOn(ctx)) return false;
    const int64_t some = std::min<int64_t>(kBlock, out.cols() - at);
    out.middleCols(at, some).noalias() -= a * b.middleCols(at, some);
  }
  return true;
}

}  // namespace large_matrix

// Solves a * x = b in place, or a^H * x = b if `adjoint`, where `a` is the
// triangle `kMode` of the matrix. False: the call has ended.
template <unsigned kMode, typename T>
bool SolveTriangle(const KernelContext& ctx, const RowMajorMatrix<T>& a,
                   bool adjoint, RowMajorMatrix<T>& x) {
  constexpr bool kLower = (kMode & Eigen::Lower) != 0;
  const int64_t n = a.rows();
  const int64_t step = n <= kSmallMatrix ? n : large_matrix::kBlock;
  const bool forward = kLower != adjoint;
  for (int64_t done = 0; done < n; done += step) {
    const int64_t size = std::min(step, n - done);
    const int64_t rest = n - done - size;
    // Of the square at `at`, and of what it is taken from.
    const int64_t at = forward ? done : rest;
    const int64_t to = forward ? done + size : 0;
    auto known = x.middleRows(at, size);
    const auto square = a.block(at, at, size, size);
    if (adjoint) {
      square.template triangularView<kMode>().adjoint().solveInPlace(known);
    } else {
      square.template triangularView<kMode>().solveInPlace(known);
    }
    if (rest == 0) break;
    const bool goes_on =
        adjoint
            ? large_matrix::SubtractProduct(
                  ctx, a.block(at, to, size, rest).adjoint(), known,
                  x.middleRows(to, rest))
            : large_matrix::SubtractProduct(ctx, a.block(to, at, rest, size),
                                            known, x.middleRows(to, rest));
    if (!goes_on) return false;
  }
  return true;
}

// What Eigen::PartialPivLU is.
template <typename T>
class LargeLu {
 public:
  // False: the call has ended, and this is to be used no more.
  bool Compute(const KernelContext& ctx, RowMajorMatrix<T> matrix) {
    lu_ = std::move(matrix);
    const int64_t n = lu_.rows();
    swaps_.resize(n);
    for (int64_t k = 0; k < n; k += large_matrix::kBlock) {
      if (!GoesOn(ctx)) return false;
      const int64_t size = std::min(large_matrix::kBlock, n - k);
      const int64_t rest = n - k - size;
      int swapped = 0;
      using Panel = Eigen::internal::partial_lu_impl<T, Eigen::RowMajor, int,
                                                     Eigen::Dynamic>;
      Panel::blocked_lu(n - k, size, &lu_(k, k), lu_.outerStride(),
                        swaps_.data() + k, swapped, 16);
      odd_ = odd_ != (swapped % 2 != 0);
      for (int64_t i = k; i < k + size; ++i) {
        swaps_[i] += static_cast<int>(k);
        lu_.row(i).head(k).swap(lu_.row(swaps_[i]).head(k));
        lu_.row(i).tail(rest).swap(lu_.row(swaps_[i]).tail(rest));
      }
      if (rest == 0) break;
      auto right = lu_.block(k, k + size, size, rest);
      lu_.block(k, k, size, size)
          .template triangularView<Eigen::UnitLower>()
          .solveInPlace(right);
      if (!large_matrix::SubtractProduct(
              ctx, lu_.block(k + size, k, rest, size), right,
              lu_.block(k + size, k + size, rest, rest))) {
        return false;
      }
    }
    return true;
  }

  bool IsInvertible() const { return lu_.diagonal().cwiseAbs().minCoeff() > 0; }
  T Determinant() const { return T(odd_ ? -1 : 1) * lu_.diagonal().prod(); }
  // Puts the solution in the place of `x`. False: the call has ended.
  bool Solve(const KernelContext& ctx, RowMajorMatrix<T>& x) const {
    for (int64_t i = 0; i < lu_.rows(); ++i) x.row(i).swap(x.row(swaps_[i]));
    return SolveTriangle<Eigen::UnitLower>(ctx, lu_, false, x) &&
           SolveTriangle<Eigen::Upper>(ctx, lu_, false, x);
  }

 private:
  RowMajorMatrix<T> lu_;
  Scratch<int> swaps_;  // of row i with a later one
  bool odd_ = false;
};

enum class Factored { kYes, kNo, kEnded };

// Makes the lower triangle of `matrix` its Cholesky factor; kNo: it has none.
// What stands above the diagonal is undefined.
template <typename T>
Factored FactorLarge(const KernelContext& ctx, RowMajorMatrix<T>& matrix) {
  const int64_t n = matrix.rows();
  for (int64_t k = 0; k < n; k += large_matrix::kBlock) {
    if (!GoesOn(ctx)) return Factored::kEnded;
    const int64_t size = std::min(large_matrix::kBlock, n - k);
    const int64_t rest = n - k - size;
    auto square = matrix.block(k, k, size, size);
    if (Eigen::internal::llt_inplace<T, Eigen::Lower>::blocked(square) >= 0) {
      return Factored::kNo;
    }
    if (rest == 0) break;
    auto below = matrix.block(k + size, k, rest, size);
    square.adjoint()
        .template triangularView<Eigen::Upper>()
        .template solveInPlace<Eigen::OnTheRight>(below);
    for (int64_t at = 0; at < rest; at += large_matrix::kBlock) {
      if (!GoesOn(ctx)) return Factored::kEnded;
      const int64_t some = std::min(large_matrix::kBlock, rest - at);
      matrix.block(k + size + at, k + size + at, rest - at, some).noalias() -=
          below.bottomRows(rest - at) * below.middleRows(at, some).adjoint();
    }
  }
  return Factored::kYes;
}

}  // namespace metagraph
