// Matrix products of all types but float, by Eigen.

#include <algorithm>

#include "Eigen/Core"
#include "absl/functional/function_ref.h"
#include "core/kernels/gemm.h"

namespace metagraph {
namespace {

template <typename T>
using Matrix =
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Rows [begin, end) of c = a * b.
template <typename T>
void MultiplyRange(int64_t n, int64_t k, const T* a, const T* b, T* c,
                   int64_t begin, int64_t end) {
  using Map = Eigen::Map<const Matrix<T>>;
  Eigen::Map<Matrix<T>>(c + begin * n, end - begin, n).noalias() =
      Map(a + begin * k, end - begin, k) * Map(b, k, n);
}

// Transposes into `copy` and points `data` to it.
template <typename T>
absl::Status Transpose(int64_t rows, int64_t cols, const T** data,
                       Tensor* copy) {
  ASSIGN_OR_RETURN(*copy, Tensor::Allocate(kDataType<T>, {rows * cols}));
  T* out = copy->template mutable_data<T>();
  Eigen::Map<Matrix<T>>(out, cols, rows) =
      Eigen::Map<const Matrix<T>>(*data, rows, cols).transpose();
  *data = out;
  return absl::OkStatus();
}

// Transposed operands are copied: a product for each way would take much
// longer to compile, and the copy is little beside the product. `run` calls
// its argument with ranges of rows.
template <typename T, typename F>
absl::Status GemmByEigen(bool transpose_a, bool transpose_b, int64_t m,
                         int64_t n, int64_t k, const T* a, const T* b, T* c,
                         F run) {
  // Eigen does not like empty operands.
  if (k == 0) std::fill_n(c, m * n, T(0));
  if (k == 0 || m == 0 || n == 0) return absl::OkStatus();
  Tensor a_copy;
  Tensor b_copy;
  if (transpose_a) RETURN_IF_ERROR(Transpose(k, m, &a, &a_copy));
  if (transpose_b) RETURN_IF_ERROR(Transpose(n, k, &b, &b_copy));
  return run([=](int64_t begin, int64_t end) {
    MultiplyRange(n, k, a, b, c, begin, end);
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

// U is what T is computed in.
#define MG_GEMM_(T, U)                                                         \
  template <>                                                                  \
  absl::Status Gemm<T>(const KernelContext& ctx, bool transpose_a,             \
                       bool transpose_b, int64_t m, int64_t n, int64_t k,      \
                       const T* a, const T* b, T* c) {                         \
    const double cost = std::min(double(n) * k / 8, 1e9);                      \
    return GemmByEigen(                                                        \
        transpose_a, transpose_b, m, n, k, reinterpret_cast<const U*>(a),      \
        reinterpret_cast<const U*>(b), reinterpret_cast<U*>(c),                \
        [&](absl::FunctionRef<void(int64_t, int64_t)> multiply) {              \
          return ctx.ParallelFor(m, static_cast<int64_t>(cost), multiply);     \
        });                                                                    \
  }                                                                            \
  template <>                                                                  \
  absl::Status GemmOneThread<T>(bool transpose_a, bool transpose_b, int64_t m, \
                                int64_t n, int64_t k, const T* a, const T* b,  \
                                T* c) {                                        \
    return GemmByEigen(                                                        \
        transpose_a, transpose_b, m, n, k, reinterpret_cast<const U*>(a),      \
        reinterpret_cast<const U*>(b), reinterpret_cast<U*>(c),                \
        [&](absl::FunctionRef<void(int64_t, int64_t)> multiply) {              \
          multiply(0, m);                                                      \
          return absl::OkStatus();                                             \
        });                                                                    \
  }

MG_GEMM_(double, double)
// Unsigned: signed overflow is undefined, the graph's wraps around.
MG_GEMM_(int16_t, uint16_t)
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
