#pragma once

// Sliding windows: what convolutions, poolings and their gradients share.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/op/kernel_construction.h"

namespace metagraph {

// The most spatial dimensions that any op has; fewer are filled up in front
// with sizes of 1.
inline constexpr int kMaxSpatial = 3;
using Spatial = std::array<int64_t, kMaxSpatial>;

enum class Padding { kValid, kSame, kExplicit };

// Where the dimensions of an image tensor stand.
struct ImageLayout {
  int spatial = 2;
  bool channels_first = false;

  int rank() const { return spatial + 2; }
  int channel_dim() const { return channels_first ? 1 : spatial + 1; }
  int spatial_dim(int i) const { return channels_first ? 2 + i : 1 + i; }
};

// One dimension along which a window slides.
struct WindowAxis {
  int64_t input = 1;
  int64_t size = 1;  // of the window, without the holes of dilation
  int64_t dilation = 1;
  int64_t stride = 1;
  int64_t output = 1;
  int64_t pad_before = 0;

  // The input position under tap `tap` of output `out`; may lie outside.
  int64_t At(int64_t out, int64_t tap) const {
    return out * stride + tap * dilation - pad_before;
  }
  // Taps [first, last) of output `out` that lie inside the input.
  // REQUIRES: dilation == 1.
  int64_t FirstTap(int64_t out) const {
    return std::clamp<int64_t>(pad_before - out * stride, 0, size);
  }
  int64_t LastTap(int64_t out) const {
    return std::clamp<int64_t>(input + pad_before - out * stride, 0, size);
  }
};

// The output size by TensorFlow's rules. `pads` only for kExplicit.
// REQUIRES: stride, dilation >= 1.
inline absl::StatusOr<WindowAxis> MakeWindowAxis(
    int64_t input, int64_t size, int64_t dilation, int64_t stride,
    Padding padding, std::array<int64_t, 2> pads = {0, 0}) {
  // Products of sizes below 2^40 and attributes below 2^31 cannot overflow.
  constexpr int64_t kLimit = int64_t{1} << 31;
  if (input >= kLimit || size >= kLimit || dilation >= kLimit ||
      stride >= kLimit || pads[0] >= kLimit || pads[1] >= kLimit) {
    return InvalidArgument("sliding window of size ", size, ", dilation ",
                           dilation, ", stride ", stride, " over ", input,
                           " is too large");
  }
  WindowAxis axis{input, size, dilation, stride};
  const int64_t effective = (size - 1) * dilation + 1;
  switch (padding) {
    case Padding::kValid:
      axis.output = (input - effective + stride) / stride;
      break;
    case Padding::kExplicit:
      axis.output = (input + pads[0] + pads[1] - effective + stride) / stride;
      axis.pad_before = pads[0];
      break;
    case Padding::kSame:
      axis.output = (input + stride - 1) / stride;
      axis.pad_before =
          std::max<int64_t>(0, (axis.output - 1) * stride + effective - input) /
          2;
      break;
  }
  if (axis.output < 0) {
    return InvalidArgument(
        "Computed output size would be negative: ", axis.output,
        " [input_size: ", input, ", effective_filter_size: ", effective,
        ", stride: ", stride, "]");
  }
  return axis;
}

// The attributes strides, dilations, padding, explicit_paddings and
// data_format of a node.
struct WindowAttrs {
  ImageLayout layout;
  Spatial strides = {1, 1, 1};  // spatial dimensions, in their order
  Spatial dilations = {1, 1, 1};
  Padding padding = Padding::kValid;
  std::array<std::array<int64_t, 2>, kMaxSpatial> pads = {};

  // From a KernelConstruction or a ShapeContext. `strides` of batch and channel
  // must be 1.
  template <typename Source>
  absl::Status Parse(const Source& source, int spatial);
  // Sets the spatial entries of `out` from a list with one entry per
  // dimension; those of batch and channel must be 1.
  absl::Status Spread(const std::vector<int64_t>& list, absl::string_view what,
                      Spatial* out) const;

  absl::StatusOr<WindowAxis> Axis(int i, int64_t input, int64_t size) const {
    return MakeWindowAxis(input, size, dilations[i], strides[i], padding,
                          pads[i]);
  }
  // The output size alone; -1 where what it follows from is.
  absl::StatusOr<int64_t> OutputSize(int i, int64_t input, int64_t size) const;
};

// "SAME", "VALID" or "EXPLICIT".
absl::StatusOr<Padding> ParsePadding(absl::string_view name);
// "NHWC", "NCHW", "NDHWC" or "NCDHW"; `spatial` must fit.
absl::StatusOr<ImageLayout> ParseLayout(absl::string_view name, int spatial);

}  // namespace metagraph
