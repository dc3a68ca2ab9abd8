// Joining tensors: Concat, ConcatV2, Pack, ParallelConcat, ConcatOffset.

#include "absl/strings/str_join.h"
#include "core/base/checked_math.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Inputs [first, first + count) seen as matrices [outer, inner_i], laid side
// by side into `output`, a matrix [outer, sum of inner_i].
absl::Status JoinColumns(const KernelContext& ctx, int first, int count,
                         int64_t outer, Tensor* output) {
  if (output->num_elements() == 0) return absl::OkStatus();
  const ElementCopier copier(output->dtype());
  absl::InlinedVector<int64_t, 16> inner(count);
  for (int i = 0; i < count; ++i) {
    inner[i] = ctx.input(first + i).num_elements() / outer;
  }
  const int64_t row = output->num_elements() / outer;
  for (int i = 0; i < count; ++i) {
    RETURN_IF_ERROR(ChargeStrings(ctx.input(first + i), 1, output));
  }
  void* to = output->mutable_raw_data();
  return ctx.ParallelFor(outer, copier.Cost(row) + count,
                         [&](int64_t begin, int64_t end) {
                           int64_t at = begin * row;
                           for (int64_t o = begin; o < end; ++o) {
                             for (int i = 0; i < count; ++i) {
                               copier.Copy(ctx.input(first + i).raw_data(),
                                           o * inner[i], to, at, inner[i]);
                               at += inner[i];
                             }
                           }
                         });
}

// The axis comes first (Concat) or last (ConcatV2).
template <bool kAxisFirst>
class Concat final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const int count = ctx.num_inputs() - 1;
    const int first = kAxisFirst ? 1 : 0;
    const Tensor& axis_tensor = ctx.input(kAxisFirst ? 0 : count);
    if (axis_tensor.num_elements() != 1) {
      return InvalidArgument(kAxisFirst ? "concat_dim" : "axis",
                             " tensor should be a scalar integer, but got "
                             "shape ",
                             axis_tensor.shape().ToString());
    }
    ASSIGN_OR_RETURN(int64_t asked_axis, ReadInt(axis_tensor, "axis"));
    const Tensor& head = ctx.input(first);
    const int rank = head.rank();
    if (rank == 0) {
      return InvalidArgument(
          "ConcatOp : Can't concatenate scalars (use tf.stack instead)");
    }
    const int64_t axis = CanonicalAxis(asked_axis, rank);
    if (axis < 0) {
      return InvalidArgument(
          "ConcatOp : Expected concatenating dimensions in the range [", -rank,
          ", ", rank, "), but got ", asked_axis);
    }
    int64_t total = 0;
    for (int i = 0; i < count; ++i) {
      const TensorShape& shape = ctx.input(first + i).shape();
      RETURN_IF_ERROR(CheckFits(head.shape(), shape, axis, i));
      const auto sum = CheckedAdd(total, shape.dim(axis));
      if (!sum) return InvalidArgument("ConcatOp : result is too large");
      total = *sum;
    }
    // Only one input has elements: hand it on.
    for (int i = 0; i < count; ++i) {
      if (ctx.input(first + i).dim(axis) == total) {
        ctx.SetOutput(0, ctx.input(first + i));
        return absl::OkStatus();
      }
    }
    Ints dims(head.shape().dims().begin(), head.shape().dims().end());
    dims[axis] = total;
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    return JoinColumns(ctx, first, count,
                       ProductOf(shape, 0, static_cast<int>(axis)), output);
  }

 private:
  static absl::Status CheckFits(const TensorShape& head,
                                const TensorShape& shape, int64_t axis, int i) {
    if (shape.rank() != head.rank()) {
      return InvalidArgument(
          "ConcatOp : Ranks of all input tensors should match: shape[0] = ",
          head.ToString(), " vs. shape[", i, "] = ", shape.ToString());
    }
    for (int d = 0; d < head.rank(); ++d) {
      if (d == axis || shape.dim(d) == head.dim(d)) continue;
      return InvalidArgument(
          "ConcatOp : Dimension ", d,
          " in both shapes must be equal: shape[0] = ", head.ToString(),
          " vs. shape[", i, "] = ", shape.ToString());
    }
    return absl::OkStatus();
  }
};

class Pack final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("axis", &axis_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const int count = ctx.num_inputs();
    const TensorShape& shape = ctx.input(0).shape();
    const int rank = shape.rank() + 1;
    const int64_t axis = CanonicalAxis(axis_, rank);
    if (axis < 0) {
      return InvalidArgument("axis = ", axis_, " not in [", -rank, ", ", rank,
                             ")");
    }
    for (int i = 1; i < count; ++i) {
      if (ctx.input(i).shape() == shape) continue;
      return InvalidArgument(
          "Shapes of all inputs must match: values[0].shape = ",
          shape.ToString(), " != values[", i,
          "].shape = ", ctx.input(i).shape().ToString());
    }
    Ints dims(shape.dims().begin(), shape.dims().end());
    dims.insert(dims.begin() + axis, count);
    ASSIGN_OR_RETURN(TensorShape packed, TensorShape::Build(dims));
    if (count == 1) {
      ctx.SetOutput(0, ctx.input(0).Reshaped(packed));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, packed));
    return JoinColumns(ctx, 0, count,
                       ProductOf(packed, 0, static_cast<int>(axis)), output);
  }

 private:
  int64_t axis_ = 0;
};

// Inputs of shape [1, …] joined along dimension 0.
class ParallelConcat final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("shape", &shape_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const TensorShape& shape = ctx.input(0).shape();
    if (shape.rank() == 0 || shape.dim(0) != 1) {
      return InvalidArgument(
          "The first dimension of each input must be 1, got shape ",
          shape.ToString());
    }
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      if (ctx.input(i).shape() == shape) continue;
      return InvalidArgument(
          "Shapes of all inputs must match: values[0].shape = ",
          shape.ToString(), " != values[", i,
          "].shape = ", ctx.input(i).shape().ToString());
    }
    Ints dims(shape.dims().begin(), shape.dims().end());
    dims[0] = ctx.num_inputs();
    ASSIGN_OR_RETURN(TensorShape joined, TensorShape::Build(dims));
    if (!shape_.IsCompatibleWith(joined)) {
      return InvalidArgument("value and update shape doesn't match ",
                             shape_.ToString(), " vs. ", shape.ToString());
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, joined));
    return JoinColumns(ctx, 0, ctx.num_inputs(), 1, output);
  }

 private:
  PartialShape shape_;
};

// Where each input of a Concat begins: for the gradient of Concat.
class ConcatOffset final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const int count = ctx.num_inputs() - 1;
    RETURN_IF_ERROR(RequireScalar(
        ctx.input(0),
        "Concat dim tensor should be a scalar integer, but got shape "));
    ASSIGN_OR_RETURN(int64_t asked_axis, ReadInt(ctx.input(0), "concat_dim"));
    RETURN_IF_ERROR(RequireVector(
        ctx.input(1), "input 0 should be a vector, but got shape "));
    ASSIGN_OR_RETURN(Ints head, ReadInts(ctx.input(1)));
    const int64_t rank = static_cast<int64_t>(head.size());
    const int64_t axis = CanonicalAxis(asked_axis, rank);
    if (axis < 0) {
      return InvalidArgument("Concat dim is out of range: ", asked_axis,
                             " vs. ", rank);
    }
    int64_t offset = 0;
    for (int i = 0; i < count; ++i) {
      const Tensor& shape = ctx.input(1 + i);
      if (shape.rank() != 1) {
        return InvalidArgument("input ", i,
                               " should be a vector, but got shape ",
                               shape.shape().ToString());
      }
      ASSIGN_OR_RETURN(Ints sizes, ReadInts(shape));
      RETURN_IF_ERROR(CheckFits(head, sizes, axis, i));
      ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(i, {rank}));
      ZeroTensor(output);
      if (output->dtype() == DT_INT64) {
        output->mutable_data<int64_t>()[axis] = offset;
      } else {
        output->mutable_data<int32_t>()[axis] = static_cast<int32_t>(offset);
      }
      const auto sum = CheckedAdd(offset, sizes[axis]);
      if (!sum) return InvalidArgument("sizes of the inputs are too large");
      offset = *sum;
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckFits(const Ints& head, const Ints& sizes,
                                int64_t axis, int i) {
    if (sizes.size() != head.size()) {
      return InvalidArgument("input ", i, " should contain ", head.size(),
                             " elements, but got ", sizes.size());
    }
    for (size_t d = 0; d < head.size(); ++d) {
      if (static_cast<int64_t>(d) == axis || sizes[d] == head[d]) continue;
      return InvalidArgument("All dimensions except ", axis,
                             " must match. Input ", i, " has shape [",
                             absl::StrJoin(sizes, " "),
                             "] and doesn't match input 0 with shape [",
                             absl::StrJoin(head, " "), "].");
    }
    return absl::OkStatus();
  }
};

template <bool kAxisFirst>
absl::Status ConcatRule(ShapeContext& ctx) {
  const int count = ctx.num_inputs() - 1;
  const int first = kAxisFirst ? 1 : 0;
  const int axis_input = kAxisFirst ? 0 : count;
  PartialShape head;
  for (int i = first; i < first + count && !head.known_rank(); ++i) {
    head = ctx.input(i);
  }
  if (!head.known_rank()) return absl::OkStatus();
  const int rank = head.rank();
  RETURN_IF_ERROR(CheckRankAtLeast(head, 1));
  const std::optional<int64_t> asked = ctx.Int(axis_input);
  if (!asked.has_value()) {
    ctx.SetOutput(0, UnknownDims(rank));
    return absl::OkStatus();
  }
  const int64_t axis = CanonicalAxis(*asked, rank);
  if (axis < 0) {
    return InvalidArgument("Shape must be at least rank ",
                           *asked < 0 ? -*asked : *asked + 1, " but is rank ",
                           rank);
  }
  const int at = static_cast<int>(axis);
  PartialShape joined = UnknownDims(rank);
  int64_t total = 0;
  KnownInts elements;
  for (int i = first; i < first + count; ++i) {
    ASSIGN_OR_RETURN(const PartialShape shape, WithRank(ctx.input(i), rank));
    // Where they are joined the sizes need not agree.
    ASSIGN_OR_RETURN(joined,
                     MergeShapes(joined, ReplaceDim(shape, at, kUnknownDim)));
    total = AddDims(total, shape.dim(at));
    const auto ints = ctx.Ints(i);
    if (ints.has_value()) {
      elements.insert(elements.end(), ints->begin(), ints->end());
    }
  }
  ctx.SetOutput(0, ReplaceDim(joined, at, total));
  // Sizes put together: all of them, or their places are not known.
  ASSIGN_OR_RETURN(const DataType dtype, ctx.Attr<DataType>("T"));
  if (rank == 1 && IsIntegerType(dtype) &&
      total == static_cast<int64_t>(elements.size())) {
    ctx.SetOutputInts(0, std::move(elements));
  }
  return absl::OkStatus();
}

absl::Status PackRule(ShapeContext& ctx) {
  int64_t asked;
  DataType dtype;
  RETURN_IF_ERROR(ctx.Bind("axis", &asked, "T", &dtype));
  PartialShape shape;
  KnownInts elements;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    ASSIGN_OR_RETURN(shape, MergeShapes(shape, ctx.input(i)));
    elements.push_back(ctx.Int(i).value_or(kUnknownInt));
  }
  if (!shape.known_rank()) return absl::OkStatus();
  const int rank = shape.rank() + 1;
  const int64_t axis = CanonicalAxis(asked, rank);
  if (axis < 0) {
    return InvalidArgument("axis = ", asked, " not in [", -rank, ", ", rank,
                           ")");
  }
  const int at = static_cast<int>(axis);
  ctx.SetOutput(
      0, Concatenated(Concatenated(Subshape(shape, 0, at), {ctx.num_inputs()}),
                      Subshape(shape, at)));
  if (rank == 1 && IsIntegerType(dtype)) {
    ctx.SetOutputInts(0, std::move(elements));
  }
  return absl::OkStatus();
}

// The attribute says it all, but for sizes that it leaves open.
absl::Status ParallelConcatRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.Attr<PartialShape>("shape"));
  PartialShape input;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    ASSIGN_OR_RETURN(input, MergeShapes(input, ctx.input(i)));
  }
  RETURN_IF_ERROR(CheckRankAtLeast(input, 1));
  if (input.known_rank()) {
    ASSIGN_OR_RETURN(
        shape, MergeShapes(shape, ReplaceDim(input, 0, ctx.num_inputs())));
  }
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

// Each offset has the form of its shape.
absl::Status ConcatOffsetRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 0).status());
  for (int i = 0; i < ctx.num_outputs(); ++i) {
    ASSIGN_OR_RETURN(PartialShape shape, WithRank(ctx.input(i + 1), 1));
    ctx.SetOutput(i, std::move(shape));
  }
  return absl::OkStatus();
}

REGISTER_OP("Concat", [](OpBuilder& op) {
  op.Input("concat_dim: int32").Input("values: N * T").Output("output: T");
  op.Attr("N: int >= 2").Attr("T: type");
  op.Shape(ConcatRule<true>);
  op.Kernel<Concat<true>>();
});
REGISTER_OP("ConcatV2", [](OpBuilder& op) {
  op.Input("values: N * T").Input("axis: Tidx").Output("output: T");
  op.Attr("N: int >= 2").Attr("T: type").Attr("Tidx: type = DT_INT32");
  op.Shape(ConcatRule<false>);
  op.Kernel<Concat<false>>();
});
REGISTER_OP("Pack", [](OpBuilder& op) {
  op.Input("values: N * T").Output("output: T");
  op.Attr("N: int >= 1").Attr("T: type").Attr("axis: int = 0");
  op.Shape(PackRule);
  op.Kernel<Pack>();
});
REGISTER_OP("ParallelConcat", [](OpBuilder& op) {
  op.Input("values: N * T").Output("output: T");
  op.Attr("N: int >= 1").Attr("T: type").Attr("shape: shape");
  op.Shape(ParallelConcatRule);
  op.Kernel<ParallelConcat>();
});
REGISTER_OP("ConcatOffset", [](OpBuilder& op) {
  op.Input("concat_dim: int32").Input("shape: N * shape_type");
  op.Output("offset: N * shape_type");
  op.Attr("N: int >= 2").Attr("shape_type: type = DT_INT32");
  op.Shape(ConcatOffsetRule);
  op.KernelWhere<ConcatOffset>({{"shape_type", DT_INT32}});
  op.KernelWhere<ConcatOffset>({{"shape_type", DT_INT64}});
});

}  // namespace
}  // namespace metagraph
