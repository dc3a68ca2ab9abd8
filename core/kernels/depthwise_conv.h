#pragma once

// Convolutions in which each input channel has filters of its own.

#include <cstdint>
#include <type_traits>

#include "core/kernels/conv.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// The filter is [height, width, channels, multiplier]; output channel
// c * multiplier + m comes from input channel c. `conv` has a group for each
// channel.
struct DepthwiseShape {
  ConvShape conv;
  int64_t multiplier = 1;
};

absl::StatusOr<DepthwiseShape> MakeDepthwiseShape(const WindowAttrs& attrs,
                                                  const TensorShape& input,
                                                  const TensorShape& filter);

absl::Status DepthwiseRule(ShapeContext& ctx);

// All channels-last. U: float or double.
template <typename U>
absl::Status DepthwiseForward(const KernelContext& ctx,
                              const DepthwiseShape& shape, const U* in,
                              const U* filter, U* out);

// DepthwiseConv2dNative; an implementation may bring its own Forward.
template <typename T>
class DepthwiseConvOp : public Kernel {
 public:
  using U = ConvCompute<T>;

  absl::Status Init(KernelConstruction& construction) {
    return attrs_.Parse(construction, 2);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const Tensor& filter = ctx.input(1);
    ASSIGN_OR_RETURN(DepthwiseShape shape,
                     MakeDepthwiseShape(attrs_, input.shape(), filter.shape()));
    ASSIGN_OR_RETURN(TensorShape out_shape,
                     ConvOutputShape(attrs_, shape.conv));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, out_shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(Tensor image,
                     (ToChannelsLast<T, U>(input, attrs_.layout)));
    ASSIGN_OR_RETURN(Tensor weights, (ToChannelsLast<T, U>(filter, {})));
    if constexpr (std::is_same_v<T, U>) {
      if (!attrs_.layout.channels_first) {
        return Forward(ctx, shape, image, weights, out->mutable_data<T>());
      }
    }
    ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(kDataType<U>, out_shape));
    RETURN_IF_ERROR(
        Forward(ctx, shape, image, weights, result.mutable_data<U>()));
    FromChannelsLast<T, U>(result.data<U>(), attrs_.layout, out);
    return absl::OkStatus();
  }

 protected:
  // `image` and `out` with channels last.
  virtual absl::Status Forward(const KernelContext& ctx,
                               const DepthwiseShape& shape, const Tensor& image,
                               const Tensor& filter, U* out) const {
    return DepthwiseForward(ctx, shape, image.data<U>(), filter.data<U>(), out);
  }

  WindowAttrs attrs_;
};

}  // namespace metagraph
