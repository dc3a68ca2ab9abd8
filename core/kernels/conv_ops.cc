// Conv2D, Conv3D and their gradients.

#include <cstring>
#include <string>
#include <vector>

#include "core/kernels/conv.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
class Conv2D final : public ConvOp<T, 2> {};
template <typename T>
class Conv3D final : public ConvOp<T, 3> {};

// A shape given as a vector of int32 or int64.
absl::StatusOr<TensorShape> ShapeInput(const Tensor& sizes,
                                       absl::string_view what, int rank) {
  if (sizes.rank() != 1 || sizes.num_elements() != rank) {
    return InvalidArgument(what, " must be a vector of ", rank,
                           " elements, not ", sizes.Describe());
  }
  absl::InlinedVector<int64_t, 5> dims(rank);
  for (int i = 0; i < rank; ++i) {
    dims[i] = sizes.dtype() == DT_INT32 ? sizes.data<int32_t>()[i]
                                        : sizes.data<int64_t>()[i];
  }
  return TensorShape::Build(dims);
}

// Whether the gradient fits what the convolution would have given.
absl::Status CheckGradient(const WindowAttrs& attrs, const ConvShape& shape,
                           const TensorShape& gradient) {
  ASSIGN_OR_RETURN(TensorShape wanted, ConvOutputShape(attrs, shape));
  if (gradient.rank() != wanted.rank()) {
    return InvalidArgument("out_backprop must be ", wanted.rank(),
                           "-dimensional: ", gradient.ToString());
  }
  if (gradient.dim(0) != wanted.dim(0)) {
    return InvalidArgument(
        "input and out_backprop must have the same batch size. Input batch: ",
        wanted.dim(0), ", outbackprop batch: ", gradient.dim(0));
  }
  const int channel = attrs.layout.channel_dim();
  if (gradient.dim(channel) != wanted.dim(channel)) {
    return InvalidArgument(
        "filter and out_backprop must have the same out_depth, got ",
        wanted.dim(channel), " and ", gradient.dim(channel));
  }
  for (int i = 0; i < attrs.layout.spatial; ++i) {
    const int dim = attrs.layout.spatial_dim(i);
    if (gradient.dim(dim) != wanted.dim(dim)) {
      return InvalidArgument(
          "Size of out_backprop doesn't match computed: actual = ",
          gradient.dim(dim), ", computed = ", wanted.dim(dim),
          " spatial_dim: ", dim);
    }
  }
  return absl::OkStatus();
}

// The gradient of a convolution of nothing, or by nothing.
absl::Status Zeros(KernelContext& ctx, const TensorShape& shape) {
  ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
  if (out->size_bytes() > 0) {
    std::memset(out->mutable_raw_data(), 0, out->size_bytes());
  }
  return absl::OkStatus();
}

template <typename T, int kSpatial>
class BackpropInputOp : public Kernel {
 public:
  using U = ConvCompute<T>;

  absl::Status Init(KernelConstruction& construction) {
    return attrs_.Parse(construction, kSpatial);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(TensorShape in_shape,
                     ShapeInput(ctx.input(0), "input_sizes", kSpatial + 2));
    const Tensor& filter = ctx.input(1);
    const Tensor& gradient = ctx.input(2);
    ASSIGN_OR_RETURN(ConvShape shape,
                     MakeConvShape(attrs_, in_shape, filter.shape(),
                                   /*filter_may_be_empty=*/true));
    RETURN_IF_ERROR(CheckGradient(attrs_, shape, gradient.shape()));
    if (in_shape.num_elements() == 0 || filter.num_elements() == 0) {
      return Zeros(ctx, in_shape);
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, in_shape));
    ASSIGN_OR_RETURN(Tensor image,
                     (ToChannelsLast<T, U>(gradient, attrs_.layout)));
    ASSIGN_OR_RETURN(Tensor matrix, (ToChannelsLast<T, U>(filter, {})));
    ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(kDataType<U>, in_shape));
    RETURN_IF_ERROR(ConvBackpropInput(ctx, shape, matrix.data<U>(),
                                      image.data<U>(),
                                      result.mutable_data<U>()));
    if constexpr (std::is_same_v<T, U>) {
      if (!attrs_.layout.channels_first) {
        *out = std::move(result);
        return absl::OkStatus();
      }
    }
    FromChannelsLast<T, U>(result.data<U>(), attrs_.layout, out);
    return absl::OkStatus();
  }

 private:
  WindowAttrs attrs_;
};

template <typename T, int kSpatial>
class BackpropFilterOp : public Kernel {
 public:
  using U = ConvCompute<T>;

  absl::Status Init(KernelConstruction& construction) {
    return attrs_.Parse(construction, kSpatial);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(TensorShape filter_shape,
                     ShapeInput(ctx.input(1), "filter_sizes", kSpatial + 2));
    const Tensor& gradient = ctx.input(2);
    ASSIGN_OR_RETURN(ConvShape shape,
                     MakeConvShape(attrs_, input.shape(), filter_shape,
                                   /*filter_may_be_empty=*/true));
    RETURN_IF_ERROR(CheckGradient(attrs_, shape, gradient.shape()));
    if (input.num_elements() == 0 || filter_shape.num_elements() == 0) {
      return Zeros(ctx, filter_shape);
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, filter_shape));
    ASSIGN_OR_RETURN(Tensor image,
                     (ToChannelsLast<T, U>(input, attrs_.layout)));
    ASSIGN_OR_RETURN(Tensor change,
                     (ToChannelsLast<T, U>(gradient, attrs_.layout)));
    ASSIGN_OR_RETURN(Tensor result,
                     Tensor::Allocate(kDataType<U>, filter_shape));
    RETURN_IF_ERROR(ConvBackpropFilter(ctx, shape, image.data<U>(),
                                       change.data<U>(),
                                       result.mutable_data<U>()));
    if constexpr (std::is_same_v<T, U>) {
      *out = std::move(result);
    } else {
      FromChannelsLast<T, U>(result.data<U>(), {}, out);
    }
    return absl::OkStatus();
  }

 private:
  WindowAttrs attrs_;
};

template <typename T>
class Conv2DBackpropInput final : public BackpropInputOp<T, 2> {};
template <typename T>
class Conv3DBackpropInputV2 final : public BackpropInputOp<T, 3> {};
template <typename T>
class Conv2DBackpropFilter final : public BackpropFilterOp<T, 2> {};
template <typename T>
class Conv3DBackpropFilterV2 final : public BackpropFilterOp<T, 3> {};

}  // namespace

template <int kSpatial>
absl::Status ConvRule(ShapeContext& ctx) {
  constexpr int kRank = kSpatial + 2;
  ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(0), kRank));
  ASSIGN_OR_RETURN(const PartialShape filter, WithRank(ctx.input(1), kRank));
  WindowAttrs attrs;
  // What the kernel refuses is the kernel's to explain.
  if (!attrs.Parse(ctx, kSpatial).ok()) return absl::OkStatus();
  const int channel = attrs.layout.channel_dim();
  const int64_t depth = input.dim(channel);
  const int64_t filter_depth = filter.dim(kSpatial);
  if (depth >= 0 && filter_depth > 0 && depth % filter_depth != 0) {
    return InvalidArgument("Depth of input (", depth,
                           ") is not a multiple of input depth of filter (",
                           filter_depth, ")");
  }
  absl::InlinedVector<int64_t, 5> dims(kRank);
  dims[0] = input.dim(0);
  dims[channel] = filter.dim(kSpatial + 1);
  for (int i = 0; i < kSpatial; ++i) {
    const int dim = attrs.layout.spatial_dim(i);
    ASSIGN_OR_RETURN(dims[dim],
                     attrs.OutputSize(i, input.dim(dim), filter.dim(i)));
  }
  ctx.SetOutput(0, PartialShape(dims));
  return absl::OkStatus();
}

template absl::Status ConvRule<2>(ShapeContext&);
template absl::Status ConvRule<3>(ShapeContext&);

namespace {

// The shape is an input; TensorFlow's own may leave the batch out.
template <int kSpatial>
absl::Status BackpropInputRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.InputAsShape(0));
  if (!shape.known_rank()) shape = UnknownDims(kSpatial + 2);
  if (shape.rank() == kSpatial + 2) ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

template <int kSpatial>
absl::Status BackpropFilterRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.InputAsShape(1));
  ASSIGN_OR_RETURN(shape, WithRank(shape, kSpatial + 2));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

void Attrs2D(OpBuilder& op) {
  op.Attr("T: type").Attr("strides: list(int)");
  op.Attr("use_cudnn_on_gpu: bool = true").Attr("padding: string");
  op.Attr("explicit_paddings: list(int) = []");
  op.Attr("data_format: string = 'NHWC'");
  op.Attr("dilations: list(int) = [1, 1, 1, 1]");
}

void Attrs3D(OpBuilder& op) {
  op.Attr("T: type").Attr("strides: list(int)").Attr("padding: string");
  op.Attr("data_format: string = 'NDHWC'");
  op.Attr("dilations: list(int) = [1, 1, 1, 1, 1]");
}

REGISTER_OP("Conv2D", [](OpBuilder& op) {
  op.Input("input: T").Input("filter: T").Output("output: T");
  Attrs2D(op);
  op.Shape(ConvRule<2>);
  op.KernelForEach<Conv2D, FloatTypes>("T");
});

REGISTER_OP("Conv3D", [](OpBuilder& op) {
  op.Input("input: T").Input("filter: T").Output("output: T");
  Attrs3D(op);
  op.Shape(ConvRule<3>);
  op.KernelForEach<Conv3D, FloatTypes>("T");
});

REGISTER_OP("Conv2DBackpropInput", [](OpBuilder& op) {
  op.Input("input_sizes: int32").Input("filter: T").Input("out_backprop: T");
  op.Output("output: T");
  Attrs2D(op);
  op.Shape(BackpropInputRule<2>);
  op.KernelForEach<Conv2DBackpropInput, FloatTypes>("T");
});

REGISTER_OP("Conv3DBackpropInputV2", [](OpBuilder& op) {
  op.Input("input_sizes: Tshape").Input("filter: T").Input("out_backprop: T");
  op.Output("output: T").Attr("Tshape: type = DT_INT32");
  Attrs3D(op);
  op.Shape(BackpropInputRule<3>);
  op.KernelForEach<Conv3DBackpropInputV2, FloatTypes>("T");
});

REGISTER_OP("Conv2DBackpropFilter", [](OpBuilder& op) {
  op.Input("input: T").Input("filter_sizes: int32").Input("out_backprop: T");
  op.Output("output: T");
  Attrs2D(op);
  op.Shape(BackpropFilterRule<2>);
  op.KernelForEach<Conv2DBackpropFilter, FloatTypes>("T");
});

REGISTER_OP("Conv3DBackpropFilterV2", [](OpBuilder& op) {
  op.Input("input: T").Input("filter_sizes: int32").Input("out_backprop: T");
  op.Output("output: T");
  Attrs3D(op);
  op.Shape(BackpropFilterRule<3>);
  op.KernelForEach<Conv3DBackpropFilterV2, FloatTypes>("T");
});

}  // namespace
}  // namespace metagraph
