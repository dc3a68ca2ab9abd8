// The gradients of a convolution.

#include <algorithm>
#include <array>

#include "core/kernels/conv.h"
#include "core/kernels/conv_tasks.h"
#include "core/kernels/gemm.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// --- With respect to the input -----------------------------------------------
//
// Input pixels whose coordinates are equal modulo the strides receive from
// the same taps. So each such phase is a convolution of its own over the
// output gradient, with stride 1 and the filter's transpose.

struct Phase {
  Spatial first;                                   // its first pixel
  std::array<Scratch<int64_t>, kMaxSpatial> taps;  // that reach it, by axis
  ConvShape grid;  // its pixels, as the output of a convolution

  int64_t num_taps() const {
    return std::ssize(taps[0]) * std::ssize(taps[1]) * std::ssize(taps[2]);
  }
  int64_t num_pixels() const { return grid.batch * grid.out_pixels(); }
};

Phase MakePhase(const ConvShape& s, const Spatial& first) {
  Phase phase = {first, {}, s};
  for (int i = 0; i < kMaxSpatial; ++i) {
    const WindowAxis& axis = s.axes[i];
    for (int64_t t = 0; t < axis.size; ++t) {
      if ((first[i] + axis.pad_before - t * axis.dilation) % axis.stride == 0) {
        phase.taps[i].push_back(t);
      }
    }
    phase.grid.axes[i].output = CeilDiv(axis.input - first[i], axis.stride);
  }
  return phase;
}

// Where the channels of a phase's pixel begin in the input.
int64_t PixelOffset(const Phase& phase, int64_t pixel) {
  Spatial at;
  int64_t rest = pixel;
  for (int i = kMaxSpatial - 1; i >= 0; --i) {
    const WindowAxis& axis = phase.grid.axes[i];
    at[i] = phase.first[i] + rest % axis.output * axis.stride;
    rest /= axis.output;
  }
  int64_t offset = rest;  // the image
  for (int i = 0; i < kMaxSpatial; ++i) {
    offset = offset * phase.grid.axes[i].input + at[i];
  }
  return offset * phase.grid.in_channels;
}

// The filter as [group, tap, out_group, in_group].
template <typename T>
absl::StatusOr<Tensor> TransposeFilter(const ConvShape& s, const T* filter) {
  const int64_t depth = s.out_group();
  const int64_t cols = s.in_group();
  ASSIGN_OR_RETURN(
      Tensor transposed,
      Tensor::Allocate(kDataType<T>, {s.groups, s.taps(), depth, cols}));
  T* to = transposed.mutable_data<T>();
  for (int64_t g = 0; g < s.groups; ++g) {
    for (int64_t t = 0; t < s.taps(); ++t) {
      for (int64_t k = 0; k < depth; ++k) {
        for (int64_t c = 0; c < cols; ++c) {
          *to++ = filter[(t * cols + c) * s.out_channels + g * depth + k];
        }
      }
    }
  }
  return transposed;
}

// Of the transposed filter the matrices of a phase's taps, one after the other
// for each group.
template <typename T>
absl::StatusOr<Tensor> ChooseTaps(const ConvShape& s, const Phase& phase,
                                  const T* transposed) {
  const int64_t depth = s.out_group();
  const int64_t cols = s.in_group();
  ASSIGN_OR_RETURN(Tensor chosen,
                   Tensor::Allocate(kDataType<T>,
                                    {s.groups, phase.num_taps(), depth, cols}));
  T* to = chosen.mutable_data<T>();
  for (int64_t g = 0; g < s.groups; ++g) {
    for (int64_t i : phase.taps[0]) {
      for (int64_t j : phase.taps[1]) {
        for (int64_t k : phase.taps[2]) {
          const int64_t t = (i * s.axes[1].size + j) * s.axes[2].size + k;
          to = std::copy_n(transposed + (g * s.taps() + t) * depth * cols,
                           depth * cols, to);
        }
      }
    }
  }
  return chosen;
}

// Sets the pointers of pixel (d, y, x) of a phase: to the gradient of the
// output that sees it under each tap, or to `zeros` if there is none.
template <typename T>
inline void FindOutputs(const ConvShape& s, const Phase& phase,
                        const T* gradient, const T* zeros, int64_t n, int64_t d,
                        int64_t y, int64_t x, const T** pointer) {
  const auto source = [&](int axis, int64_t i, int64_t tap) {
    return i + (phase.first[axis] + s.axes[axis].pad_before -
                tap * s.axes[axis].dilation) /
                   s.axes[axis].stride;
  };
  const auto inside = [&](int axis, int64_t at) {
    return at >= 0 && at < s.axes[axis].output;
  };
  for (int64_t i : phase.taps[0]) {
    const int64_t od = source(0, d, i);
    for (int64_t j : phase.taps[1]) {
      const int64_t oy = source(1, y, j);
      const int64_t line =
          ((n * s.axes[0].output + od) * s.axes[1].output + oy) *
          s.axes[2].output;
      for (int64_t k : phase.taps[2]) {
        const int64_t ox = source(2, x, k);
        *pointer = inside(0, od) && inside(1, oy) && inside(2, ox)
                       ? gradient + (line + ox) * s.out_channels
                       : zeros;
        pointer += kTileRows;
      }
    }
  }
}

// The gradient of a phase's pixels, [group, pixel, in_group].
template <typename T>
absl::StatusOr<Tensor> PhaseGradient(const KernelContext& ctx,
                                     const ConvShape& s, const Phase& phase,
                                     const T* transposed,
                                     const T* out_backprop) {
  ConvProduct product;
  product.groups = s.groups;
  product.rows = phase.num_pixels();
  product.cols = s.in_group();
  product.taps = phase.num_taps();
  product.depth = s.out_group();
  const Scratch<T> zeros(product.depth);
  ASSIGN_OR_RETURN(const Tensor chosen, ChooseTaps(s, phase, transposed));
  ASSIGN_OR_RETURN(Tensor gradient,
                   Tensor::Allocate(kDataType<T>, {product.groups, product.rows,
                                                   product.cols}));
  const T* matrices = chosen.data<T>();
  T* out = gradient.mutable_data<T>();
  RETURN_IF_ERROR(RunTasks<T>(ctx, product, [&](const ConvTask<T>& task) {
    FillTable(
        phase.grid, product.taps, task,
        [&](int64_t n, int64_t d, int64_t y, int64_t x, const T** pointer) {
          FindOutputs(s, phase, out_backprop + task.group * product.depth,
                      zeros.data(), n, d, y, x, pointer);
        });
    const int64_t matrix = product.taps * product.depth * product.cols;
    MultiplyRows(
        task.table, task.rows, product.taps, product.depth,
        matrices + task.group * matrix + task.col, product.cols, task.cols,
        out + (task.group * product.rows + task.row) * product.cols + task.col,
        product.cols, false, task.scratch);
  }));
  return gradient;
}

// --- With respect to the filter ----------------------------------------------

// What lies under a tap of all windows, [output pixels, in_group]; zeros
// outside of the image.
template <typename T>
void GatherTap(const ConvShape& s, const T* in, int64_t group, int64_t tap,
               T* to) {
  const int64_t depth = s.in_group();
  const Spatial taps = {tap / s.axes[2].size / s.axes[1].size,
                        tap / s.axes[2].size % s.axes[1].size,
                        tap % s.axes[2].size};
  const int64_t rows = s.batch * s.out_pixels();
  for (int64_t r = 0; r < rows; ++r, to += depth) {
    int64_t rest = r;
    Spatial at;
    bool inside = true;
    for (int i = kMaxSpatial - 1; i >= 0; --i) {
      at[i] = s.axes[i].At(rest % s.axes[i].output, taps[i]);
      rest /= s.axes[i].output;
      inside &= at[i] >= 0 && at[i] < s.axes[i].input;
    }
    if (!inside) {
      std::fill_n(to, depth, T(0));
      continue;
    }
    int64_t pixel = rest;  // the image
    for (int i = 0; i < kMaxSpatial; ++i) {
      pixel = pixel * s.axes[i].input + at[i];
    }
    std::copy_n(in + pixel * s.in_channels + group * depth, depth, to);
  }
}

// Copies `rows` rows of `cols` elements between matrices whose rows are
// `from_stride` and `to_stride` apart.
template <typename T>
void CopyBlock(int64_t rows, int64_t cols, const T* from, int64_t from_stride,
               T* to, int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(from + r * from_stride, cols, to + r * to_stride);
  }
}

}  // namespace

template <typename T>
absl::Status ConvBackpropInput(const KernelContext& ctx, const ConvShape& s,
                               const T* filter, const T* out_backprop,
                               T* in_backprop) {
  ASSIGN_OR_RETURN(const Tensor transposed, TransposeFilter(s, filter));
  Spatial phases;
  for (int i = 0; i < kMaxSpatial; ++i) {
    phases[i] = std::min(s.axes[i].stride, s.axes[i].input);
  }
  for (int64_t i = 0; i < phases[0] * phases[1] * phases[2]; ++i) {
    RETURN_IF_ERROR(ctx.CheckCancelled());
    const Phase phase = MakePhase(
        s,
        {i / phases[2] / phases[1], i / phases[2] % phases[1], i % phases[2]});
    const int64_t pixels = phase.num_pixels();
    if (phase.num_taps() == 0) {
      for (int64_t p = 0; p < pixels; ++p) {
        std::fill_n(in_backprop + PixelOffset(phase, p), s.in_channels, T(0));
      }
      continue;
    }
    ASSIGN_OR_RETURN(
        const Tensor gradient,
        PhaseGradient(ctx, s, phase, transposed.data<T>(), out_backprop));
    const T* from = gradient.data<T>();
    const int64_t channels = s.in_group();
    for (int64_t g = 0; g < s.groups; ++g) {
      for (int64_t p = 0; p < pixels; ++p, from += channels) {
        std::copy_n(from, channels,
                    in_backprop + PixelOffset(phase, p) + g * channels);
      }
    }
  }
  return absl::OkStatus();
}

template absl::Status ConvBackpropInput(const KernelContext&, const ConvShape&,
                                        const float*, const float*, float*);
template absl::Status ConvBackpropInput(const KernelContext&, const ConvShape&,
                                        const double*, const double*, double*);

// For each tap: the pixels under it, transposed, times the gradient.
template <typename T>
absl::Status ConvBackpropFilter(const KernelContext& ctx, const ConvShape& s,
                                const T* in, const T* out_backprop,
                                T* filter_backprop) {
  const int64_t rows = s.batch * s.out_pixels();
  const int64_t m = s.in_group();
  const int64_t n = s.out_group();
  ASSIGN_OR_RETURN(Tensor pixels, Tensor::Allocate(kDataType<T>, {rows, m}));
  // One group is multiplied in place; of several each is cut out.
  Tensor gradient, product;
  if (s.groups > 1) {
    ASSIGN_OR_RETURN(gradient, Tensor::Allocate(kDataType<T>, {rows, n}));
    ASSIGN_OR_RETURN(product, Tensor::Allocate(kDataType<T>, {m, n}));
  }
  for (int64_t g = 0; g < s.groups; ++g) {
    const T* right = out_backprop;
    if (s.groups > 1) {
      CopyBlock(rows, n, out_backprop + g * n, s.out_channels,
                gradient.mutable_data<T>(), n);
      right = gradient.data<T>();
    }
    for (int64_t t = 0; t < s.taps(); ++t) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      GatherTap(s, in, g, t, pixels.mutable_data<T>());
      T* out = s.groups > 1 ? product.mutable_data<T>()
                            : filter_backprop + t * m * n;
      RETURN_IF_ERROR(Gemm(ctx, /*transpose_a=*/true, false, m, n, rows,
                           pixels.data<T>(), right, out));
      if (s.groups == 1) continue;
      CopyBlock(m, n, out, n, filter_backprop + t * m * s.out_channels + g * n,
                s.out_channels);
    }
  }
  return absl::OkStatus();
}

template absl::Status ConvBackpropFilter(const KernelContext&, const ConvShape&,
                                         const float*, const float*, float*);
template absl::Status ConvBackpropFilter(const KernelContext&, const ConvShape&,
                                         const double*, const double*, double*);

}  // namespace metagraph
