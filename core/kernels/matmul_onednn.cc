// MatMul by oneDNN.

#include "core/kernels/gemm_onednn.h"
#include "core/kernels/matmul.h"
#include "core/kernels/onednn.h"
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
    const FloatProduct product = {transpose_a_, transpose_b_, m, n, k, a, b, c};
    if (!preferred_ || !PaysForOneDnn(product)) {
      return MatMulOp<float>::Multiply(ctx, m, n, k, a, b, c);
    }
    return MultiplyByOneDnn(ctx, product, [](const ProductPart&) {});
  }

 private:
  bool preferred_ = false;
};

REGISTER_KERNELS("MatMul", "onednn", [](OpBuilder& op) {
  op.KernelWhere<OneDnnMatMul>({{"T", DT_FLOAT}});
});

}  // namespace
}  // namespace metagraph
