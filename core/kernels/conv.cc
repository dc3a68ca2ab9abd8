// The convolution engine. A convolution is a matrix product whose left rows
// are the windows: they are given to the product as pointers to the pieces
// of the image (one per tap), so no window is ever copied.

#include "core/kernels/conv.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "core/kernels/gemm.h"

namespace metagraph {
namespace {

// Windows in one product: what a packed block of the filter is used for.
constexpr int64_t kBlockRows = 480;
// Pointers in a table, so that it stays in the caches.
constexpr int64_t kTableSize = 32 * 1024;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The product of MultiplyRows for other types: a loop that the compiler
// vectorises along the columns.
void MultiplyRows(const double* const* table, int64_t m, int64_t taps,
                  int64_t depth, const double* b, int64_t ldb, int64_t n,
                  double* c, int64_t ldc, bool accumulate, double*) {
  for (int64_t i = 0; i < m; ++i) {
    double* out = c + i * ldc;
    if (!accumulate) std::fill_n(out, n, 0.0);
    for (int64_t t = 0; t < taps; ++t) {
      const double* row =
          table[(i / kTileRows * taps + t) * kTileRows + i % kTileRows];
      for (int64_t d = 0; d < depth; ++d) {
        const double x = row[d];
        const double* from = b + (t * depth + d) * ldb;
        for (int64_t j = 0; j < n; ++j) out[j] += x * from[j];
      }
    }
  }
}

// How rows of windows and columns of filters are cut into tasks.
struct Tasks {
  int64_t rows, row_blocks;
  int64_t cols, col_blocks;
};

Tasks CutTasks(const KernelContext& ctx, int64_t rows, int64_t cols,
               int64_t taps, double depth) {
  const ThreadPool* pool = ctx.step().compute_pool;
  const int64_t wanted = pool == nullptr ? 1 : 2 * (pool->size() + 1);
  Tasks cut;
  cut.rows = std::min(kBlockRows, rows);
  cut.rows = std::max(
      kTileRows, std::min(cut.rows, kTableSize / taps) / kTileRows * kTileRows);
  cut.cols = cols;
  constexpr double kMinWork = 1 << 19;  // multiply-adds
  while (CeilDiv(rows, cut.rows) * CeilDiv(cols, cut.cols) < wanted &&
         double(cut.rows) * cut.cols * taps * depth > 2 * kMinWork) {
    if (cut.rows > 16 * kTileRows) {
      cut.rows = CeilDiv(cut.rows / 2, kTileRows) * kTileRows;
    } else if (cut.cols > 4 * kTileCols) {
      cut.cols = CeilDiv(cut.cols / 2, kTileCols) * kTileCols;
    } else {
      break;
    }
  }
  cut.row_blocks = CeilDiv(rows, cut.rows);
  cut.col_blocks = CeilDiv(cols, cut.cols);
  return cut;
}

// Runs fn(group, row, rows, col, cols, table, scratch) for all tasks, with
// memory for each thread. fn returns nothing.
template <typename T, typename F>
absl::Status RunTasks(const KernelContext& ctx, const Tasks& cut,
                      int64_t groups, int64_t rows, int64_t cols, int64_t taps,
                      int64_t depth, F fn) {
  const int64_t tasks = groups * cut.row_blocks * cut.col_blocks;
  const double work = double(cut.rows) * cut.cols * taps * depth;
  std::atomic<bool> out_of_memory = false;
  RETURN_IF_ERROR(ctx.ParallelFor(
      tasks, static_cast<int64_t>(std::min(work / 40 + 100, 1e9)),
      [&](int64_t begin, int64_t end) {
        auto scratch = Tensor::Allocate(kDataType<T>, {kMultiplyScratch});
        auto table = Tensor::Allocate(DT_INT64, {cut.rows * taps});
        if (!scratch.ok() || !table.ok()) {
          out_of_memory = true;
          return;
        }
        static_assert(sizeof(const T*) == sizeof(int64_t));
        const T** pointers = static_cast<const T**>(table->mutable_raw_data());
        for (int64_t task = begin; task < end; ++task) {
          const int64_t col = task % cut.col_blocks * cut.cols;
          const int64_t rest = task / cut.col_blocks;
          const int64_t row = rest % cut.row_blocks * cut.rows;
          fn(rest / cut.row_blocks, row, std::min(cut.rows, rows - row), col,
             std::min(cut.cols, cols - col), pointers,
             scratch->template mutable_data<T>());
        }
      }));
  if (out_of_memory) return ResourceExhausted("no memory for a convolution");
  return absl::OkStatus();
}

// Fills the table for rows [row, row + rows) of windows. `find(n, d, y, x, t)`
// sets the first pointer of `taps` that stand kTileRows apart.
template <typename T, typename F>
void FillTable(const ConvShape& s, int64_t row, int64_t rows, int64_t taps,
               const T** table, F find) {
  const int64_t filled = CeilDiv(rows, kTileRows) * kTileRows;
  int64_t x = row % s.axes[2].output;
  int64_t rest = row / s.axes[2].output;
  int64_t y = rest % s.axes[1].output;
  rest /= s.axes[1].output;
  int64_t d = rest % s.axes[0].output;
  int64_t n = rest / s.axes[0].output;
  for (int64_t i = 0; i < filled; ++i) {
    const T** out = table + i / kTileRows * taps * kTileRows + i % kTileRows;
    find(n, d, y, x, out);
    if (i >= rows - 1) continue;  // the last row fills the group up
    if (++x < s.axes[2].output) continue;
    x = 0;
    if (++y < s.axes[1].output) continue;
    y = 0;
    if (++d < s.axes[0].output) continue;
    d = 0;
    ++n;
  }
}

// Whether some window reaches outside of the image.
bool ReachesOutside(const WindowAxis& axis) {
  return axis.output > 0 &&
         (axis.pad_before > 0 ||
          axis.At(axis.output - 1, axis.size - 1) >= axis.input);
}

// The image with its padding, so that windows need no test of bounds.
template <typename T>
absl::StatusOr<Tensor> PadImage(const ConvShape& s, const T* in,
                                const Spatial& padded) {
  ASSIGN_OR_RETURN(TensorShape shape,
                   TensorShape::Build({{s.batch, padded[0], padded[1],
                                        padded[2], s.in_channels}}));
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(kDataType<T>, shape));
  T* to = out.mutable_data<T>();
  std::fill_n(to, out.num_elements(), T(0));
  const int64_t row = s.axes[2].input * s.in_channels;
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t d = 0; d < s.axes[0].input; ++d) {
      for (int64_t y = 0; y < s.axes[1].input; ++y, in += row) {
        std::copy_n(
            in, row,
            to + (((n * padded[0] + d + s.axes[0].pad_before) * padded[1] + y +
                   s.axes[1].pad_before) *
                      padded[2] +
                  s.axes[2].pad_before) *
                     s.in_channels);
      }
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<ConvShape> MakeConvShape(const WindowAttrs& attrs,
                                        const TensorShape& input,
                                        const TensorShape& filter) {
  const int spatial = attrs.layout.spatial;
  const int rank = attrs.layout.rank();
  if (input.rank() != rank) {
    return InvalidArgument("convolution input must be ", rank,
                           "-dimensional: ", input.ToString());
  }
  if (filter.rank() != rank) {
    return InvalidArgument("convolution filter must be ", rank,
                           "-dimensional: ", filter.ToString());
  }
  ConvShape shape;
  shape.batch = input.dim(0);
  shape.in_channels = input.dim(attrs.layout.channel_dim());
  shape.out_channels = filter.dim(spatial + 1);
  const int64_t filter_channels = filter.dim(spatial);
  if (filter_channels <= 0) {
    return InvalidArgument("filter depth must be stricly positive, got ",
                           filter_channels);
  }
  // In two dimensions TensorFlow answers first where there is nothing to
  // answer.
  const bool answers_nothing =
      spatial == 2 && (shape.batch == 0 || shape.out_channels == 0);
  if (filter.num_elements() == 0 && !answers_nothing) {
    return InvalidArgument(
        "filter must not have zero elements (i.e. all "
        "dimensions must be non-zero)");
  }
  if (shape.in_channels % filter_channels != 0) {
    return InvalidArgument(
        "input depth must be evenly divisible by filter depth: ",
        shape.in_channels, " vs ", filter_channels);
  }
  shape.groups = std::max<int64_t>(1, shape.in_channels / filter_channels);
  if (shape.in_channels == 0) {
    return InvalidArgument("input depth must be positive, got 0");
  }
  if (shape.out_channels % shape.groups != 0) {
    return InvalidArgument(
        "output depth must be evenly divisible by number of groups: ",
        shape.out_channels, " vs ", shape.groups);
  }
  for (int i = 0; i < spatial; ++i) {
    ASSIGN_OR_RETURN(
        shape.axes[kMaxSpatial - spatial + i],
        attrs.Axis(i, input.dim(attrs.layout.spatial_dim(i)), filter.dim(i)));
  }
  return shape;
}

absl::StatusOr<TensorShape> ConvOutputShape(const WindowAttrs& attrs,
                                            const ConvShape& shape) {
  const int spatial = attrs.layout.spatial;
  absl::InlinedVector<int64_t, 5> dims(attrs.layout.rank());
  dims[0] = shape.batch;
  dims[attrs.layout.channel_dim()] = shape.out_channels;
  for (int i = 0; i < spatial; ++i) {
    dims[attrs.layout.spatial_dim(i)] =
        shape.axes[kMaxSpatial - spatial + i].output;
  }
  return TensorShape::Build(dims);
}

template <typename T>
absl::Status ConvForward(const KernelContext& ctx, const ConvShape& shape,
                         const T* in, const T* filter, T* out) {
  ConvShape s = shape;
  if (s.batch == 0 || s.out_pixels() == 0) return absl::OkStatus();
  const int64_t channels = s.in_channels;
  bool outside = false;
  for (const WindowAxis& axis : s.axes) outside |= ReachesOutside(axis);
  Tensor padded_image;
  // Taps that are neighbours in memory count as one deep tap, which keeps the
  // inner loop long where there are few channels. That needs windows inside
  // the image, so a shallow image is copied with its padding.
  bool merge = s.groups == 1 && s.axes[2].dilation == 1;
  if (merge && outside) {
    Spatial padded;
    double bytes = channels * sizeof(T) * double(s.batch);
    for (int i = 0; i < kMaxSpatial; ++i) {
      const WindowAxis& axis = s.axes[i];
      padded[i] = std::max(
          axis.input + axis.pad_before,
          axis.At(axis.output - 1, axis.size - 1) + axis.pad_before + 1);
      bytes *= padded[i];
    }
    merge = channels < 16 && s.axes[2].size > 1 && bytes < (1 << 28);
    if (merge) {
      ASSIGN_OR_RETURN(padded_image, PadImage(s, in, padded));
      in = padded_image.data<T>();
      for (int i = 0; i < kMaxSpatial; ++i) {
        s.axes[i].input = padded[i];
        s.axes[i].pad_before = 0;
      }
    }
  }
  const int64_t merged = merge ? s.axes[2].size : 1;
  const int64_t taps = s.taps() / merged;
  const int64_t depth = s.in_group() * merged;
  const int64_t x_taps = s.axes[2].size / merged;
  const std::vector<T> zeros(depth);

  const int64_t rows = s.batch * s.out_pixels();
  const int64_t cols = s.out_group();
  const Tasks cut = CutTasks(ctx, rows, cols, taps, depth);
  return RunTasks<T>(
      ctx, cut, s.groups, rows, cols, taps, depth,
      [&](int64_t group, int64_t row, int64_t block_rows, int64_t col,
          int64_t block_cols, const T** table, T* scratch) {
        const T* image = in + group * s.in_group();
        FillTable(
            s, row, block_rows, taps, table,
            [&](int64_t n, int64_t d, int64_t y, int64_t x, const T** pointer) {
              for (int64_t i = 0; i < s.axes[0].size; ++i) {
                const int64_t at_d = s.axes[0].At(d, i);
                for (int64_t j = 0; j < s.axes[1].size; ++j) {
                  const int64_t at_y = s.axes[1].At(y, j);
                  const bool row_inside = at_d >= 0 && at_d < s.axes[0].input &&
                                          at_y >= 0 && at_y < s.axes[1].input;
                  const int64_t line =
                      ((n * s.axes[0].input + at_d) * s.axes[1].input + at_y) *
                      s.axes[2].input;
                  for (int64_t k = 0; k < x_taps; ++k, pointer += kTileRows) {
                    const int64_t at_x = s.axes[2].At(x, k);
                    *pointer = row_inside && at_x >= 0 && at_x < s.axes[2].input
                                   ? image + (line + at_x) * channels
                                   : zeros.data();
                  }
                }
              }
            });
        const int64_t out_channel = group * cols + col;
        MultiplyRows(table, block_rows, taps, depth, filter + out_channel,
                     s.out_channels, block_cols,
                     out + row * s.out_channels + out_channel, s.out_channels,
                     false, scratch);
      });
}

template absl::Status ConvForward(const KernelContext&, const ConvShape&,
                                  const float*, const float*, float*);
template absl::Status ConvForward(const KernelContext&, const ConvShape&,
                                  const double*, const double*, double*);

// Input pixels whose coordinates are equal modulo the strides receive from
// the same taps. So each such phase is a convolution of its own over the
// output gradient, with stride 1 and the filter's transpose.
template <typename T>
absl::Status ConvBackpropInput(const KernelContext& ctx, const ConvShape& shape,
                               const T* filter, const T* out_backprop,
                               T* in_backprop) {
  const ConvShape& s = shape;
  const int64_t depth = s.out_group();
  const int64_t cols = s.in_group();
  // The filter as [group, tap, out_group, in_group].
  ASSIGN_OR_RETURN(
      Tensor transposed,
      Tensor::Allocate(kDataType<T>, {s.groups, s.taps(), depth, cols}));
  T* flipped = transposed.mutable_data<T>();
  for (int64_t g = 0; g < s.groups; ++g) {
    for (int64_t t = 0; t < s.taps(); ++t) {
      for (int64_t k = 0; k < depth; ++k) {
        for (int64_t c = 0; c < cols; ++c) {
          *flipped++ = filter[(t * cols + c) * s.out_channels + g * depth + k];
        }
      }
    }
  }
  const T* by_tap = transposed.data<T>();
  const std::vector<T> zeros(depth);

  // Per axis and phase: the taps that reach it.
  const auto taps_of = [](const WindowAxis& axis, int64_t phase) {
    std::vector<int64_t> taps;
    for (int64_t t = 0; t < axis.size; ++t) {
      if ((phase + axis.pad_before - t * axis.dilation) % axis.stride == 0) {
        taps.push_back(t);
      }
    }
    return taps;
  };
  Spatial phases;
  for (int i = 0; i < kMaxSpatial; ++i) {
    phases[i] = std::min(s.axes[i].stride, s.axes[i].input);
  }
  for (int64_t pd = 0; pd < phases[0]; ++pd) {
    const auto d_taps = taps_of(s.axes[0], pd);
    for (int64_t py = 0; py < phases[1]; ++py) {
      const auto y_taps = taps_of(s.axes[1], py);
      for (int64_t px = 0; px < phases[2]; ++px) {
        RETURN_IF_ERROR(ctx.CheckCancelled());
        const auto x_taps = taps_of(s.axes[2], px);
        const Spatial phase = {pd, py, px};
        // The pixels of this phase, as the "output" of a convolution.
        ConvShape p = s;
        for (int i = 0; i < kMaxSpatial; ++i) {
          p.axes[i].output =
              CeilDiv(s.axes[i].input - phase[i], s.axes[i].stride);
        }
        const int64_t rows = s.batch * p.out_pixels();
        const int64_t taps =
            std::ssize(d_taps) * std::ssize(y_taps) * std::ssize(x_taps);
        const auto pixel = [&](int64_t n, int64_t d, int64_t y, int64_t x) {
          return (((n * s.axes[0].input + pd + d * s.axes[0].stride) *
                       s.axes[1].input +
                   py + y * s.axes[1].stride) *
                      s.axes[2].input +
                  px + x * s.axes[2].stride) *
                 s.in_channels;
        };
        if (taps == 0) {
          for (int64_t r = 0; r < rows; ++r) {
            const int64_t x = r % p.axes[2].output;
            const int64_t y = r / p.axes[2].output % p.axes[1].output;
            const int64_t rest = r / p.axes[2].output / p.axes[1].output;
            std::fill_n(in_backprop + pixel(rest / p.axes[0].output,
                                            rest % p.axes[0].output, y, x),
                        s.in_channels, T(0));
          }
          continue;
        }
        // The taps' matrices one after the other, for each group.
        ASSIGN_OR_RETURN(
            Tensor chosen,
            Tensor::Allocate(kDataType<T>, {s.groups, taps, depth, cols}));
        T* to = chosen.mutable_data<T>();
        for (int64_t g = 0; g < s.groups; ++g) {
          for (int64_t i : d_taps) {
            for (int64_t j : y_taps) {
              for (int64_t k : x_taps) {
                const int64_t t = (i * s.axes[1].size + j) * s.axes[2].size + k;
                to = std::copy_n(by_tap + (g * s.taps() + t) * depth * cols,
                                 depth * cols, to);
              }
            }
          }
        }
        const T* matrices = chosen.data<T>();
        const Tasks cut = CutTasks(ctx, rows, cols, taps, depth);
        ASSIGN_OR_RETURN(
            Tensor products,
            Tensor::Allocate(kDataType<T>, {s.groups, rows, cols}));
        T* product = products.mutable_data<T>();
        RETURN_IF_ERROR(RunTasks<T>(
            ctx, cut, s.groups, rows, cols, taps, depth,
            [&](int64_t group, int64_t row, int64_t block_rows, int64_t col,
                int64_t block_cols, const T** table, T* scratch) {
              const T* gradient = out_backprop + group * depth;
              FillTable(
                  p, row, block_rows, taps, table,
                  [&](int64_t n, int64_t d, int64_t y, int64_t x,
                      const T** pointer) {
                    // The window that sees pixel (phase + i * stride) at tap t.
                    const auto source = [&](int axis, int64_t i, int64_t t) {
                      return i + (phase[axis] + s.axes[axis].pad_before -
                                  t * s.axes[axis].dilation) /
                                     s.axes[axis].stride;
                    };
                    const auto inside = [&](int axis, int64_t at) {
                      return at >= 0 && at < s.axes[axis].output;
                    };
                    for (int64_t i : d_taps) {
                      const int64_t od = source(0, d, i);
                      for (int64_t j : y_taps) {
                        const int64_t oy = source(1, y, j);
                        for (int64_t k : x_taps) {
                          const int64_t ox = source(2, x, k);
                          *pointer =
                              inside(0, od) && inside(1, oy) && inside(2, ox)
                                  ? gradient + (((n * s.axes[0].output + od) *
                                                     s.axes[1].output +
                                                 oy) *
                                                    s.axes[2].output +
                                                ox) *
                                                   s.out_channels
                                  : zeros.data();
                          pointer += kTileRows;
                        }
                      }
                    }
                  });
              T* to_rows = product + (group * rows + row) * cols;
              MultiplyRows(table, block_rows, taps, depth,
                           matrices + group * taps * depth * cols + col, cols,
                           block_cols, to_rows + col, cols, false, scratch);
            }));
        for (int64_t g = 0; g < s.groups; ++g) {
          for (int64_t r = 0; r < rows; ++r) {
            const int64_t x = r % p.axes[2].output;
            const int64_t y = r / p.axes[2].output % p.axes[1].output;
            const int64_t rest = r / p.axes[2].output / p.axes[1].output;
            std::copy_n(product + (g * rows + r) * cols, cols,
                        in_backprop +
                            pixel(rest / p.axes[0].output,
                                  rest % p.axes[0].output, y, x) +
                            g * cols);
          }
        }
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
absl::Status ConvBackpropFilter(const KernelContext& ctx,
                                const ConvShape& shape, const T* in,
                                const T* out_backprop, T* filter_backprop) {
  const ConvShape& s = shape;
  const int64_t rows = s.batch * s.out_pixels();
  const int64_t m = s.in_group();
  const int64_t n = s.out_group();
  ASSIGN_OR_RETURN(Tensor pixels, Tensor::Allocate(kDataType<T>, {rows, m}));
  Tensor gradient, product;
  if (s.groups > 1) {
    ASSIGN_OR_RETURN(gradient, Tensor::Allocate(kDataType<T>, {rows, n}));
    ASSIGN_OR_RETURN(product, Tensor::Allocate(kDataType<T>, {m, n}));
  }
  for (int64_t g = 0; g < s.groups; ++g) {
    const T* right = out_backprop;
    if (s.groups > 1) {
      for (int64_t r = 0; r < rows; ++r) {
        std::copy_n(out_backprop + r * s.out_channels + g * n, n,
                    gradient.mutable_data<T>() + r * n);
      }
      right = gradient.data<T>();
    }
    for (int64_t t = 0; t < s.taps(); ++t) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const int64_t tap[] = {t / s.axes[2].size / s.axes[1].size,
                             t / s.axes[2].size % s.axes[1].size,
                             t % s.axes[2].size};
      T* to = pixels.mutable_data<T>();
      for (int64_t r = 0; r < rows; ++r, to += m) {
        int64_t rest = r;
        int64_t at[3];
        bool inside = true;
        for (int i = kMaxSpatial - 1; i >= 0; --i) {
          at[i] = s.axes[i].At(rest % s.axes[i].output, tap[i]);
          rest /= s.axes[i].output;
          inside &= at[i] >= 0 && at[i] < s.axes[i].input;
        }
        if (!inside) {
          std::fill_n(to, m, T(0));
          continue;
        }
        std::copy_n(
            in +
                (((rest * s.axes[0].input + at[0]) * s.axes[1].input + at[1]) *
                     s.axes[2].input +
                 at[2]) *
                    s.in_channels +
                g * m,
            m, to);
      }
      T* out = s.groups > 1 ? product.mutable_data<T>()
                            : filter_backprop + t * m * n;
      RETURN_IF_ERROR(Gemm(ctx, /*transpose_a=*/true, false, m, n, rows,
                           pixels.data<T>(), right, out));
      if (s.groups == 1) continue;
      for (int64_t c = 0; c < m; ++c) {
        std::copy_n(out + c * n, n,
                    filter_backprop + (t * m + c) * s.out_channels + g * n);
      }
    }
  }
  return absl::OkStatus();
}

template absl::Status ConvBackpropFilter(const KernelContext&, const ConvShape&,
                                         const float*, const float*, float*);
template absl::Status ConvBackpropFilter(const KernelContext&, const ConvShape&,
                                         const double*, const double*, double*);

}  // namespace metagraph
