#pragma once

// Convolution in up to three spatial dimensions over channels-last images,
// and its gradients. Ops convert their attributes and layouts to this.

#include <array>
#include <cstdint>
#include <type_traits>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "core/kernels/window.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/shape_context.h"

namespace metagraph {

struct ConvShape {
  int64_t batch = 0;
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t groups = 1;
  // Depth, height, width.
  std::array<WindowAxis, kMaxSpatial> axes;

  int64_t taps() const { return axes[0].size * axes[1].size * axes[2].size; }
  int64_t in_pixels() const {
    return axes[0].input * axes[1].input * axes[2].input;
  }
  int64_t out_pixels() const {
    return axes[0].output * axes[1].output * axes[2].output;
  }
  int64_t in_group() const { return in_channels / groups; }
  int64_t out_group() const { return out_channels / groups; }
};

// Checks an input (layout of `attrs`) against a filter
// [spatial..., in / groups, out]; gradients also know filters of no taps.
absl::StatusOr<ConvShape> MakeConvShape(const WindowAttrs& attrs,
                                        const TensorShape& input,
                                        const TensorShape& filter,
                                        bool filter_may_be_empty = false);
// A [batch, spatial..., channels] shape in the layout of `attrs`.
absl::StatusOr<TensorShape> ConvOutputShape(const WindowAttrs& attrs,
                                            const ConvShape& shape);

// The shape rule of Conv2D and Conv3D, and of what does more to their output.
template <int kSpatial>
absl::Status ConvRule(ShapeContext& ctx);

// out[n, y, x, k] = sum over taps and c of in * filter. All channels-last.
// T: float or double.
template <typename T>
absl::Status ConvForward(const KernelContext& ctx, const ConvShape& shape,
                         const T* in, const T* filter, T* out);
// The gradient with respect to the input.
template <typename T>
absl::Status ConvBackpropInput(const KernelContext& ctx, const ConvShape& shape,
                               const T* filter, const T* out_backprop,
                               T* in_backprop);
// The gradient with respect to the filter.
template <typename T>
absl::Status ConvBackpropFilter(const KernelContext& ctx,
                                const ConvShape& shape, const T* in,
                                const T* out_backprop, T* filter_backprop);

// The elements as `U` (float or double, to compute in), channels last.
// Shares the buffer if nothing has to change.
template <typename T, typename U>
absl::StatusOr<Tensor> ToChannelsLast(const Tensor& image,
                                      const ImageLayout& layout);
// The way back, into `out` of T in `layout`.
template <typename T, typename U>
void FromChannelsLast(const U* image, const ImageLayout& layout, Tensor* out);

template <typename T, typename U>
absl::StatusOr<Tensor> ToChannelsLast(const Tensor& image,
                                      const ImageLayout& layout) {
  if constexpr (std::is_same_v<T, U>) {
    if (!layout.channels_first) return image;
  }
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(kDataType<U>, image.shape()));
  const T* from = image.data<T>();
  U* to = out.mutable_data<U>();
  const int64_t count = image.num_elements();
  if (!layout.channels_first || count == 0) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<U>(from[i]);
    return out;
  }
  const int64_t batch = image.dim(0);
  const int64_t channels = image.dim(1);
  const int64_t pixels = count / batch / channels;
  for (int64_t n = 0; n < batch; ++n, from += channels * pixels) {
    for (int64_t p = 0; p < pixels; ++p) {
      for (int64_t c = 0; c < channels; ++c) {
        *to++ = static_cast<U>(from[c * pixels + p]);
      }
    }
  }
  return out;
}

template <typename T, typename U>
void FromChannelsLast(const U* image, const ImageLayout& layout, Tensor* out) {
  T* to = out->mutable_data<T>();
  const int64_t count = out->num_elements();
  if (!layout.channels_first || count == 0) {
    for (int64_t i = 0; i < count; ++i) to[i] = T(image[i]);
    return;
  }
  const int64_t batch = out->dim(0);
  const int64_t channels = out->dim(1);
  const int64_t pixels = count / batch / channels;
  for (int64_t n = 0; n < batch; ++n, image += channels * pixels) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p) {
        *to++ = T(image[p * channels + c]);
      }
    }
  }
}

// The type that a convolution of T computes in.
template <typename T>
using ConvCompute =
    std::conditional_t<std::is_same_v<T, double>, double, float>;

// Conv2D and Conv3D.
template <typename T, int kSpatial>
class ConvOp : public Kernel {
 public:
  using U = ConvCompute<T>;

  absl::Status Init(KernelConstruction& construction) {
    return attrs_.Parse(construction, kSpatial);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const Tensor& filter = ctx.input(1);
    ASSIGN_OR_RETURN(ConvShape shape,
                     MakeConvShape(attrs_, input.shape(), filter.shape()));
    ASSIGN_OR_RETURN(TensorShape out_shape, ConvOutputShape(attrs_, shape));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, out_shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(Tensor image,
                     (ToChannelsLast<T, U>(input, attrs_.layout)));
    ASSIGN_OR_RETURN(Tensor matrix, (ToChannelsLast<T, U>(filter, {})));
    if constexpr (std::is_same_v<T, U>) {
      if (!attrs_.layout.channels_first) {
        return Forward(ctx, shape, image, matrix, out->mutable_data<T>());
      }
    }
    ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(kDataType<U>, out_shape));
    RETURN_IF_ERROR(
        Forward(ctx, shape, image, matrix, result.mutable_data<U>()));
    FromChannelsLast<T, U>(result.data<U>(), attrs_.layout, out);
    return absl::OkStatus();
  }

 protected:
  // `image` and `out` with channels last.
  virtual absl::Status Forward(const KernelContext& ctx, const ConvShape& shape,
                               const Tensor& image, const Tensor& filter,
                               U* out) const {
    return ConvForward(ctx, shape, image.data<U>(), filter.data<U>(), out);
  }

  WindowAttrs attrs_;
};

}  // namespace metagraph
