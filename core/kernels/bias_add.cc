// BiasAdd: a vector along the channels; and its gradient.

#include <algorithm>
#include <string>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/element_loops.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// A tensor as [outer, channels, inner]; inner is 1 with channels last.
struct ChannelView {
  int64_t outer = 1;
  int64_t channels = 1;
  int64_t inner = 1;
};

absl::StatusOr<ChannelView> ViewChannels(const TensorShape& shape,
                                         bool channels_first) {
  if (shape.rank() < 2) {
    return InvalidArgument("Input tensor must be at least 2D: ",
                           shape.ToString());
  }
  const int channel_dim = channels_first ? 1 : shape.rank() - 1;
  ChannelView view;
  view.channels = shape.dim(channel_dim);
  for (int d = 0; d < channel_dim; ++d) view.outer *= shape.dim(d);
  for (int d = channel_dim + 1; d < shape.rank(); ++d) {
    view.inner *= shape.dim(d);
  }
  return view;
}

absl::Status ReadDataFormat(KernelConstruction& construction,
                            bool* channels_first) {
  *channels_first = false;
  if (construction.op() == "BiasAddV1") return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string format,
                   construction.Attr<std::string>("data_format"));
  if (format != "NHWC" && format != "NCHW") {
    return InvalidArgument("Value for attr 'data_format' of \"", format,
                           "\" is not in the list of allowed values: "
                           "\"NHWC\", \"NCHW\"");
  }
  *channels_first = format == "NCHW";
  return absl::OkStatus();
}

absl::Status CheckBias(const Tensor& value, const Tensor& bias,
                       int64_t channels) {
  RETURN_IF_ERROR(RequireVector(bias, "Biases must be 1D: "));
  if (bias.dim(0) == channels) return absl::OkStatus();
  return InvalidArgument(
      "Must provide as many biases as the last "
      "dimension of the input tensor: ",
      bias.shape().ToString(), " vs. ", value.shape().ToString());
}

template <typename T>
class BiasAdd final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return ReadDataFormat(construction, &channels_first_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& value = ctx.input(0);
    const Tensor& bias = ctx.input(1);
    ASSIGN_OR_RETURN(const ChannelView view,
                     ViewChannels(value.shape(), channels_first_));
    RETURN_IF_ERROR(CheckBias(value, bias, view.channels));
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0}, 0, value.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    const T* in = value.data<T>();
    const T* add = bias.data<T>();
    T* out = output->mutable_data<T>();
    const int64_t n = view.channels;
    const int64_t inner = view.inner;
    if (inner == 1) {
      return ctx.ParallelFor(view.outer, n, [=](int64_t begin, int64_t end) {
        for (int64_t at = begin * n; at < end * n; at += n) {
          for (int64_t c = 0; c < n; ++c) out[at + c] = Add(in[at + c], add[c]);
        }
      });
    }
    return ctx.ParallelFor(
        view.outer * n, inner, [=](int64_t begin, int64_t end) {
          for (int64_t row = begin; row < end; ++row) {
            const T b = add[row % n];
            for (int64_t i = row * inner; i < (row + 1) * inner; ++i) {
              out[i] = Add(in[i], b);
            }
          }
        });
  }

 private:
  bool channels_first_ = false;
};

// The sum over everything but the channels.
template <typename T>
class BiasAddGrad final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return ReadDataFormat(construction, &channels_first_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& gradient = ctx.input(0);
    ASSIGN_OR_RETURN(const ChannelView view,
                     ViewChannels(gradient.shape(), channels_first_));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {view.channels}));
    const T* in = gradient.data<T>();
    T* out = output->mutable_data<T>();
    if (gradient.num_elements() == 0) {
      std::fill_n(out, view.channels, T(0));
      return absl::OkStatus();
    }
    if (view.inner == 1) {
      return ctx.ParallelFor(view.channels, view.outer,
                             [&](int64_t begin, int64_t end) {
                               SumColumns(in, view, begin, end, out);
                             });
    }
    return ctx.ParallelFor(view.channels, view.outer * view.inner,
                           [&](int64_t begin, int64_t end) {
                             for (int64_t c = begin; c < end; ++c)
                               out[c] = SumPlane(in, view, c);
                           });
  }

 private:
  // half and bfloat16 add up in float.
  using Sum = std::conditional_t<kIsSmallFloat<T>, float, T>;
  // Partial sums of so many terms keep float errors small.
  static constexpr int64_t kTerms = 256;

  static void SumColumns(const T* in, const ChannelView& view, int64_t begin,
                         int64_t end, T* out) {
    const int64_t n = end - begin;
    Scratch<Sum> total(n, Sum(0));
    Scratch<Sum> part(n);
    for (int64_t row = 0; row < view.outer; row += kTerms) {
      std::fill(part.begin(), part.end(), Sum(0));
      const int64_t stop = std::min(view.outer, row + kTerms);
      for (int64_t r = row; r < stop; ++r) {
        const T* from = in + r * view.channels + begin;
        for (int64_t i = 0; i < n; ++i) {
          part[i] = Add(part[i], static_cast<Sum>(from[i]));
        }
      }
      for (int64_t i = 0; i < n; ++i) total[i] = Add(total[i], part[i]);
    }
    for (int64_t i = 0; i < n; ++i) out[begin + i] = static_cast<T>(total[i]);
  }

  static T SumPlane(const T* in, const ChannelView& view, int64_t channel) {
    Sum total(0);
    for (int64_t o = 0; o < view.outer; ++o) {
      const T* from = in + (o * view.channels + channel) * view.inner;
      for (int64_t begin = 0; begin < view.inner; begin += kTerms) {
        Sum part(0);
        const int64_t stop = std::min(view.inner, begin + kTerms);
        for (int64_t i = begin; i < stop; ++i) {
          part = Add(part, static_cast<Sum>(from[i]));
        }
        total = Add(total, part);
      }
    }
    return static_cast<T>(total);
  }

  bool channels_first_ = false;
};

absl::StatusOr<int> ChannelDim(const ShapeContext& ctx) {
  if (!ctx.HasAttr("data_format")) return -1;
  ASSIGN_OR_RETURN(const auto format, ctx.Attr<std::string>("data_format"));
  return format == "NCHW" ? 1 : -1;
}

absl::Status BiasAddRule(ShapeContext& ctx) {
  const PartialShape& value = ctx.input(0);
  ASSIGN_OR_RETURN(const int channel, ChannelDim(ctx));
  RETURN_IF_ERROR(CheckRankAtLeast(value, 2));
  ASSIGN_OR_RETURN(const PartialShape bias, WithRank(ctx.input(1), 1));
  ASSIGN_OR_RETURN(const int64_t channels,
                   MergeDims(DimOf(value, channel), bias.dim(0)));
  ctx.SetOutput(0, ReplaceDim(value, channel, channels));
  return absl::OkStatus();
}

absl::Status BiasAddGradRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const int channel, ChannelDim(ctx));
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 2));
  ctx.SetOutput(0, PartialShape({DimOf(ctx.input(0), channel)}));
  return absl::OkStatus();
}

void DescribeBiasAdd(OpBuilder& op) {
  op.Input("value: T").Input("bias: T").Output("output: T").Attr("T: type");
  op.Shape(BiasAddRule);
  op.KernelForEach<BiasAdd, NumberTypes>("T");
}

REGISTER_OP("BiasAdd", [](OpBuilder& op) {
  DescribeBiasAdd(op);
  op.Attr("data_format: string = 'NHWC'");
});

REGISTER_OP("BiasAddV1", DescribeBiasAdd);

REGISTER_OP("BiasAddGrad", [](OpBuilder& op) {
  op.Input("out_backprop: T").Output("output: T").Attr("T: type");
  op.Attr("data_format: string = 'NHWC'");
  op.Shape(BiasAddGradRule);
  op.KernelForEach<BiasAddGrad, NumberTypes>("T");
});

}  // namespace

absl::Status CheckBiasAdd(const Tensor& value, const Tensor& bias) {
  ASSIGN_OR_RETURN(const ChannelView view,
                   ViewChannels(value.shape(), /*channels_first=*/false));
  return CheckBias(value, bias, view.channels);
}

}  // namespace metagraph
