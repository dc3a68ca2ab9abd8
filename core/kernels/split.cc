// Taking a tensor apart: Split, SplitV, Unpack. Pieces along dimension 0
// share the input's buffer.

#include <limits>

#include "absl/strings/str_join.h"
#include "core/base/checked_math.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Indices [begin, begin + size) of dimension `axis` as a tensor of `shape`,
// which has as many elements.
absl::StatusOr<Tensor> Piece(const KernelContext& ctx, const Tensor& value,
                             int axis, int64_t begin, int64_t size,
                             const TensorShape& shape) {
  const int64_t outer = ProductOf(value.shape(), 0, axis);
  if (outer == 1 && value.num_elements() > 0) {
    const int64_t inner = value.num_elements() / value.dim(axis);
    return value.Reshaped({value.dim(axis), inner})
        .Rows(begin, begin + size)
        .Reshaped(shape);
  }
  ASSIGN_OR_RETURN(Tensor piece, ctx.AllocateTemp(value.dtype(), shape));
  if (piece.num_elements() == 0) return piece;
  const int64_t inner = piece.num_elements() / outer / size;
  const StridedDim dims[] = {
      {outer, value.dim(axis) * inner, size * inner},
      {size * inner, 1, 1},
  };
  RETURN_IF_ERROR(CopyStrided(ctx, value.dtype(), dims, value.raw_data(),
                              begin * inner, piece.mutable_raw_data(), 0));
  return piece;
}

absl::StatusOr<int> SplitAxis(const Tensor& split_dim, const Tensor& value) {
  ASSIGN_OR_RETURN(int64_t asked, ReadInt(split_dim, "split_dim"));
  const int64_t axis = CanonicalAxis(asked, value.rank());
  if (axis < 0) {
    return InvalidArgument("-input rank(-", value.rank(),
                           ") <= split_dim < input rank (", value.rank(),
                           "), but got ", asked);
  }
  return static_cast<int>(axis);
}

class Split final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& value = ctx.input(1);
    if (ctx.input(0).rank() != 0) {
      return InvalidArgument("split_dim must be a scalar but has rank ",
                             ctx.input(0).rank());
    }
    ASSIGN_OR_RETURN(int axis, SplitAxis(ctx.input(0), value));
    const int64_t count = ctx.num_outputs();
    if (count == 1) {
      ctx.SetOutput(0, value);
      return absl::OkStatus();
    }
    if (value.dim(axis) % count != 0) {
      return InvalidArgument(
          "Number of ways to split should evenly divide the split dimension, "
          "but got split_dim ",
          axis, " (size = ", value.dim(axis), ") and num_split ", count);
    }
    const int64_t size = value.dim(axis) / count;
    TensorShape shape = value.shape();
    shape.SetDim(axis, size);
    for (int i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(Tensor piece,
                       Piece(ctx, value, axis, i * size, size, shape));
      ctx.SetOutput(i, std::move(piece));
    }
    return absl::OkStatus();
  }
};

class SplitV final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& value = ctx.input(0);
    const Tensor& size_splits = ctx.input(1);
    const int count = ctx.num_outputs();
    if (size_splits.rank() != 1 || size_splits.num_elements() != count) {
      return InvalidArgument(
          "size of the split_tensor must be 1-D and have the same elements as "
          "outputs got ",
          size_splits.rank(), " -D and ", size_splits.num_elements(),
          " elements");
    }
    if (ctx.input(2).num_elements() != 1) {
      return InvalidArgument("split_dim_tensor must have exactly one element.");
    }
    ASSIGN_OR_RETURN(int axis, SplitAxis(ctx.input(2), value));
    ASSIGN_OR_RETURN(Ints sizes, ReadInts(size_splits));
    if (count == 1) {
      // Nothing to infer, says TensorFlow.
      if (sizes[0] != value.dim(axis)) {
        return InvalidArgument(
            "If there is only one output, it must have the same size as the "
            "input. Input size: ",
            value.dim(axis), " output size: ", sizes[0]);
      }
      ctx.SetOutput(0, value);
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Infer(value.dim(axis), sizes));
    int64_t begin = 0;
    TensorShape shape = value.shape();
    for (int i = 0; i < count; ++i) {
      shape.SetDim(axis, sizes[i]);
      ASSIGN_OR_RETURN(Tensor piece,
                       Piece(ctx, value, axis, begin, sizes[i], shape));
      ctx.SetOutput(i, std::move(piece));
      begin += sizes[i];
    }
    return absl::OkStatus();
  }

 private:
  // Replaces the one -1; checks that the sizes make up `total`.
  static absl::Status Infer(int64_t total, Ints& sizes) {
    int unknown = -1;
    int64_t sum = 0;
    for (int i = 0; i < static_cast<int>(sizes.size()); ++i) {
      if (sizes[i] == -1) {
        if (unknown >= 0) {
          return InvalidArgument("There can only be one -1 in the input.");
        }
        unknown = i;
        continue;
      }
      const auto next = CheckedAdd(sum, sizes[i]);
      if (!next) {
        return InvalidArgument("Split size at index ", i,
                               " must be >= 0. Got: ", sizes[i]);
      }
      sum = *next;
    }
    if (unknown < 0 ? sum != total : sum > total) {
      return InvalidArgument(
          "Determined shape must either match input shape along split_dim "
          "exactly if fully specified, or be less than the size of the input "
          "along split_dim if not fully specified.  Got: ",
          sum);
    }
    if (unknown >= 0) sizes[unknown] = total - sum;
    return absl::OkStatus();
  }
};

class Unpack final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("axis", &axis_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& value = ctx.input(0);
    const int count = ctx.num_outputs();
    const int axis = static_cast<int>(CanonicalAxis(axis_, value.rank()));
    if (axis < 0) {
      return InvalidArgument("axis = ", axis_, " not in [", -value.rank(), ", ",
                             value.rank(), ")");
    }
    if (value.dim(axis) != count) {
      return InvalidArgument("Input shape axis ", axis, " must equal ", count,
                             ", got shape ", value.shape().ToString());
    }
    TensorShape shape = value.shape();
    shape.RemoveDim(axis);
    for (int i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(Tensor piece, Piece(ctx, value, axis, i, 1, shape));
      ctx.SetOutput(i, std::move(piece));
    }
    return absl::OkStatus();
  }

 private:
  int64_t axis_ = 0;
};

// All outputs have the shape.
absl::Status SetAllOutputs(ShapeContext& ctx, const PartialShape& shape) {
  for (int i = 0; i < ctx.num_outputs(); ++i) ctx.SetOutput(i, shape);
  return absl::OkStatus();
}

absl::StatusOr<int> SplitAxis(int64_t asked, const PartialShape& value) {
  const int64_t axis = CanonicalAxis(asked, value.rank());
  if (axis < 0) {
    return InvalidArgument("-input rank(-", value.rank(),
                           ") <= split_dim < input rank (", value.rank(),
                           "), but got ", asked);
  }
  return static_cast<int>(axis);
}

absl::Status SplitRule(ShapeContext& ctx) {
  const PartialShape& value = ctx.input(1);
  RETURN_IF_ERROR(WithRank(ctx.input(0), 0).status());
  if (!value.known_rank()) return absl::OkStatus();
  const std::optional<int64_t> asked = ctx.Int(0);
  if (!asked.has_value()) return SetAllOutputs(ctx, UnknownDims(value.rank()));
  ASSIGN_OR_RETURN(const int axis, SplitAxis(*asked, value));
  const int64_t size = value.dim(axis);
  const int64_t count = ctx.num_outputs();
  if (size < 0) return SetAllOutputs(ctx, value);
  if (size % count != 0) {
    return InvalidArgument(
        "Dimension size must be evenly divisible by ", count, " but is ", size,
        "\n\tNumber of ways to split should evenly divide the split dimension");
  }
  return SetAllOutputs(ctx, ReplaceDim(value, axis, size / count));
}

absl::Status SplitVRule(ShapeContext& ctx) {
  const PartialShape& value = ctx.input(0);
  ASSIGN_OR_RETURN(const PartialShape vector, WithRank(ctx.input(1), 1));
  const int count = ctx.num_outputs();
  RETURN_IF_ERROR(WithValue(vector.dim(0), count).status());
  if (!value.known_rank()) return absl::OkStatus();
  const std::optional<int64_t> asked = ctx.Int(2);
  if (!asked.has_value()) {
    return SetAllOutputs(ctx, count == 1 ? value : UnknownDims(value.rank()));
  }
  ASSIGN_OR_RETURN(const int axis, SplitAxis(*asked, value));
  const int64_t total = value.dim(axis);
  KnownInts sizes = ctx.Ints(1).value_or(KnownInts(count, kUnknownInt));
  int64_t sum = 0;
  int open = 0;  // sizes that the others leave
  bool known = true;
  for (const int64_t size : sizes) {
    known &= size != kUnknownInt && size >= -1;
    open += size == -1 ? 1 : 0;
    if (size >= 0) sum = AddDims(sum, size);
  }
  known &= sum >= 0;
  if (known && total >= 0 && (open == 0 ? sum != total : sum > total)) {
    return InvalidArgument("can't split axis of size ", total,
                           " into pieces of size [", absl::StrJoin(sizes, ","),
                           "]");
  }
  for (int i = 0; i < count; ++i) {
    int64_t size = sizes[i];
    if (size == -1) size = known && open == 1 ? SubtractDims(total, sum) : -1;
    if (count == 1) size = total >= 0 ? total : size;
    ctx.SetOutput(i, ReplaceDim(value, axis, size < 0 ? kUnknownDim : size));
  }
  return absl::OkStatus();
}

absl::Status UnpackRule(ShapeContext& ctx) {
  const PartialShape& value = ctx.input(0);
  ASSIGN_OR_RETURN(const int64_t asked, ctx.Attr<int64_t>("axis"));
  if (!value.known_rank()) return absl::OkStatus();
  const int rank = value.rank();
  RETURN_IF_ERROR(CheckRankAtLeast(value, 1));
  const int64_t at = CanonicalAxis(asked, rank);
  if (at < 0) {
    return InvalidArgument("axis = ", asked, " not in [", -rank, ", ", rank,
                           ")");
  }
  const int axis = static_cast<int>(at);
  RETURN_IF_ERROR(WithValue(value.dim(axis), ctx.num_outputs()).status());
  RETURN_IF_ERROR(SetAllOutputs(
      ctx, Concatenated(Subshape(value, 0, axis), Subshape(value, axis + 1))));
  const std::optional<KnownInts> ints = ctx.Ints(0);
  for (int i = 0; rank == 1 && ints.has_value() && i < ctx.num_outputs(); ++i) {
    ctx.SetOutputInts(i, {(*ints)[i]});
  }
  return absl::OkStatus();
}

REGISTER_OP("Split", [](OpBuilder& op) {
  op.Input("split_dim: int32")
      .Input("value: T")
      .Output("output: num_split * T");
  op.Attr("num_split: int >= 1").Attr("T: type");
  op.Shape(SplitRule);
  op.Kernel<Split>();
});
REGISTER_OP("SplitV", [](OpBuilder& op) {
  op.Input("value: T").Input("size_splits: Tlen").Input("split_dim: int32");
  op.Output("output: num_split * T");
  op.Attr("num_split: int >= 1").Attr("T: type").Attr("Tlen: type = DT_INT64");
  op.Shape(SplitVRule);
  op.Kernel<SplitV>();
});
REGISTER_OP("Unpack", [](OpBuilder& op) {
  op.Input("value: T").Output("output: num * T");
  op.Attr("num: int >= 0").Attr("T: type").Attr("axis: int = 0");
  op.Shape(UnpackRule);
  op.Kernel<Unpack>();
});

}  // namespace
}  // namespace metagraph
