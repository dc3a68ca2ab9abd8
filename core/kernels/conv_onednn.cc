// Convolutions of one filter by oneDNN.

#include "core/kernels/conv_primitive.h"
#include "core/kernels/depthwise_conv.h"
#include "core/op/op_builder.h"

namespace metagraph {
namespace {

class OneDnnConv2D final : public ConvOp<float, 2> {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR((ConvOp<float, 2>::Init(construction)));
    return onednn_.Init(construction, FusedOps());
  }

 protected:
  absl::Status Forward(const KernelContext& ctx, const ConvShape& shape,
                       const Tensor& image, const Tensor& filter,
                       float* out) const override {
    if (onednn_.Prefers(shape)) {
      absl::Status status = onednn_.Run(
          ctx, shape, {.image = image, .filter = filter, .out = out});
      if (!absl::IsUnimplemented(status)) return status;
    }
    return ConvOp<float, 2>::Forward(ctx, shape, image, filter, out);
  }

 private:
  OneDnnConv onednn_;
};

class OneDnnDepthwise final : public DepthwiseConvOp<float> {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(DepthwiseConvOp<float>::Init(construction));
    return onednn_.Init(construction, FusedOps());
  }

 protected:
  absl::Status Forward(const KernelContext& ctx, const DepthwiseShape& shape,
                       const Tensor& image, const Tensor& filter,
                       float* out) const override {
    if (onednn_.Prefers(shape.conv)) {
      absl::Status status = onednn_.Run(
          ctx, shape.conv, {.image = image, .filter = filter, .out = out});
      if (!absl::IsUnimplemented(status)) return status;
    }
    return DepthwiseConvOp<float>::Forward(ctx, shape, image, filter, out);
  }

 private:
  OneDnnConv onednn_;
};

REGISTER_KERNELS("Conv2D", "onednn", [](OpBuilder& op) {
  op.KernelWhere<OneDnnConv2D>({{"T", DT_FLOAT}});
});

REGISTER_KERNELS("DepthwiseConv2dNative", "onednn", [](OpBuilder& op) {
  op.KernelWhere<OneDnnDepthwise>({{"T", DT_FLOAT}});
});

}  // namespace
}  // namespace metagraph
