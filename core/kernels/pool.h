#pragma once

// What the pooling ops and their gradients share.

#include <vector>

#include "core/kernels/conv.h"
#include "core/kernels/looks.h"

namespace metagraph {

// The attributes of a pooling op. `ksize` and `strides` may come as inputs.
class PoolAttrs {
 public:
  // From a KernelConstruction or a ShapeContext.
  template <typename Source>
  absl::Status Parse(const Source& source, int spatial);
  absl::Status SetWindow(const std::vector<int64_t>& ksize,
                         const std::vector<int64_t>& strides);
  // The windows over an input.
  absl::StatusOr<ConvShape> Shape(const TensorShape& input) const;
  // The output over an input of the layout's rank, as far as it is known.
  absl::StatusOr<PartialShape> OutputShape(const PartialShape& input) const;

  const ImageLayout& layout() const { return attrs_.layout; }
  const WindowAttrs& window() const { return attrs_; }
  // More than 1: pooling along the channels, nothing else.
  int64_t depth_window() const { return depth_window_; }

 private:
  WindowAttrs attrs_;
  Spatial size_ = {1, 1, 1};
  int64_t depth_window_ = 1;
};

// The cost of `pixels` windows in nanoseconds, roughly. Window sizes are
// attributes and may be absurd, so not in integers.
inline int64_t WindowCost(const ConvShape& s, int64_t pixels) {
  double cost = double(pixels) * s.in_channels / 4 + double(pixels) * 20;
  for (const WindowAxis& axis : s.axes) {
    cost *= double(std::min(axis.size, axis.input));
  }
  return static_cast<int64_t>(std::min(cost, 1e9));
}

// Elements that one window covers at most, for looks at the call.
// REQUIRES: the input is not empty.
inline int64_t WindowElements(const ConvShape& s) {
  int64_t elements = s.in_channels;
  for (const WindowAxis& axis : s.axes) {
    elements *= std::min(axis.size, axis.input);
  }
  return elements;
}

// Calls fn(out, n, od, oy, ox) for every output pixel of `lines` that
// parallel tasks get; `out` counts pixels.
template <typename F>
absl::Status ForEachWindow(const KernelContext& ctx, const ConvShape& s, F fn) {
  const int64_t lines = s.batch * s.axes[0].output * s.axes[1].output;
  const int64_t width = s.axes[2].output;
  const int64_t elements = WindowElements(s);
  RETURN_IF_ERROR(ctx.ParallelFor(
      lines, WindowCost(s, width), [&](int64_t begin, int64_t end) {
        BlockLooks looks(ctx);
        for (int64_t line = begin; line < end; ++line) {
          const int64_t y = line % s.axes[1].output;
          const int64_t rest = line / s.axes[1].output;
          const int64_t d = rest % s.axes[0].output;
          const int64_t n = rest / s.axes[0].output;
          for (int64_t x = 0; x < width; ++x) {
            if (!looks.GoOn(elements)) return;
            fn(line * width + x, n, d, y, x);
          }
        }
      }));
  return ctx.CheckCancelled();
}

// Calls fn(pixel) for every input pixel of a window, in their order.
template <typename F>
void ForEachTap(const ConvShape& s, int64_t n, int64_t d, int64_t y, int64_t x,
                F fn) {
  const WindowAxis& z_axis = s.axes[0];
  const WindowAxis& y_axis = s.axes[1];
  const WindowAxis& x_axis = s.axes[2];
  const int64_t x_begin = x_axis.At(x, x_axis.FirstTap(x));
  const int64_t x_end = x_axis.At(x, x_axis.LastTap(x));
  for (int64_t i = z_axis.FirstTap(d); i < z_axis.LastTap(d); ++i) {
    for (int64_t j = y_axis.FirstTap(y); j < y_axis.LastTap(y); ++j) {
      const int64_t line =
          ((n * z_axis.input + z_axis.At(d, i)) * y_axis.input +
           y_axis.At(y, j)) *
          x_axis.input;
      for (int64_t at = x_begin; at < x_end; ++at) fn(line + at);
    }
  }
}

// How many input pixels a window covers.
inline int64_t WindowCount(const ConvShape& s, int64_t d, int64_t y,
                           int64_t x) {
  int64_t count = 1;
  const int64_t at[] = {d, y, x};
  for (int i = 0; i < kMaxSpatial; ++i) {
    count *= std::max<int64_t>(
        0, s.axes[i].LastTap(at[i]) - s.axes[i].FirstTap(at[i]));
  }
  return count;
}

}  // namespace metagraph
