// Slice, StridedSlice and its gradient.

#include <limits>

#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// A box of `input`: where it begins, how large it is, how wide its steps are.
struct Box {
  Ints begin;
  Ints size;
  Ints stride;
};

// The box as a tensor of `shape`. Shares the buffer if only dimension 0 is
// cut.
absl::Status SetSlice(KernelContext& ctx, const Tensor& input, const Box& box,
                      const TensorShape& shape) {
  const int rank = input.rank();
  bool rows_only = true;
  for (int i = 0; i < rank; ++i) {
    rows_only &= box.stride[i] == 1 && (i == 0 || box.size[i] == input.dim(i));
  }
  if (rows_only && shape.num_elements() > 0) {
    if (rank == 0) {
      ctx.SetOutput(0, input.Reshaped(shape));
    } else {
      ctx.SetOutput(
          0,
          input.Rows(box.begin[0], box.begin[0] + box.size[0]).Reshaped(shape));
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
  if (output->num_elements() == 0) return absl::OkStatus();
  const Ints strides = ElementStrides(input.shape());
  absl::InlinedVector<StridedDim, 8> dims(rank);
  int64_t offset = 0;
  int64_t to_stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    // A stride is never used where the size is one; it may be huge there.
    const int64_t step = box.size[i] == 1 ? 0 : box.stride[i] * strides[i];
    dims[i] = {box.size[i], step, to_stride};
    offset += box.begin[i] * strides[i];
    to_stride *= box.size[i];
  }
  return CopyStrided(ctx, input.dtype(), dims, input.raw_data(), offset,
                     output->mutable_raw_data(), 0);
}

class Slice final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const TensorShape& begin_shape = ctx.input(1).shape();
    const TensorShape& size_shape = ctx.input(2).shape();
    const int rank = input.rank();
    if (!begin_shape.IsVector() || !size_shape.IsVector() ||
        begin_shape.dim(0) != rank || size_shape.dim(0) != rank) {
      return InvalidArgument(
          "Expected begin and size arguments to be 1-D tensors of size ", rank,
          ", but got shapes ", begin_shape.ToString(), " and ",
          size_shape.ToString(), " instead.");
    }
    Box box;
    ASSIGN_OR_RETURN(box.begin, ReadInts(ctx.input(1)));
    ASSIGN_OR_RETURN(box.size, ReadInts(ctx.input(2)));
    box.stride.assign(rank, 1);
    for (int i = 0; i < rank; ++i) {
      const int64_t dim = input.dim(i);
      if (box.begin[i] < 0 || box.begin[i] > dim) {
        return InvalidArgument("Expected begin[", i, "] in [0, ", dim,
                               "], but got ", box.begin[i]);
      }
      const int64_t rest = dim - box.begin[i];
      if (box.size[i] == -1) box.size[i] = rest;
      if (box.size[i] < 0 || box.size[i] > rest) {
        return InvalidArgument("Expected size[", i, "] in [0, ", rest,
                               "], but got ", box.size[i]);
      }
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(box.size));
    return SetSlice(ctx, input, box, shape);
  }
};

// The masks of a StridedSlice: bit i is about element i of begin, end and
// strides.
struct SliceMasks {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t ellipsis = 0;
  int32_t new_axis = 0;
  int32_t shrink_axis = 0;

  // From a KernelConstruction or a ShapeContext.
  template <typename Source>
  absl::Status Init(const Source& source) {
    RETURN_IF_ERROR(source.Bind("begin_mask", &begin, "end_mask", &end,
                                "ellipsis_mask", &ellipsis, "new_axis_mask",
                                &new_axis, "shrink_axis_mask", &shrink_axis));
    if ((ellipsis & (ellipsis - int64_t{1})) != 0) {
      return InvalidArgument("Multiple ellipses in slice spec not allowed");
    }
    return absl::OkStatus();
  }
};

bool HasBit(int32_t mask, int i) { return (mask >> i & 1) != 0; }

// What a StridedSlice of a tensor of `input` shape takes.
struct SliceSpec {
  Box box;
  Ints shape;  // of the result, axes added and dropped

  // The inputs `first`.. of `ctx` are begin, end, strides.
  static absl::StatusOr<SliceSpec> Build(const KernelContext& ctx, int first,
                                         const SliceMasks& masks,
                                         const TensorShape& input);
  // Where some of it is not known, sizes of the box are not known either:
  // begin, end and strides hold kUnknownInt, the sizes kUnknownDim.
  static absl::StatusOr<SliceSpec> Build(absl::Span<const int64_t> begin,
                                         absl::Span<const int64_t> end,
                                         absl::Span<const int64_t> strides,
                                         const SliceMasks& masks,
                                         absl::Span<const int64_t> input);

 private:
  // Dimension `d` of the input, cut by element `i` of the inputs.
  absl::Status Cut(int d, int64_t dim, int64_t begin, int64_t end,
                   int64_t stride, bool from_start, bool to_end, bool shrink);
};

absl::Status SliceSpec::Cut(int d, int64_t dim, int64_t begin, int64_t end,
                            int64_t stride, bool from_start, bool to_end,
                            bool shrink) {
  if (stride == 0) {
    return InvalidArgument("strides[", d, "] must be non-zero");
  }
  if (dim < 0 || stride == kUnknownInt ||
      (begin == kUnknownInt && !from_start) ||
      (end == kUnknownInt && !to_end && !shrink)) {
    // TensorFlow takes one element where a mask and an index meet.
    box.begin.push_back(kUnknownInt);
    box.size.push_back(shrink ? 1 : kUnknownDim);
    box.stride.push_back(stride);
    return absl::OkStatus();
  }
  if (shrink) {
    if (stride < 0) {
      return InvalidArgument("only stride 1 allowed on non-range indexing.");
    }
    const int64_t at = begin < 0 ? begin + dim : begin;
    if (at < 0 || at >= dim) {
      return InvalidArgument("slice index ", begin, " of dimension ", d,
                             " out of bounds.");
    }
    box.begin.push_back(at);
    box.size.push_back(1);
    box.stride.push_back(1);
    return absl::OkStatus();
  }
  const int64_t low = stride > 0 ? 0 : -1;
  const int64_t high = stride > 0 ? dim : dim - 1;
  const auto clamp = [&](int64_t at) {
    if (at < 0) at += dim;
    return std::min(std::max(at, low), high);
  };
  if (from_start) {
    begin = stride > 0 ? low : high;
  } else {
    begin = clamp(begin);
  }
  if (to_end) {
    end = stride > 0 ? high : low;
  } else {
    end = clamp(end);
  }
  const int64_t length = end - begin;
  int64_t size = 0;
  if (length != 0 && (length < 0) == (stride < 0)) {
    size = length / stride + (length % stride != 0 ? 1 : 0);
  }
  box.begin.push_back(begin);
  box.size.push_back(size);
  box.stride.push_back(stride);
  return absl::OkStatus();
}

absl::StatusOr<SliceSpec> SliceSpec::Build(const KernelContext& ctx, int first,
                                           const SliceMasks& masks,
                                           const TensorShape& input) {
  const TensorShape& begin_shape = ctx.input(first).shape();
  const TensorShape& end_shape = ctx.input(first + 1).shape();
  const TensorShape& strides_shape = ctx.input(first + 2).shape();
  if (!begin_shape.IsVector() || !(begin_shape == end_shape) ||
      !(begin_shape == strides_shape) || begin_shape.dim(0) >= 32) {
    return InvalidArgument(
        "Expected begin, end, and strides to be 1D equal size tensors, but got "
        "shapes ",
        begin_shape.ToString(), ", ", end_shape.ToString(), ", and ",
        strides_shape.ToString(), " instead.");
  }
  Ints lists[3];
  for (int i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(lists[i], ReadInts(ctx.input(first + i)));
    // The least number is as far outside as its neighbour.
    for (int64_t& value : lists[i]) value = std::max(value, kUnknownInt + 1);
  }
  return Build(lists[0], lists[1], lists[2], masks, input.dims());
}

absl::StatusOr<SliceSpec> SliceSpec::Build(absl::Span<const int64_t> begin,
                                           absl::Span<const int64_t> end,
                                           absl::Span<const int64_t> strides,
                                           const SliceMasks& masks,
                                           absl::Span<const int64_t> input) {
  const int count = static_cast<int>(begin.size());

  // An ellipsis takes as many dimensions as nobody else names; without one
  // there is one at the end.
  int ellipsis_at = count;
  int named = 0;
  for (int i = 0; i < count; ++i) {
    if (HasBit(masks.ellipsis, i)) {
      ellipsis_at = i;
    } else if (!HasBit(masks.new_axis, i)) {
      ++named;
    }
  }
  const int rank = static_cast<int>(input.size());
  if (named > rank) {
    return InvalidArgument("Index out of range using input dim ", rank,
                           "; input has only ", rank, " dims");
  }

  SliceSpec spec;
  int d = 0;
  for (int i = 0; i <= count; ++i) {
    if (i == ellipsis_at) {
      for (int n = rank - named; n > 0; --n, ++d) {
        RETURN_IF_ERROR(spec.Cut(d, input[d], 0, 0, 1, true, true, false));
        spec.shape.push_back(input[d]);
      }
      continue;
    }
    if (i == count) break;
    if (HasBit(masks.new_axis, i)) {
      spec.shape.push_back(1);
      continue;
    }
    const bool shrink = HasBit(masks.shrink_axis, i);
    RETURN_IF_ERROR(spec.Cut(d, input[d], begin[i], end[i], strides[i],
                             HasBit(masks.begin, i), HasBit(masks.end, i),
                             shrink));
    if (!shrink) spec.shape.push_back(spec.box.size[d]);
    ++d;
  }
  return spec;
}

class StridedSlice final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return masks_.Init(construction);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(SliceSpec spec,
                     SliceSpec::Build(ctx, 1, masks_, input.shape()));
    ASSIGN_OR_RETURN(const TensorShape shape, TensorShape::Build(spec.shape));
    return SetSlice(ctx, input, spec.box, shape);
  }

 private:
  SliceMasks masks_;
};

// Zeros of the input's shape with dy where the slice was taken.
class StridedSliceGrad final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return masks_.Init(construction);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    if (!ctx.input(0).shape().IsVector()) {
      return InvalidArgument("shape must be 1-D, got shape.shape = ",
                             ctx.input(0).shape().ToString());
    }
    ASSIGN_OR_RETURN(TensorShape shape, ReadShape(ctx.input(0)));
    ASSIGN_OR_RETURN(SliceSpec spec, SliceSpec::Build(ctx, 1, masks_, shape));
    const Tensor& dy = ctx.input(4);
    ASSIGN_OR_RETURN(const TensorShape wanted, TensorShape::Build(spec.shape));
    if (!(dy.shape() == wanted)) {
      return InvalidArgument("shape of dy was ", dy.shape().ToString(),
                             " instead of ", wanted.ToString());
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    ZeroTensor(output);
    if (dy.num_elements() == 0) return absl::OkStatus();
    const Ints strides = ElementStrides(shape);
    const Box& box = spec.box;
    absl::InlinedVector<StridedDim, 8> dims(shape.rank());
    int64_t offset = 0;
    int64_t from_stride = 1;
    for (int i = shape.rank() - 1; i >= 0; --i) {
      const int64_t step = box.size[i] == 1 ? 0 : box.stride[i] * strides[i];
      dims[i] = {box.size[i], from_stride, step};
      offset += box.begin[i] * strides[i];
      from_stride *= box.size[i];
    }
    return CopyStrided(ctx, dy.dtype(), dims, dy.raw_data(), 0,
                       output->mutable_raw_data(), offset);
  }

 private:
  SliceMasks masks_;
};

absl::Status SliceRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  ASSIGN_OR_RETURN(const PartialShape begins, WithRank(ctx.input(1), 1));
  ASSIGN_OR_RETURN(const PartialShape sizes, WithRank(ctx.input(2), 1));
  ASSIGN_OR_RETURN(int64_t count, MergeDims(begins.dim(0), sizes.dim(0)));
  if (input.known_rank()) {
    ASSIGN_OR_RETURN(count, WithValue(count, input.rank()));
  }
  if (count < 0 || count > TensorShape::kMaxRank) return absl::OkStatus();
  const int rank = static_cast<int>(count);
  const KnownInts unknown(rank, kUnknownInt);
  const KnownInts begin = ctx.Ints(1).value_or(unknown);
  const KnownInts size = ctx.Ints(2).value_or(unknown);
  Ints dims(rank, kUnknownDim);
  for (int i = 0; i < rank; ++i) {
    if (size[i] >= 0) {
      dims[i] = size[i];
    } else if (size[i] == -1 && begin[i] != kUnknownInt) {
      dims[i] = SubtractDims(DimOf(input, i), begin[i]);
    }
  }
  ctx.SetOutput(0, PartialShape(dims));
  const auto ints = ctx.Ints(0);
  const int64_t length = ints.has_value() ? ElementsOf(input) : 0;
  if (rank == 1 && dims[0] >= 0 && begin[0] >= 0 && begin[0] <= length &&
      dims[0] <= length - begin[0]) {
    const auto from = ints->begin() + begin[0];
    ctx.SetOutputInts(0, KnownInts(from, from + dims[0]));
  }
  return absl::OkStatus();
}

absl::Status StridedSliceRule(ShapeContext& ctx) {
  SliceMasks masks;
  RETURN_IF_ERROR(masks.Init(ctx));
  const PartialShape& input = ctx.input(0);
  PartialShape length = UnknownDims(1);
  for (int i = 1; i < 4; ++i) {
    ASSIGN_OR_RETURN(const PartialShape vector, WithRank(ctx.input(i), 1));
    ASSIGN_OR_RETURN(length, MergeShapes(length, vector));
  }
  const int64_t count = length.dim(0);
  if (!input.known_rank() || count < 0 || count >= 32) return absl::OkStatus();
  const KnownInts unknown(count, kUnknownInt);
  ASSIGN_OR_RETURN(
      const SliceSpec spec,
      SliceSpec::Build(ctx.Ints(1).value_or(unknown),
                       ctx.Ints(2).value_or(unknown),
                       ctx.Ints(3).value_or(unknown), masks, input.dims()));
  ctx.SetOutput(0, PartialShape(spec.shape));
  // Sizes picked out of a shape.
  const auto ints = ctx.Ints(0);
  if (!ints.has_value() || input.rank() != 1 || spec.box.size[0] < 0 ||
      spec.box.begin[0] == kUnknownInt) {
    return absl::OkStatus();
  }
  KnownInts taken;
  int64_t at = spec.box.begin[0];
  for (int64_t i = 0; i < spec.box.size[0]; ++i, at += spec.box.stride[0]) {
    taken.push_back((*ints)[at]);
  }
  ctx.SetOutputInts(0, std::move(taken));
  return absl::OkStatus();
}

void DescribeMasks(OpBuilder& op) {
  op.Attr("T: type").Attr("Index: type");
  op.Attr("begin_mask: int = 0").Attr("end_mask: int = 0");
  op.Attr("ellipsis_mask: int = 0").Attr("new_axis_mask: int = 0");
  op.Attr("shrink_axis_mask: int = 0");
}

REGISTER_OP("Slice", [](OpBuilder& op) {
  op.Input("input: T").Input("begin: Index").Input("size: Index");
  op.Output("output: T").Attr("T: type").Attr("Index: type");
  op.Shape(SliceRule);
  op.Kernel<Slice>();
});
REGISTER_OP("StridedSlice", [](OpBuilder& op) {
  op.Input("input: T").Input("begin: Index").Input("end: Index");
  op.Input("strides: Index").Output("output: T");
  DescribeMasks(op);
  op.Shape(StridedSliceRule);
  op.Kernel<StridedSlice>();
});
REGISTER_OP("StridedSliceGrad", [](OpBuilder& op) {
  op.Input("shape: Index").Input("begin: Index").Input("end: Index");
  op.Input("strides: Index").Input("dy: T").Output("output: T");
  DescribeMasks(op);
  op.Shape(ShapeInputRule<0>);
  op.Kernel<StridedSliceGrad>();
});

}  // namespace
}  // namespace metagraph
