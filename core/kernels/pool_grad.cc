// Gradients of pooling, and maximum pooling that tells where the maxima are.

#include <algorithm>
#include <vector>

#include "core/kernels/arithmetic.h"
#include "core/kernels/optional_attrs.h"
#include "core/kernels/pool.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// For each channel of a window: the input pixel with the first maximum, -1
// for an empty window. NaN counts as the maximum only where it comes first.
template <typename T>
void FindMaxima(const ConvShape& s, const T* in, int64_t n, int64_t d,
                int64_t y, int64_t x, Scratch<int64_t>& where) {
  const int64_t channels = s.in_channels;
  std::fill(where.begin(), where.end(), -1);
  ForEachTap(s, n, d, y, x, [&](int64_t at) {
    const T* from = in + at * channels;
    for (int64_t c = 0; c < channels; ++c) {
      if (where[c] < 0 || in[where[c] * channels + c] < from[c]) {
        where[c] = at;
      }
    }
  });
}

absl::Status NoDepthWindow(const PoolAttrs& attrs) {
  if (attrs.depth_window() <= 1) return absl::OkStatus();
  return Unimplemented("Non-spatial pooling is not yet supported.");
}

template <typename T>
class MaxPoolWithArgmax final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(attrs_.Parse(construction, 2));
    RETURN_IF_ERROR(
        BindOptional(construction, "include_batch_in_index", &include_batch_));
    return NoDepthWindow(attrs_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(ConvShape s, attrs_.Shape(input.shape()));
    ASSIGN_OR_RETURN(TensorShape shape, ConvOutputShape(attrs_.window(), s));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    ASSIGN_OR_RETURN(Tensor * argmax, ctx.AllocateOutput(1, shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    const T* in = input.data<T>();
    T* to = out->mutable_data<T>();
    const bool narrow = argmax->dtype() == DT_INT32;
    const int64_t channels = s.in_channels;
    const int64_t image = include_batch_ ? 0 : s.in_pixels();
    return ForEachWindow(
        ctx, s, [&](int64_t pixel, int64_t n, int64_t d, int64_t y, int64_t x) {
          Scratch<int64_t> where(channels);
          FindMaxima(s, in, n, d, y, x, where);
          for (int64_t c = 0; c < channels; ++c) {
            const int64_t at = pixel * channels + c;
            const int64_t source = std::max<int64_t>(0, where[c]);
            to[at] = where[c] < 0 ? Eigen::NumTraits<T>::lowest()
                                  : in[source * channels + c];
            const int64_t index = (source - n * image) * channels + c;
            if (narrow) {
              argmax->mutable_data<int32_t>()[at] = static_cast<int32_t>(index);
            } else {
              argmax->mutable_data<int64_t>()[at] = index;
            }
          }
        });
  }

 private:
  PoolAttrs attrs_;
  bool include_batch_ = false;
};

// The output gradient of each window goes to its first maximum; in three
// dimensions to all input pixels that equal the window's output.
template <typename T, int kSpatial>
class MaxPoolGradOp : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(attrs_.Parse(construction, kSpatial));
    return NoDepthWindow(attrs_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const Tensor& gradient = ctx.input(2);
    ASSIGN_OR_RETURN(ConvShape s, attrs_.Shape(input.shape()));
    ASSIGN_OR_RETURN(TensorShape shape, ConvOutputShape(attrs_.window(), s));
    for (int i = 1; i < 3; ++i) {
      if (!(ctx.input(i).shape() == shape)) {
        return InvalidArgument("Expected ", i == 1 ? "orig_output" : "grad",
                               " shape to be ", shape.ToString(), ", but got ",
                               ctx.input(i).shape().ToString());
      }
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, input.shape()));
    if (out->num_elements() == 0) return absl::OkStatus();
    const ImageLayout& layout = attrs_.layout();
    ASSIGN_OR_RETURN(Tensor image, (ToChannelsLast<T, T>(input, layout)));
    ASSIGN_OR_RETURN(Tensor change, (ToChannelsLast<T, T>(gradient, layout)));
    Tensor maxima;  // in two dimensions the windows' own are found
    if constexpr (kSpatial == 3) {
      ASSIGN_OR_RETURN(maxima, (ToChannelsLast<T, T>(ctx.input(1), layout)));
    }
    Tensor result = *out;
    if (layout.channels_first) {
      ASSIGN_OR_RETURN(result, Tensor::Allocate(kDataType<T>, input.shape()));
    }
    T* to = result.mutable_data<T>();
    std::fill_n(to, result.num_elements(), T(0));
    const int64_t channels = s.in_channels;
    // Windows overlap, so an image is one thread's.
    RETURN_IF_ERROR(ctx.ParallelFor(
        s.batch, WindowCost(s, s.out_pixels()),
        [&](int64_t begin, int64_t end) {
          Scratch<int64_t> where(channels);
          BlockLooks looks(ctx);
          for (int64_t n = begin; n < end; ++n) {
            ForEachOutput(s, [&](int64_t d, int64_t y, int64_t x) {
              if (!looks.GoOn(WindowElements(s))) return;
              const int64_t pixel =
                  ((n * s.axes[0].output + d) * s.axes[1].output + y) *
                      s.axes[2].output +
                  x;
              const T* from = change.data<T>() + pixel * channels;
              if constexpr (kSpatial == 3) {
                const T* max = maxima.data<T>() + pixel * channels;
                ForEachTap(s, n, d, y, x, [&](int64_t at) {
                  const T* in = image.data<T>() + at * channels;
                  for (int64_t c = 0; c < channels; ++c) {
                    if (in[c] == max[c]) to[at * channels + c] += from[c];
                  }
                });
              } else {
                FindMaxima(s, image.data<T>(), n, d, y, x, where);
                for (int64_t c = 0; c < channels; ++c) {
                  if (where[c] < 0) continue;
                  T& sum = to[where[c] * channels + c];
                  sum = Add(sum, from[c]);
                }
              }
            });
          }
        }));
    RETURN_IF_ERROR(ctx.CheckCancelled());
    if (layout.channels_first) {
      FromChannelsLast<T, T>(result.data<T>(), layout, out);
    }
    return absl::OkStatus();
  }

 private:
  // Windows in the order in which TensorFlow adds their gradients up: half and
  // bfloat16 show it.
  template <typename Fn>
  static void ForEachOutput(const ConvShape& s, Fn fn) {
    if constexpr (kSpatial == 3) {
      for (int64_t x = 0; x < s.axes[2].output; ++x) {
        for (int64_t y = 0; y < s.axes[1].output; ++y) {
          for (int64_t d = 0; d < s.axes[0].output; ++d) fn(d, y, x);
        }
      }
    } else {
      for (int64_t y = 0; y < s.axes[1].output; ++y) {
        for (int64_t x = 0; x < s.axes[2].output; ++x) fn(0, y, x);
      }
    }
  }

  PoolAttrs attrs_;
};

// Each window's output gradient is shared out evenly.
template <typename T, int kSpatial>
class AvgPoolGradOp : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(attrs_.Parse(construction, kSpatial));
    return NoDepthWindow(attrs_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    using U = ConvCompute<T>;
    const Tensor& sizes = ctx.input(0);
    const Tensor& gradient = ctx.input(1);
    if (sizes.rank() != 1 || sizes.num_elements() != kSpatial + 2) {
      return InvalidArgument("orig_input_shape must be 1-dimensional and ",
                             kSpatial + 2, " elements, not ", sizes.Describe());
    }
    const std::vector<int64_t> dims(sizes.values<int32_t>().begin(),
                                    sizes.values<int32_t>().end());
    ASSIGN_OR_RETURN(TensorShape in_shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(ConvShape s, attrs_.Shape(in_shape));
    ASSIGN_OR_RETURN(TensorShape shape, ConvOutputShape(attrs_.window(), s));
    if (!(gradient.shape() == shape)) {
      return InvalidArgument("Expected grad shape to be ", shape.ToString(),
                             ", but got ", gradient.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, in_shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    const ImageLayout& layout = attrs_.layout();
    ASSIGN_OR_RETURN(Tensor change, (ToChannelsLast<T, U>(gradient, layout)));
    ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(kDataType<U>, in_shape));
    U* to = result.mutable_data<U>();
    std::fill_n(to, result.num_elements(), U(0));
    const int64_t channels = s.in_channels;
    RETURN_IF_ERROR(ctx.ParallelFor(
        s.batch, WindowCost(s, s.out_pixels()),
        [&](int64_t begin, int64_t end) {
          const U* from = change.data<U>() + begin * s.out_pixels() * channels;
          BlockLooks looks(ctx);
          for (int64_t n = begin; n < end; ++n) {
            for (int64_t d = 0; d < s.axes[0].output; ++d) {
              for (int64_t y = 0; y < s.axes[1].output; ++y) {
                for (int64_t x = 0; x < s.axes[2].output; ++x) {
                  if (!looks.GoOn(WindowElements(s))) return;
                  const U scale = U(1) / U(WindowCount(s, d, y, x));
                  ForEachTap(s, n, d, y, x, [&](int64_t at) {
                    U* pixel = to + at * channels;
                    for (int64_t c = 0; c < channels; ++c) {
                      pixel[c] += from[c] * scale;
                    }
                  });
                  from += channels;
                }
              }
            }
          }
        }));
    RETURN_IF_ERROR(ctx.CheckCancelled());
    FromChannelsLast<T, U>(result.data<U>(), layout, out);
    return absl::OkStatus();
  }

 private:
  PoolAttrs attrs_;
};

template <typename T>
class MaxPoolGrad final : public MaxPoolGradOp<T, 2> {};
template <typename T>
class MaxPool3DGrad final : public MaxPoolGradOp<T, 3> {};
template <typename T>
class AvgPoolGrad final : public AvgPoolGradOp<T, 2> {};
template <typename T>
class AvgPool3DGrad final : public AvgPoolGradOp<T, 3> {};

absl::Status ArgmaxRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(0), 4));
  PoolAttrs attrs;
  // What the kernel refuses is the kernel's to explain.
  if (!attrs.Parse(ctx, 2).ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const PartialShape shape, attrs.OutputShape(input));
  ctx.SetOutput(0, shape);
  ctx.SetOutput(1, shape);
  return absl::OkStatus();
}

// As the input of the pooling; its output and the gradient are alike.
absl::Status PoolGradRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(MergeShapes(ctx.input(1), ctx.input(2)).status());
  return UnchangedRule(ctx);
}

REGISTER_OP("MaxPoolWithArgmax", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Output("argmax: Targmax");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("Targmax: type = DT_INT64").Attr("padding: string");
  op.Attr("include_batch_in_index: bool = false").Attr("T: type");
  op.Shape(ArgmaxRule);
  op.KernelForEach<MaxPoolWithArgmax, RealTypes>("T");
});

REGISTER_OP("MaxPoolGrad", [](OpBuilder& op) {
  op.Input("orig_input: T").Input("orig_output: T").Input("grad: T");
  op.Output("output: T").Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NHWC'");
  op.Attr("T: type = DT_FLOAT");
  op.Shape(PoolGradRule);
  op.KernelForEach<MaxPoolGrad, RealTypes>("T");
});

REGISTER_OP("MaxPool3DGrad", [](OpBuilder& op) {
  op.Input("orig_input: TInput").Input("orig_output: TInput");
  op.Input("grad: T").Output("output: T");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NDHWC'");
  op.Attr("T: type = DT_FLOAT").Attr("TInput: type = DT_FLOAT");
  op.Shape(PoolGradRule);
  op.KernelWhere<MaxPool3DGrad<float>>({{"T", DT_FLOAT}, {"TInput", DT_FLOAT}});
  op.KernelWhere<MaxPool3DGrad<half>>({{"T", DT_HALF}, {"TInput", DT_HALF}});
  op.KernelWhere<MaxPool3DGrad<bfloat16>>(
      {{"T", DT_BFLOAT16}, {"TInput", DT_BFLOAT16}});
});

REGISTER_OP("AvgPoolGrad", [](OpBuilder& op) {
  op.Input("orig_input_shape: int32").Input("grad: T").Output("output: T");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NHWC'");
  op.Attr("T: type");
  op.Shape(ShapeInputRule<0>);
  op.KernelForEach<AvgPoolGrad, FloatTypes>("T");
});

REGISTER_OP("AvgPool3DGrad", [](OpBuilder& op) {
  op.Input("orig_input_shape: int32").Input("grad: T").Output("output: T");
  op.Attr("ksize: list(int)").Attr("strides: list(int)");
  op.Attr("padding: string").Attr("data_format: string = 'NDHWC'");
  op.Attr("T: type");
  op.Shape(ShapeInputRule<0>);
  op.KernelForEach<AvgPool3DGrad, FloatTypes>("T");
});

}  // namespace
}  // namespace metagraph
