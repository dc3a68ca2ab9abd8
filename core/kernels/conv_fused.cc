// Convolutions with what is done to their output: TensorFlow's fused ops.

#include <cstring>
#include <string>

#include "core/kernels/conv_primitive.h"
#include "core/kernels/depthwise_conv.h"
#include "core/kernels/optional_attrs.h"
#include "core/op/op_builder.h"
#include "core/op/shape_context.h"

namespace metagraph {
namespace {

// The parts that both kinds of convolution have in common. `Shape` has what
// MakeShape makes.
template <typename Shape>
class FusedConv : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(attrs_.Parse(construction, 2));
    if (attrs_.layout.channels_first) {
      return Unimplemented(construction.op(),
                           " works with channels last, not with NCHW");
    }
    std::string filter_format = "HWIO";
    RETURN_IF_ERROR(
        BindOptional(construction, "filter_format", &filter_format));
    if (filter_format != "HWIO") {
      return Unimplemented("filter_format ", filter_format,
                           ": filters are HWIO here");
    }
    RETURN_IF_ERROR(fused_.Parse(construction));
    return onednn_.Init(construction, fused_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& image = ctx.input(0);
    const Tensor& filter = ctx.input(1);
    ASSIGN_OR_RETURN(const Shape shape,
                     MakeShape(image.shape(), filter.shape()));
    const ConvShape& conv = ConvOf(shape);
    ASSIGN_OR_RETURN(TensorShape out_shape, ConvOutputShape(attrs_, conv));
    if (fused_.bias &&
        !(ctx.input(2).shape() == TensorShape({conv.out_channels}))) {
      return InvalidArgument("the bias is ", ctx.input(2).Describe(),
                             ", expected a vector of ", conv.out_channels);
    }
    const float* bias = fused_.bias ? ctx.input(2).data<float>() : nullptr;
    const int add = fused_.bias ? 3 : 2;
    const bool broadcasts =
        fused_.add && !(ctx.input(add).shape() == out_shape);
    if (onednn_.Prefers(conv) && !broadcasts && out_shape.num_elements() > 0) {
      Tensor* out;
      if (fused_.add) {
        ASSIGN_OR_RETURN(out, ctx.ForwardOrAllocateOutput({add}, 0, out_shape));
        // It adds to what is there.
        const Tensor& addend = ctx.input(add);
        if (out->raw_data() != addend.raw_data()) {
          std::memcpy(out->mutable_raw_data(), addend.raw_data(),
                      addend.size_bytes());
        }
      } else {
        ASSIGN_OR_RETURN(out, ctx.AllocateOutput(0, out_shape));
      }
      absl::Status status = onednn_.Run(ctx, conv,
                                        {.image = image,
                                         .filter = filter,
                                         .bias = bias,
                                         .out = out->mutable_data<float>()});
      if (!absl::IsUnimplemented(status)) return status;
    }
    // Not in the place of the addend, which is still to be read.
    ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(DT_FLOAT, out_shape));
    FusedOps fused = fused_;
    if (broadcasts) fused = {.bias = fused_.bias};
    if (out_shape.num_elements() > 0) {
      RETURN_IF_ERROR(
          Forward(ctx, shape, image, filter, out.mutable_data<float>()));
      const float* addend = fused.add ? ctx.input(add).data<float>() : nullptr;
      float* data = out.mutable_data<float>();
      const int64_t cols = conv.out_channels;
      RETURN_IF_ERROR(ctx.ParallelFor(
          out.num_elements() / cols, cols / 4, [&](int64_t begin, int64_t end) {
            ApplyFusedOps(fused, end - begin, cols, bias,
                          addend == nullptr ? nullptr : addend + begin * cols,
                          cols, data + begin * cols);
          }));
    }
    if (broadcasts) {
      ASSIGN_OR_RETURN(out, AddBroadcast(fused_, out, ctx.input(add)));
    }
    ctx.SetOutput(0, std::move(out));
    return absl::OkStatus();
  }

 protected:
  virtual absl::StatusOr<Shape> MakeShape(const TensorShape& image,
                                          const TensorShape& filter) const = 0;
  virtual const ConvShape& ConvOf(const Shape& shape) const = 0;
  virtual absl::Status Forward(const KernelContext& ctx, const Shape& shape,
                               const Tensor& image, const Tensor& filter,
                               float* out) const = 0;

  WindowAttrs attrs_;

 private:
  FusedOps fused_;
  OneDnnConv onednn_;
};

class FusedConv2D final : public FusedConv<ConvShape> {
 protected:
  absl::StatusOr<ConvShape> MakeShape(
      const TensorShape& image, const TensorShape& filter) const override {
    return MakeConvShape(attrs_, image, filter);
  }
  const ConvShape& ConvOf(const ConvShape& shape) const override {
    return shape;
  }
  absl::Status Forward(const KernelContext& ctx, const ConvShape& shape,
                       const Tensor& image, const Tensor& filter,
                       float* out) const override {
    return ConvForward(ctx, shape, image.data<float>(), filter.data<float>(),
                       out);
  }
};

class FusedDepthwise final : public FusedConv<DepthwiseShape> {
 protected:
  absl::StatusOr<DepthwiseShape> MakeShape(
      const TensorShape& image, const TensorShape& filter) const override {
    return MakeDepthwiseShape(attrs_, image, filter);
  }
  const ConvShape& ConvOf(const DepthwiseShape& shape) const override {
    return shape.conv;
  }
  absl::Status Forward(const KernelContext& ctx, const DepthwiseShape& shape,
                       const Tensor& image, const Tensor& filter,
                       float* out) const override {
    return DepthwiseForward(ctx, shape, image.data<float>(),
                            filter.data<float>(), out);
  }
};

void FusedAttrs(OpBuilder& op) {
  op.Attr("T: type").Attr("num_args: int >= 0").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NHWC'");
  op.Attr("dilations: list(int) = [1, 1, 1, 1]");
  op.Attr("fused_ops: list(string) = []").Attr("epsilon: float = 0.0001");
  op.Attr("leakyrelu_alpha: float = 0.2");
}

REGISTER_OP("_FusedConv2D", [](OpBuilder& op) {
  op.Input("input: T").Input("filter: T").Input("args: TArgs");
  op.Input("host_args: num_host_args * float").Output("output: T");
  FusedAttrs(op);
  op.Attr("TArgs: list(type) >= 1").Attr("num_host_args: int >= 0 = 0");
  op.Attr("explicit_paddings: list(int) = []");
  op.Attr("filter_format: string = 'HWIO'");
  op.Attr("use_cudnn_on_gpu: bool = true");
  op.Shape(FusedRule<ConvRule<2>>);
  op.KernelWhere<FusedConv2D>({{"T", DT_FLOAT}});
});

REGISTER_OP("_FusedDepthwiseConv2dNative", [](OpBuilder& op) {
  op.Input("input: T").Input("filter: T").Input("args: num_args * T");
  op.Output("output: T");
  FusedAttrs(op);
  op.Shape(FusedRule<DepthwiseRule>);
  op.KernelWhere<FusedDepthwise>({{"T", DT_FLOAT}});
});

}  // namespace
}  // namespace metagraph
