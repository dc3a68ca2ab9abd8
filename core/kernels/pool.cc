// Maximum and average over windows.

#include "core/kernels/pool.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "core/kernels/kernel_types.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {

template <typename Source>
absl::Status PoolAttrs::Parse(const Source& source, int spatial) {
  // Strides and window sizes are read here: along the channels they may be
  // more than 1.
  std::string format = spatial == 2 ? "NHWC" : "NDHWC";
  if (source.HasAttr("data_format")) {
    ASSIGN_OR_RETURN(format, source.template Attr<std::string>("data_format"));
  }
  ASSIGN_OR_RETURN(attrs_.layout, ParseLayout(format, spatial));
  ASSIGN_OR_RETURN(auto padding, source.template Attr<std::string>("padding"));
  ASSIGN_OR_RETURN(attrs_.padding, ParsePadding(padding));
  if (attrs_.padding == Padding::kExplicit) {
    return Unimplemented("explicit padding of pooling is not supported");
  }
  if (!source.HasAttr("ksize")) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto ksize,
                   source.template Attr<std::vector<int64_t>>("ksize"));
  ASSIGN_OR_RETURN(auto strides,
                   source.template Attr<std::vector<int64_t>>("strides"));
  return SetWindow(ksize, strides);
}

template absl::Status PoolAttrs::Parse(const KernelConstruction&, int);
template absl::Status PoolAttrs::Parse(const ShapeContext&, int);

absl::Status PoolAttrs::SetWindow(const std::vector<int64_t>& ksize,
                                  const std::vector<int64_t>& strides) {
  const int rank = attrs_.layout.rank();
  if (ksize.size() != static_cast<size_t>(rank)) {
    return InvalidArgument("Sliding window ksize field must specify ", rank,
                           " dimensions");
  }
  if (strides.size() != static_cast<size_t>(rank)) {
    return InvalidArgument("Sliding window strides field must specify ", rank,
                           " dimensions");
  }
  for (int i = 0; i < rank; ++i) {
    if (ksize[i] <= 0) {
      return InvalidArgument("Sliding window ksize must be positive.");
    }
    if (strides[i] <= 0) {
      return InvalidArgument("Sliding window strides must be positive.");
    }
  }
  if (ksize[0] != 1 || strides[0] != 1) {
    return Unimplemented(
        "Pooling is not yet supported on the batch "
        "dimension.");
  }
  const int channel = attrs_.layout.channel_dim();
  depth_window_ = ksize[channel];
  for (int i = 0; i < attrs_.layout.spatial; ++i) {
    const int dim = attrs_.layout.spatial_dim(i);
    size_[i] = ksize[dim];
    attrs_.strides[i] = strides[dim];
    if (depth_window_ > 1 && ksize[dim] != 1) {
      return Unimplemented(
          "Pooling supports exactly one of pooling across depth or pooling "
          "across width/height.");
    }
  }
  if (depth_window_ != strides[channel]) {
    return Unimplemented(
        "Depthwise max pooling requires the depth window to "
        "equal the depth stride.");
  }
  return absl::OkStatus();
}

absl::StatusOr<ConvShape> PoolAttrs::Shape(const TensorShape& input) const {
  const ImageLayout& layout = attrs_.layout;
  if (input.rank() != layout.rank()) {
    return InvalidArgument("tensor_in must be ", layout.rank(),
                           "-dimensional, not ", input.ToString());
  }
  ConvShape shape;
  shape.batch = input.dim(0);
  shape.in_channels = input.dim(layout.channel_dim());
  shape.out_channels = shape.in_channels;
  if (depth_window_ > 1) {
    if (shape.in_channels % depth_window_ != 0) {
      return Unimplemented(
          "Depthwise max pooling requires the depth window to evenly divide "
          "the input depth");
    }
    shape.out_channels /= depth_window_;
  }
  for (int i = 0; i < layout.spatial; ++i) {
    ASSIGN_OR_RETURN(
        shape.axes[kMaxSpatial - layout.spatial + i],
        attrs_.Axis(i, input.dim(layout.spatial_dim(i)), size_[i]));
  }
  return shape;
}

absl::StatusOr<PartialShape> PoolAttrs::OutputShape(
    const PartialShape& input) const {
  const ImageLayout& layout = attrs_.layout;
  PartialShape out = input;
  const int channel = layout.channel_dim();
  if (depth_window_ > 1 && input.dim(channel) >= 0) {
    out = ReplaceDim(out, channel, input.dim(channel) / depth_window_);
  }
  for (int i = 0; i < layout.spatial; ++i) {
    const int dim = layout.spatial_dim(i);
    ASSIGN_OR_RETURN(const int64_t size,
                     attrs_.OutputSize(i, input.dim(dim), size_[i]));
    out = ReplaceDim(out, dim, size);
  }
  return out;
}

namespace {

template <typename T>
absl::Status MaxPoolLast(const KernelContext& ctx, const ConvShape& s,
                         int64_t depth_window, const T* in, T* out) {
  // As in TensorFlow, a NaN never wins and nothing is below lowest().
  const T lowest = Eigen::NumTraits<T>::lowest();
  if (depth_window > 1) {
    // Windows of one pixel, which strides may leave out.
    return ForEachWindow(
        ctx, s, [&](int64_t pixel, int64_t n, int64_t d, int64_t y, int64_t x) {
          T* to = out + pixel * s.out_channels;
          ForEachTap(s, n, d, y, x, [&](int64_t at) {
            const T* from = in + at * s.in_channels;
            for (int64_t c = 0; c < s.out_channels; ++c) {
              T best = lowest;
              for (int64_t i = 0; i < depth_window; ++i, ++from) {
                best = *from > best ? *from : best;
              }
              to[c] = best;
            }
          });
        });
  }
  const int64_t channels = s.in_channels;
  return ForEachWindow(
      ctx, s, [&](int64_t pixel, int64_t n, int64_t d, int64_t y, int64_t x) {
        T* __restrict to = out + pixel * channels;
        for (int64_t c = 0; c < channels; ++c) to[c] = lowest;
        ForEachTap(s, n, d, y, x, [&](int64_t at) {
          const T* __restrict from = in + at * channels;
          for (int64_t c = 0; c < channels; ++c) {
            to[c] = from[c] > to[c] ? from[c] : to[c];
          }
        });
      });
}

template <typename T>
absl::Status AvgPoolLast(const KernelContext& ctx, const ConvShape& s,
                         const T* in, T* out) {
  using U = ConvCompute<T>;
  const int64_t channels = s.in_channels;
  return ForEachWindow(
      ctx, s, [&](int64_t pixel, int64_t n, int64_t d, int64_t y, int64_t x) {
        T* to = out + pixel * channels;
        const U scale = U(1) / U(WindowCount(s, d, y, x));
        // Some channels at a time, so that the sums stay near.
        constexpr int64_t kChunk = 64;
        for (int64_t begin = 0; begin < channels; begin += kChunk) {
          const int64_t count = std::min(kChunk, channels - begin);
          U sums[kChunk] = {};
          ForEachTap(s, n, d, y, x, [&](int64_t at) {
            const T* from = in + at * channels + begin;
            for (int64_t c = 0; c < count; ++c) sums[c] += U(from[c]);
          });
          for (int64_t c = 0; c < count; ++c)
            to[begin + c] = T(sums[c] * scale);
        }
      });
}

template <typename T, int kSpatial, bool kMax>
class PoolOp : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(attrs_.Parse(construction, kSpatial));
    if (!kMax && attrs_.depth_window() > 1) {
      return Unimplemented("Non-spatial pooling is not yet supported.");
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    return Run(ctx, attrs_);
  }

 protected:
  absl::Status Run(KernelContext& ctx, const PoolAttrs& attrs) const {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(ConvShape shape, attrs.Shape(input.shape()));
    ASSIGN_OR_RETURN(TensorShape out_shape,
                     ConvOutputShape(attrs.window(), shape));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, out_shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(Tensor image,
                     (ToChannelsLast<T, T>(input, attrs.layout())));
    Tensor result = *out;
    if (attrs.layout().channels_first) {
      ASSIGN_OR_RETURN(result, Tensor::Allocate(kDataType<T>, out_shape));
    }
    if constexpr (kMax) {
      RETURN_IF_ERROR(MaxPoolLast(ctx, shape, attrs.depth_window(),
                                  image.template data<T>(),
                                  result.template mutable_data<T>()));
    } else {
      RETURN_IF_ERROR(AvgPoolLast(ctx, shape, image.template data<T>(),
                                  result.template mutable_data<T>()));
    }
    if (attrs.layout().channels_first) {
      FromChannelsLast<T, T>(result.template data<T>(), attrs.layout(), out);
    }
    return absl::OkStatus();
  }

  PoolAttrs attrs_;
};

template <typename T>
class MaxPool final : public PoolOp<T, 2, true> {};
template <typename T>
class MaxPool3D final : public PoolOp<T, 3, true> {};
template <typename T>
class AvgPool final : public PoolOp<T, 2, false> {};
template <typename T>
class AvgPool3D final : public PoolOp<T, 3, false> {};

// Window and strides are inputs.
template <typename T>
class MaxPoolV2 final : public PoolOp<T, 2, true> {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    std::vector<int64_t> lists[2];
    for (int i = 0; i < 2; ++i) {
      const Tensor& list = ctx.input(1 + i);
      if (list.rank() != 1) {
        return InvalidArgument(i == 0 ? "ksize" : "strides",
                               " must be a vector, not ", list.Describe());
      }
      lists[i].assign(list.values<int32_t>().begin(),
                      list.values<int32_t>().end());
    }
    PoolAttrs attrs = this->attrs_;
    RETURN_IF_ERROR(attrs.SetWindow(lists[0], lists[1]));
    return this->Run(ctx, attrs);
  }
};

template <int kSpatial>
absl::Status PoolRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape input,
                   WithRank(ctx.input(0), kSpatial + 2));
  PoolAttrs attrs;
  // What the kernel refuses is the kernel's to explain.
  if (!attrs.Parse(ctx, kSpatial).ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(PartialShape shape, attrs.OutputShape(input));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status PoolV2Rule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(0), 4));
  ctx.SetOutput(0, UnknownDims(4));
  std::vector<int64_t> lists[2];
  for (int i = 0; i < 2; ++i) {
    const std::optional<KnownInts> ints = ctx.Ints(1 + i);
    if (!ints.has_value() || absl::c_linear_search(*ints, kUnknownInt)) {
      return absl::OkStatus();
    }
    lists[i].assign(ints->begin(), ints->end());
  }
  PoolAttrs attrs;
  if (!attrs.Parse(ctx, 2).ok() || !attrs.SetWindow(lists[0], lists[1]).ok()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(PartialShape shape, attrs.OutputShape(input));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

REGISTER_OP("MaxPool", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type = DT_FLOAT");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NHWC'");
  op.Shape(PoolRule<2>);
  op.KernelForEach<MaxPool, ImageTypes>("T");
});

REGISTER_OP("MaxPoolV2", [](OpBuilder& op) {
  op.Input("input: T").Input("ksize: int32").Input("strides: int32");
  op.Output("output: T").Attr("T: type = DT_FLOAT").Attr("padding: string");
  op.Attr("data_format: string = 'NHWC'");
  op.Shape(PoolV2Rule);
  op.KernelForEach<MaxPoolV2, ImageTypes>("T");
});

REGISTER_OP("AvgPool", [](OpBuilder& op) {
  op.Input("value: T").Output("output: T").Attr("T: type");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NHWC'");
  op.Shape(PoolRule<2>);
  op.KernelForEach<AvgPool, FloatTypes>("T");
});

REGISTER_OP("MaxPool3D", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NDHWC'");
  op.Shape(PoolRule<3>);
  op.KernelFor<MaxPool3D, float, half, bfloat16>("T");
});

REGISTER_OP("AvgPool3D", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NDHWC'");
  op.Shape(PoolRule<3>);
  op.KernelForEach<AvgPool3D, FloatTypes>("T");
});

}  // namespace
}  // namespace metagraph
