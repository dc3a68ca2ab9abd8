// Matrix products of all types but float, by Eigen.

#include <algorithm>
#include <vector>

#include "Eigen/Core"
#include "core/kernels/gemm.h"

namespace metagraph {
namespace {

template <typename T>
using Matrix =
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Rows [begin, end) of c. Integers wrap around, so they count as unsigned.
template <typename T>
void MultiplyRange(bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                   int64_t k, const T* a_data, const T* b_data, T* c_data,
                   int64_t begin, int64_t end) {
  Eigen::Map<const Matrix<T>> a(a_data, transpose_a ? k : m,
                                transpose_a ? m : k);
  Eigen::Map<const Matrix<T>> b(b_data, transpose_b ? n : k,
                                transpose_b ? k : n);
  Eigen::Map<Matrix<T>> all(c_data, m, n);
  auto c = all.middleRows(begin, end - begin);
  if (transpose_a) {
    const auto rows = a.middleCols(begin, end - begin).transpose();
    if (transpose_b) {
      c.noalias() = rows * b.transpose();
    } else {
      c.noalias() = rows * b;
    }
  } else {
    const auto rows = a.middleRows(begin, end - begin);
    if (transpose_b) {
      c.noalias() = rows * b.transpose();
    } else {
      c.noalias() = rows * b;
    }
  }
}

// Eigen does not like empty operands.
template <typename T>
bool FillIfEmpty(int64_t m, int64_t n, int64_t k, T* c) {
  if (k == 0) std::fill_n(c, m * n, T(0));
  return k == 0 || m == 0 || n == 0;
}

template <typename T>
absl::Status GemmByEigen(const KernelContext& ctx, bool transpose_a,
                         bool transpose_b, int64_t m, int64_t n, int64_t k,
                         const T* a, const T* b, T* c) {
  if (FillIfEmpty(m, n, k, c)) return absl::OkStatus();
  const double cost = double(n) * k / 8;
  return ctx.ParallelFor(m, static_cast<int64_t>(std::min(cost, 1e9)),
                         [&](int64_t begin, int64_t end) {
                           MultiplyRange(transpose_a, transpose_b, m, n, k, a,
                                         b, c, begin, end);
                         });
}

// The operands as float tensors.
template <typename T>
absl::StatusOr<Tensor> Widened(const T* data, int64_t count) {
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(DT_FLOAT, {count}));
  float* to = out.mutable_data<float>();
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(data[i]);
  return out;
}

// Multiplies in float by `multiply` and rounds.
template <typename T, typename F>
absl::Status GemmInFloat(int64_t m, int64_t n, int64_t k, const T* a,
                         const T* b, T* c, F multiply) {
  ASSIGN_OR_RETURN(Tensor wide_a, Widened(a, m * k));
  ASSIGN_OR_RETURN(Tensor wide_b, Widened(b, k * n));
  ASSIGN_OR_RETURN(Tensor wide_c, Tensor::Allocate(DT_FLOAT, {m * n}));
  RETURN_IF_ERROR(multiply(wide_a.data<float>(), wide_b.data<float>(),
                           wide_c.mutable_data<float>()));
  const float* from = wide_c.data<float>();
  for (int64_t i = 0; i < m * n; ++i) c[i] = T(from[i]);
  return absl::OkStatus();
}

}  // namespace

#define MG_GEMM_(T, U)                                                         \
  template <>                                                                  \
  absl::Status Gemm<T>(const KernelContext& ctx, bool transpose_a,             \
                       bool transpose_b, int64_t m, int64_t n, int64_t k,      \
                       const T* a, const T* b, T* c) {                         \
    return GemmByEigen<U>(                                                     \
        ctx, transpose_a, transpose_b, m, n, k, reinterpret_cast<const U*>(a), \
        reinterpret_cast<const U*>(b), reinterpret_cast<U*>(c));               \
  }                                                                            \
  template <>                                                                  \
  absl::Status GemmOneThread<T>(bool transpose_a, bool transpose_b, int64_t m, \
                                int64_t n, int64_t k, const T* a, const T* b,  \
                                T* c) {                                        \
    if (!FillIfEmpty(m, n, k, c)) {                                            \
      MultiplyRange<U>(                                                        \
          transpose_a, transpose_b, m, n, k, reinterpret_cast<const U*>(a),    \
          reinterpret_cast<const U*>(b), reinterpret_cast<U*>(c), 0, m);       \
    }                                                                          \
    return absl::OkStatus();                                                   \
  }

MG_GEMM_(double, double)
// Unsigned: signed overflow is undefined, the graph's wraps around.
MG_GEMM_(int32_t, uint32_t)
MG_GEMM_(int64_t, uint64_t)
MG_GEMM_(complex64, complex64)
MG_GEMM_(complex128, complex128)
#undef MG_GEMM_

#define MG_GEMM_(T)                                                            \
  template <>                                                                  \
  absl::Status Gemm<T>(const KernelContext& ctx, bool transpose_a,             \
                       bool transpose_b, int64_t m, int64_t n, int64_t k,      \
                       const T* a, const T* b, T* c) {                         \
    return GemmInFloat(                                                        \
        m, n, k, a, b, c, [&](const float* fa, const float* fb, float* fc) {   \
          return Gemm(ctx, transpose_a, transpose_b, m, n, k, fa, fb, fc);     \
        });                                                                    \
  }                                                                            \
  template <>                                                                  \
  absl::Status GemmOneThread<T>(bool transpose_a, bool transpose_b, int64_t m, \
                                int64_t n, int64_t k, const T* a, const T* b,  \
                                T* c) {                                        \
    return GemmInFloat(                                                        \
        m, n, k, a, b, c, [&](const float* fa, const float* fb, float* fc) {   \
          return GemmOneThread(transpose_a, transpose_b, m, n, k, fa, fb, fc); \
        });                                                                    \
  }

MG_GEMM_(half)
MG_GEMM_(bfloat16)
#undef MG_GEMM_

}  // namespace metagraph
