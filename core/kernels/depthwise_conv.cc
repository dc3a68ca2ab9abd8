#include "core/kernels/depthwise_conv.h"

#include <algorithm>
#include <vector>

#include "core/kernels/looks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Calls fn(input pixel, tap) for each tap of an output pixel that lies inside.
template <typename F>
void ForEachTap(const ConvShape& s, int64_t n, int64_t y, int64_t x, F fn) {
  const WindowAxis& rows = s.axes[1];
  const WindowAxis& cols = s.axes[2];
  for (int64_t i = 0; i < rows.size; ++i) {
    const int64_t at_y = rows.At(y, i);
    if (at_y < 0 || at_y >= rows.input) continue;
    for (int64_t j = 0; j < cols.size; ++j) {
      const int64_t at_x = cols.At(x, j);
      if (at_x < 0 || at_x >= cols.input) continue;
      fn((n * rows.input + at_y) * cols.input + at_x, i * cols.size + j);
    }
  }
}

// sums[i] += a[i] * b[i], fused: there is no other operation to agree with.
inline void MultiplyAdd(const float* a, const float* b, int64_t count,
                        float* sums) {
  for (int64_t i = 0; i < count; ++i) {
    sums[i] = __builtin_fmaf(a[i], b[i], sums[i]);
  }
}
inline void MultiplyAdd(const double* a, const double* b, int64_t count,
                        double* sums) {
  for (int64_t i = 0; i < count; ++i) {
    sums[i] = __builtin_fma(a[i], b[i], sums[i]);
  }
}

}  // namespace

absl::StatusOr<DepthwiseShape> MakeDepthwiseShape(const WindowAttrs& attrs,
                                                  const TensorShape& input,
                                                  const TensorShape& filter) {
  if (input.rank() != 4) {
    return InvalidArgument("input must be 4-dimensional", input.ToString());
  }
  if (filter.rank() != 4) {
    return InvalidArgument("filter must be 4-dimensional: ", filter.ToString());
  }
  const int64_t channels = input.dim(attrs.layout.channel_dim());
  if (channels != filter.dim(2)) {
    return InvalidArgument("input and filter must have the same depth: ",
                           channels, " vs ", filter.dim(2));
  }
  DepthwiseShape shape;
  shape.multiplier = filter.dim(3);
  shape.conv.batch = input.dim(0);
  shape.conv.in_channels = channels;
  shape.conv.groups = channels;
  ASSIGN_OR_RETURN(TensorShape depths,
                   TensorShape::Build({{channels, shape.multiplier}}));
  shape.conv.out_channels = depths.num_elements();
  for (int i = 0; i < 2; ++i) {
    ASSIGN_OR_RETURN(
        shape.conv.axes[1 + i],
        attrs.Axis(i, input.dim(attrs.layout.spatial_dim(i)), filter.dim(i)));
  }
  return shape;
}

template <typename U>
absl::Status DepthwiseForward(const KernelContext& ctx,
                              const DepthwiseShape& shape, const U* in,
                              const U* filter, U* out) {
  const ConvShape& s = shape.conv;
  const int64_t width = s.axes[2].output;
  const int64_t channels = s.in_channels;
  const double cost = double(width) * s.out_channels * s.taps() / 8;
  const int64_t products = s.out_channels * s.taps();  // a filter's size
  RETURN_IF_ERROR(ctx.ParallelFor(
      s.batch * s.axes[1].output, static_cast<int64_t>(std::min(cost, 1e9)),
      [&](int64_t begin, int64_t end) {
        // Channels in pieces whose sums stay in registers or near.
        constexpr int64_t kChunk = 64;
        std::vector<U> spread(kChunk);
        BlockLooks looks(ctx);
        for (int64_t pixel = begin * width; pixel < end * width; ++pixel) {
          if (!looks.GoOn(products)) return;
          const int64_t x = pixel % width;
          const int64_t y = pixel / width % s.axes[1].output;
          const int64_t n = pixel / width / s.axes[1].output;
          for (int64_t k = 0; k < s.out_channels; k += kChunk) {
            const int64_t count = std::min(kChunk, s.out_channels - k);
            U sums[kChunk] = {};
            ForEachTap(s, n, y, x, [&](int64_t at, int64_t tap) {
              const U* from = in + at * channels;
              if (shape.multiplier == 1) {
                from += k;
              } else {
                for (int64_t i = 0; i < count; ++i) {
                  spread[i] = from[(k + i) / shape.multiplier];
                }
                from = spread.data();
              }
              const U* weights = filter + tap * s.out_channels + k;
              // A constant count is unrolled and vectorised.
              if (count == kChunk) {
                MultiplyAdd(from, weights, kChunk, sums);
              } else {
                MultiplyAdd(from, weights, count, sums);
              }
            });
            std::copy_n(sums, count, out + pixel * s.out_channels + k);
          }
        }
      }));
  return ctx.CheckCancelled();
}

template absl::Status DepthwiseForward(const KernelContext&,
                                       const DepthwiseShape&, const float*,
                                       const float*, float*);
template absl::Status DepthwiseForward(const KernelContext&,
                                       const DepthwiseShape&, const double*,
                                       const double*, double*);

namespace {

template <typename T>
class DepthwiseConv2dNative final : public DepthwiseConvOp<T> {};

// Both gradients walk over the output gradient and give each product back to
// the input (kFilter: the filter) it came from.
template <typename T, bool kFilter>
class DepthwiseBackprop : public Kernel {
 public:
  using U = ConvCompute<T>;

  absl::Status Init(KernelConstruction& construction) {
    return attrs_.Parse(construction, 2);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& sizes = ctx.input(kFilter ? 1 : 0);
    const Tensor& other = ctx.input(kFilter ? 0 : 1);
    const Tensor& gradient = ctx.input(2);
    if (sizes.rank() != 1 || sizes.num_elements() != 4) {
      return InvalidArgument(kFilter ? "filter_sizes" : "input_sizes",
                             " must be a vector of 4 elements, not ",
                             sizes.Describe());
    }
    const std::vector<int64_t> dims(sizes.values<int32_t>().begin(),
                                    sizes.values<int32_t>().end());
    ASSIGN_OR_RETURN(TensorShape wanted, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(
        DepthwiseShape shape,
        MakeDepthwiseShape(attrs_, kFilter ? other.shape() : wanted,
                           kFilter ? wanted : other.shape()));
    const ConvShape& s = shape.conv;
    ASSIGN_OR_RETURN(TensorShape out_shape, ConvOutputShape(attrs_, s));
    if (!(gradient.shape() == out_shape)) {
      return InvalidArgument("out_backprop has shape ",
                             gradient.shape().ToString(), ", expected ",
                             out_shape.ToString());
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, wanted));
    if (out->num_elements() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        Tensor operand,
        (ToChannelsLast<T, U>(other, kFilter ? attrs_.layout : ImageLayout())));
    ASSIGN_OR_RETURN(Tensor change,
                     (ToChannelsLast<T, U>(gradient, attrs_.layout)));
    ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(kDataType<U>, wanted));
    const U* from = operand.data<U>();
    const U* d = change.data<U>();
    U* to = result.mutable_data<U>();
    std::fill_n(to, result.num_elements(), U(0));
    const int64_t m_count = shape.multiplier;
    Looks looks(ctx);
    for (int64_t n = 0; n < s.batch; ++n) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      for (int64_t y = 0; y < s.axes[1].output; ++y) {
        for (int64_t x = 0; x < s.axes[2].output; ++x, d += s.out_channels) {
          RETURN_IF_ERROR(looks.After(s.out_channels * s.taps()));
          ForEachTap(s, n, y, x, [&](int64_t at, int64_t tap) {
            for (int64_t c = 0; c < s.in_channels; ++c) {
              const int64_t pixel = at * s.in_channels + c;
              const int64_t first = c * m_count;
              for (int64_t m = first; m < first + m_count; ++m) {
                const int64_t weight = tap * s.out_channels + m;
                if constexpr (kFilter) {
                  to[weight] += from[pixel] * d[m];
                } else {
                  to[pixel] += from[weight] * d[m];
                }
              }
            }
          });
        }
      }
    }
    FromChannelsLast<T, U>(result.data<U>(),
                           kFilter ? ImageLayout() : attrs_.layout, out);
    return absl::OkStatus();
  }

 private:
  WindowAttrs attrs_;
};

template <typename T>
class DepthwiseBackpropInput final : public DepthwiseBackprop<T, false> {};
template <typename T>
class DepthwiseBackpropFilter final : public DepthwiseBackprop<T, true> {};

}  // namespace

absl::Status DepthwiseRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(0), 4));
  ASSIGN_OR_RETURN(const PartialShape filter, WithRank(ctx.input(1), 4));
  WindowAttrs attrs;
  // What the kernel refuses is the kernel's to explain.
  if (!attrs.Parse(ctx, 2).ok()) return absl::OkStatus();
  const int channel = attrs.layout.channel_dim();
  ASSIGN_OR_RETURN(const int64_t channels,
                   MergeDims(input.dim(channel), filter.dim(2)));
  absl::InlinedVector<int64_t, 4> dims(4);
  dims[0] = input.dim(0);
  dims[channel] = MultiplyDims(channels, filter.dim(3));
  for (int i = 0; i < 2; ++i) {
    const int dim = attrs.layout.spatial_dim(i);
    ASSIGN_OR_RETURN(dims[dim],
                     attrs.OutputSize(i, input.dim(dim), filter.dim(i)));
  }
  ctx.SetOutput(0, PartialShape(dims));
  return absl::OkStatus();
}

namespace {

void Attrs(OpBuilder& op) {
  op.Attr("T: type").Attr("strides: list(int)").Attr("padding: string");
  op.Attr("data_format: string = 'NHWC'");
  op.Attr("dilations: list(int) = [1, 1, 1, 1]");
}

REGISTER_OP("DepthwiseConv2dNative", [](OpBuilder& op) {
  op.Input("input: T").Input("filter: T").Output("output: T");
  Attrs(op);
  op.Shape(DepthwiseRule);
  op.KernelForEach<DepthwiseConv2dNative, FloatTypes>("T");
});

REGISTER_OP("DepthwiseConv2dNativeBackpropInput", [](OpBuilder& op) {
  op.Input("input_sizes: int32").Input("filter: T").Input("out_backprop: T");
  op.Output("output: T");
  Attrs(op);
  op.Shape(ShapeInputRule<0>);
  op.KernelForEach<DepthwiseBackpropInput, FloatTypes>("T");
});

REGISTER_OP("DepthwiseConv2dNativeBackpropFilter", [](OpBuilder& op) {
  op.Input("input: T").Input("filter_sizes: int32").Input("out_backprop: T");
  op.Output("output: T");
  Attrs(op);
  op.Shape(ShapeInputRule<1>);
  op.KernelForEach<DepthwiseBackpropFilter, FloatTypes>("T");
});

}  // namespace
}  // namespace metagraph
