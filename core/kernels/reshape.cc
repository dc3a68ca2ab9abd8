// Ops that look at or change a shape and leave the elements where they are.

#include <limits>

#include "core/base/checked_math.h"
#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class Reshape final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    const Tensor& sizes = ctx.input(1);
    if (sizes.rank() > 1) {
      return InvalidArgument("sizes input must be 1-D, not ",
                             sizes.shape().ToString());
    }
    ASSIGN_OR_RETURN(Ints dims, ReadInts(sizes));
    RETURN_IF_ERROR(Infer(tensor.shape(), dims));
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    if (shape.num_elements() != tensor.num_elements()) {
      return InvalidArgument(
          "Input to reshape is a tensor with ", tensor.num_elements(),
          " values, but the requested shape has ", shape.num_elements());
    }
    ctx.SetOutput(0, tensor.Reshaped(shape));
    return absl::OkStatus();
  }

 private:
  // Replaces the one -1 in `dims`. Zeros count on neither side if `dims` has
  // any, so that [2,0,3] as [0,-1] is [0,6].
  static absl::Status Infer(const TensorShape& from, Ints& dims) {
    int64_t num_elements = from.num_elements();
    int unknown = -1;
    int64_t product = 1;
    bool has_zero = false;
    for (int i = 0; i < static_cast<int>(dims.size()); ++i) {
      if (dims[i] == -1) {
        if (unknown >= 0) {
          return InvalidArgument("Only one input size may be -1, not both ",
                                 unknown, " and ", i);
        }
        unknown = i;
      } else if (dims[i] < 0) {
        return InvalidArgument("Size ", i, " must be non-negative, not ",
                               dims[i]);
      } else if (dims[i] == 0) {
        has_zero = true;
      } else {
        const auto next = CheckedMul(product, dims[i]);
        if (!next) {
          return InvalidArgument("the requested shape of a reshape of ",
                                 num_elements,
                                 " values has more elements than fit int64");
        }
        product = *next;
      }
    }
    if (unknown < 0) return absl::OkStatus();
    const bool is_empty = num_elements == 0;
    if (has_zero && is_empty) {
      num_elements = 1;
      for (const int64_t size : from.dims()) {
        if (size == 0) continue;
        const auto next = CheckedMul(num_elements, size);
        if (!next) {
          return InvalidArgument("the sizes of ", from.ToString(),
                                 " multiply to more than fits int64");
        }
        num_elements = *next;
      }
    }
    if (!is_empty && num_elements % product != 0) {
      return InvalidArgument(
          "Input to reshape is a tensor with ", num_elements,
          " values, but the requested shape requires a multiple of ", product);
    }
    dims[unknown] = num_elements / product;
    return absl::OkStatus();
  }
};

class ExpandDims final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (ctx.input(1).num_elements() != 1) {
      return InvalidArgument("'dim' must be a tensor with a single value");
    }
    ASSIGN_OR_RETURN(int64_t dim, ReadInt(ctx.input(1), "dim"));
    const int64_t at = CanonicalAxis(dim, input.rank() + 1);
    if (at < 0) {
      return InvalidArgument("Tried to expand dim index ", dim,
                             " for tensor with ", input.rank(), " dimensions.");
    }
    if (input.rank() >= TensorShape::kMaxRank) {
      return InvalidArgument("tensor has too many dimensions to expand");
    }
    TensorShape shape = input.shape();
    shape.InsertDim(static_cast<int>(at), 1);
    ctx.SetOutput(0, input.Reshaped(shape));
    return absl::OkStatus();
  }
};

class Squeeze final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("squeeze_dims", &dims_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const int rank = input.rank();
    absl::InlinedVector<bool, 8> asked(rank, dims_.empty());
    for (int64_t dim : dims_) {
      const int64_t axis = CanonicalAxis(dim, rank);
      if (axis < 0) {
        return InvalidArgument("Tried to squeeze dim index ", dim,
                               " for tensor with ", rank, " dimensions.");
      }
      if (input.dim(axis) != 1) {
        return InvalidArgument("Can not squeeze dim[", axis,
                               "], expected a dimension of 1, got ",
                               input.dim(axis));
      }
      asked[axis] = true;
    }
    TensorShape shape;
    for (int i = 0; i < rank; ++i) {
      if (!asked[i] || input.dim(i) != 1) shape.AddDim(input.dim(i));
    }
    ctx.SetOutput(0, input.Reshaped(shape));
    return absl::OkStatus();
  }

 private:
  std::vector<int64_t> dims_;
};

// The least dtype check that Shape, ShapeN and Size need.
absl::Status CheckOutputType(KernelConstruction& construction) {
  const DataType out = construction.output_type(0);
  if (out != DT_INT32 && out != DT_INT64) {
    return InvalidArgument("attr 'out_type' is ", DataTypeName(out),
                           ", expected int32 or int64");
  }
  return absl::OkStatus();
}

class ShapeN final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return CheckOutputType(construction);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    for (int i = 0; i < ctx.num_outputs(); ++i) {
      const TensorShape& shape = ctx.input(i).shape();
      ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(i, {shape.rank()}));
      if (out->dtype() == DT_INT64) {
        std::copy_n(shape.dims().data(), shape.rank(),
                    out->mutable_data<int64_t>());
        continue;
      }
      int32_t* sizes = out->mutable_data<int32_t>();
      for (int d = 0; d < shape.rank(); ++d) {
        if (shape.dim(d) > std::numeric_limits<int32_t>::max()) {
          return InvalidArgument("Shape output type is 32-bit  but dim ", d,
                                 " is ", shape.dim(d));
        }
        sizes[d] = static_cast<int32_t>(shape.dim(d));
      }
    }
    return absl::OkStatus();
  }
};

class Size final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return CheckOutputType(construction);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const int64_t size = ctx.input(0).num_elements();
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, {}));
    if (out->dtype() == DT_INT64) {
      out->mutable_data<int64_t>()[0] = size;
      return absl::OkStatus();
    }
    if (size > std::numeric_limits<int32_t>::max()) {
      return InvalidArgument(
          "Number of elements was larger than representable by 32-bit output "
          "type");
    }
    out->mutable_data<int32_t>()[0] = static_cast<int32_t>(size);
    return absl::OkStatus();
  }
};

class Rank final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, {}));
    out->mutable_data<int32_t>()[0] = ctx.input(0).rank();
    return absl::OkStatus();
  }
};

// The same elements in another shape.
void SetReshaped(ShapeContext& ctx, PartialShape shape) {
  ctx.SetOutput(0, std::move(shape));
  if (auto ints = ctx.Ints(0)) ctx.SetOutputInts(0, *std::move(ints));
}

absl::Status ReshapeRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  ASSIGN_OR_RETURN(const PartialShape asked, ctx.InputAsShape(1));
  const std::optional<KnownInts> sizes = ctx.Ints(1);
  if (!asked.known_rank() || !sizes.has_value()) return absl::OkStatus();
  const int64_t total = ElementsOf(input);
  const int64_t wanted = ElementsOf(asked);
  if (asked.IsFullyDefined() || total < 0) {
    if (total >= 0 && wanted >= 0 && total != wanted) {
      return InvalidArgument("Cannot reshape a tensor with ", total,
                             " elements to shape ", asked.ToString(), " (",
                             wanted, " elements)");
    }
    SetReshaped(ctx, asked);
    return absl::OkStatus();
  }
  // One size that is not known follows from the others.
  int unknown = -1;
  int count = 0;
  int64_t product = 1;
  for (int i = 0; i < asked.rank(); ++i) {
    if (asked.dim(i) < 0) {
      unknown = i;
      ++count;
    } else {
      product = MultiplyDims(product, asked.dim(i));
    }
  }
  if (count != 1 || product <= 0) {
    ctx.SetOutput(0, asked);
    return absl::OkStatus();
  }
  if (total % product != 0) {
    return InvalidArgument("Dimension size must be evenly divisible by ",
                           product, " but is ", total);
  }
  SetReshaped(ctx, ReplaceDim(asked, unknown, total / product));
  return absl::OkStatus();
}

absl::Status ExpandDimsRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  const std::optional<int64_t> dim = ctx.Int(1);
  if (!input.known_rank()) return absl::OkStatus();
  const int rank = input.rank();
  if (!dim.has_value()) {
    ctx.SetOutput(0, UnknownDims(rank + 1));
    return absl::OkStatus();
  }
  const int64_t at = CanonicalAxis(*dim, rank + 1);
  if (at < 0) {
    return InvalidArgument("dim ", *dim, " not in the interval [", -rank - 1,
                           ", ", rank, "].");
  }
  const int axis = static_cast<int>(at);
  SetReshaped(ctx, Concatenated(Concatenated(Subshape(input, 0, axis), {1}),
                                Subshape(input, axis)));
  return absl::OkStatus();
}

absl::Status SqueezeRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  ASSIGN_OR_RETURN(const auto dims,
                   ctx.Attr<std::vector<int64_t>>("squeeze_dims"));
  if (!input.known_rank()) return absl::OkStatus();
  const int rank = input.rank();
  absl::InlinedVector<bool, 8> asked(rank, dims.empty());
  for (const int64_t dim : dims) {
    const int64_t axis = CanonicalAxis(dim, rank);
    if (axis < 0) {
      return InvalidArgument("squeeze_dims[", dim, "] not in [", -rank, ",",
                             rank, ").");
    }
    if (input.dim(axis) >= 0 && input.dim(axis) != 1) {
      return InvalidArgument("Can not squeeze dim[", axis,
                             "], expected a dimension of 1, got ",
                             input.dim(axis));
    }
    asked[axis] = true;
  }
  Ints kept;
  for (int i = 0; i < rank; ++i) {
    // Without a list, what is not known may go or stay.
    if (dims.empty() && input.dim(i) < 0) return absl::OkStatus();
    if (!asked[i] || (dims.empty() && input.dim(i) != 1)) {
      kept.push_back(input.dim(i));
    }
  }
  SetReshaped(ctx, PartialShape(kept));
  return absl::OkStatus();
}

// Sizes as an output of int32 or int64.
void SetSizes(ShapeContext& ctx, int i, absl::Span<const int64_t> sizes) {
  const auto dtype = ctx.Attr<DataType>("out_type");
  KnownInts ints;
  for (const int64_t size : sizes) {
    const bool fits =
        size >= 0 && dtype.ok() &&
        (*dtype == DT_INT64 || size <= std::numeric_limits<int32_t>::max());
    ints.push_back(fits ? size : kUnknownInt);
  }
  ctx.SetOutputInts(i, std::move(ints));
}

absl::Status ShapesRule(ShapeContext& ctx) {
  for (int i = 0; i < ctx.num_outputs(); ++i) {
    const PartialShape& shape = ctx.input(i);
    ctx.SetOutput(i, PartialShape({shape.rank()}));
    if (shape.known_rank()) SetSizes(ctx, i, shape.dims());
  }
  return absl::OkStatus();
}

absl::Status SizeRule(ShapeContext& ctx) {
  ctx.SetOutput(0, PartialShape({}));
  SetSizes(ctx, 0, {ElementsOf(ctx.input(0))});
  return absl::OkStatus();
}

absl::Status RankRule(ShapeContext& ctx) {
  ctx.SetOutput(0, PartialShape({}));
  if (ctx.input(0).known_rank()) ctx.SetOutputInts(0, {ctx.input(0).rank()});
  return absl::OkStatus();
}

REGISTER_OP("Reshape", [](OpBuilder& op) {
  op.Input("tensor: T").Input("shape: Tshape").Output("output: T");
  op.Attr("T: type").Attr("Tshape: type = DT_INT32");
  op.Shape(ReshapeRule);
  op.Kernel<Reshape>();
});
REGISTER_OP("ExpandDims", [](OpBuilder& op) {
  op.Input("input: T").Input("dim: Tdim").Output("output: T");
  op.Attr("T: type").Attr("Tdim: type = DT_INT32");
  op.Shape(ExpandDimsRule);
  op.Kernel<ExpandDims>();
});
REGISTER_OP("Squeeze", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T");
  op.Attr("T: type").Attr("squeeze_dims: list(int) = []");
  op.Shape(SqueezeRule);
  op.Kernel<Squeeze>();
});
REGISTER_OP("Shape", [](OpBuilder& op) {
  op.Input("input: T").Output("output: out_type");
  op.Attr("T: type").Attr("out_type: type = DT_INT32");
  op.Shape(ShapesRule);
  op.Kernel<ShapeN>();
});
REGISTER_OP("ShapeN", [](OpBuilder& op) {
  op.Input("input: N * T").Output("output: N * out_type");
  op.Attr("N: int >= 1").Attr("T: type").Attr("out_type: type = DT_INT32");
  op.Shape(ShapesRule);
  op.Kernel<ShapeN>();
});
REGISTER_OP("Size", [](OpBuilder& op) {
  op.Input("input: T").Output("output: out_type");
  op.Attr("T: type").Attr("out_type: type = DT_INT32");
  op.Shape(SizeRule);
  op.Kernel<Size>();
});
REGISTER_OP("Rank", [](OpBuilder& op) {
  op.Input("input: T").Output("output: int32").Attr("T: type");
  op.Shape(RankRule);
  op.Kernel<Rank>();
});

}  // namespace
}  // namespace metagraph
