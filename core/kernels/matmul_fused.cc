// A matrix product with what is done to its output: TensorFlow's fused op.

#include <utility>

#include "core/kernels/fused_ops.h"
#include "core/kernels/gemm_onednn.h"
#include "core/kernels/matmul.h"
#include "core/kernels/onednn.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class FusedMatMul final : public MatMulOp<float> {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(MatMulOp<float>::Init(construction));
    RETURN_IF_ERROR(fused_.Parse(construction));
    ASSIGN_OR_RETURN(preferred_, PrefersOneDnn(construction));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const Sizes s, FindSizes(ctx));
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build({{s.m, s.n}}));
    const float* bias = nullptr;
    if (fused_.bias) {
      if (!(ctx.input(2).shape() == TensorShape({s.n}))) {
        return InvalidArgument("the bias is ", ctx.input(2).Describe(),
                               ", expected a vector of ", s.n);
      }
      bias = ctx.input(2).data<float>();
    }
    if (!fused_.add) {
      ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
      return Fuse(ctx, s, fused_, bias, nullptr, out->mutable_data<float>());
    }
    const Tensor& addend = ctx.input(fused_.bias ? 3 : 2);
    if (addend.shape() == shape) {
      ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
      return Fuse(ctx, s, fused_, bias, addend.data<float>(),
                  out->mutable_data<float>());
    }
    ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(DT_FLOAT, shape));
    RETURN_IF_ERROR(Fuse(ctx, s, {.bias = fused_.bias}, bias, nullptr,
                         out.mutable_data<float>()));
    ASSIGN_OR_RETURN(out, AddBroadcast(fused_, out, addend));
    ctx.SetOutput(0, std::move(out));
    return absl::OkStatus();
  }

 private:
  absl::Status Fuse(const KernelContext& ctx, const Sizes& s,
                    const FusedOps& fused, const float* bias,
                    const float* addend, float* c) const {
    const auto finish = [&](const ProductPart& part) {
      const int64_t at = part.row * s.n + part.col;
      ApplyFusedOps(fused, part.rows, part.cols,
                    bias == nullptr ? nullptr : bias + part.col,
                    addend == nullptr ? nullptr : addend + at, s.n, c + at);
    };
    const float* a = ctx.input(0).data<float>();
    const float* b = ctx.input(1).data<float>();
    const FloatProduct product = {
        transpose_a_, transpose_b_, s.m, s.n, s.k, a, b, c};
    if (preferred_ && (PaysForOneDnn(product) || RowPaysForOneDnn(product))) {
      return MultiplyByOneDnn(ctx, product, finish);
    }
    RETURN_IF_ERROR(Multiply(ctx, s.m, s.n, s.k, a, b, c));
    if (s.m > 0 && s.n > 0) finish({0, s.m, 0, s.n});
    return absl::OkStatus();
  }

  FusedOps fused_;
  bool preferred_ = false;
};

REGISTER_OP("_FusedMatMul", [](OpBuilder& op) {
  op.Input("a: T").Input("b: T").Input("args: num_args * T");
  op.Output("product: T");
  op.Attr("transpose_a: bool = false").Attr("transpose_b: bool = false");
  op.Attr("T: type").Attr("num_args: int >= 0");
  op.Attr("fused_ops: list(string) = []").Attr("epsilon: float = 0.0001");
  op.Attr("leakyrelu_alpha: float = 0.2");
  op.Shape(FusedRule<MatMulRule>);
  op.KernelWhere<FusedMatMul>({{"T", DT_FLOAT}});
});

}  // namespace
}  // namespace metagraph
