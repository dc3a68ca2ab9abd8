// MatMul by oneDNN.

#include <algorithm>
#include <atomic>

#include "core/kernels/matmul.h"
#include "core/kernels/onednn.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"

namespace metagraph {
namespace {

class OneDnnMatMul final : public MatMulOp<float> {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(MatMulOp<float>::Init(construction));
    ASSIGN_OR_RETURN(preferred_, PrefersOneDnn(construction));
    return absl::OkStatus();
  }

 protected:
  absl::Status Multiply(const KernelContext& ctx, int64_t m, int64_t n,
                        int64_t k, const float* a, const float* b,
                        float* c) const override {
    // Vectors and small matrices do not pay for the way in.
    constexpr double kMinWork = 64 * 1024;
    if (!preferred_ || m < 2 || n < 2 || double(m) * n * k < kMinWork) {
      return MatMulOp<float>::Multiply(ctx, m, n, k, a, b, c);
    }
    const int64_t lda = transpose_a_ ? m : k;
    const int64_t ldb = transpose_b_ ? k : n;
    constexpr int64_t kRows = 96;
    std::atomic<bool> failed = false;
    RETURN_IF_ERROR(ctx.ParallelFor(
        (m + kRows - 1) / kRows,
        static_cast<int64_t>(std::min(double(kRows) * n * k / 64, 1e9)),
        [&](int64_t begin, int64_t end) {
          const int64_t row = begin * kRows;
          const int64_t rows = std::min(end * kRows, m) - row;
          omp_set_num_threads(1);
          if (dnnl_sgemm(transpose_a_ ? 'T' : 'N', transpose_b_ ? 'T' : 'N',
                         rows, n, k, 1.0f,
                         transpose_a_ ? a + row : a + row * lda, lda, b, ldb,
                         0.0f, c + row * n, n) != dnnl_success) {
            failed = true;
          }
        }));
    return failed ? Internal("oneDNN failed to multiply matrices")
                  : absl::OkStatus();
  }

 private:
  bool preferred_ = false;
};

REGISTER_KERNELS("MatMul", "onednn", [](OpBuilder& op) {
  op.KernelWhere<OneDnnMatMul>({{"T", DT_FLOAT}});
});

}  // namespace
}  // namespace metagraph
