// Repeating a tensor: Tile, BroadcastTo; and BroadcastArgs.

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// So often the sizes of a shape, for kernel and shape rule: some may be
// unknown.
absl::StatusOr<PartialShape> TiledShape(absl::Span<const int64_t> sizes,
                                        absl::Span<const int64_t> multiples) {
  Ints dims(sizes.size(), kUnknownDim);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (multiples[i] == kUnknownInt) continue;
    if (multiples[i] < 0) {
      return InvalidArgument("Expected multiples[", i, "] >= 0, but got ",
                             multiples[i]);
    }
    dims[i] = MultiplyDims(sizes[i], multiples[i]);
    if (dims[i] < 0 && sizes[i] >= 0) {
      return InvalidArgument("dimension ", i, " is too large");
    }
  }
  return PartialShape(dims);
}

class Tile final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const TensorShape& multiples_shape = ctx.input(1).shape();
    const int rank = input.rank();
    if (!multiples_shape.IsVector()) {
      return InvalidArgument("Expected multiples to be 1-D, but got shape ",
                             multiples_shape.ToString());
    }
    if (multiples_shape.dim(0) != rank) {
      return InvalidArgument(
          "Expected multiples argument to be a vector of length ", rank,
          " but got length ", multiples_shape.dim(0));
    }
    ASSIGN_OR_RETURN(Ints multiples, ReadInts(ctx.input(1)));
    for (int64_t& m : multiples) m = std::max(m, kUnknownInt + 1);
    ASSIGN_OR_RETURN(const PartialShape tiled,
                     TiledShape(input.shape().dims(), multiples));
    ASSIGN_OR_RETURN(TensorShape shape, tiled.AsTensorShape());
    if (shape == input.shape()) {
      ctx.SetOutput(0, input);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    RETURN_IF_ERROR(ChargeStrings(
        input, output->num_elements() / input.num_elements(), output));
    // Each dimension becomes two: the copies, and the elements of one copy.
    const Ints from_strides = ElementStrides(input.shape());
    const Ints to_strides = ElementStrides(shape);
    absl::InlinedVector<StridedDim, 16> dims;
    for (int i = 0; i < rank; ++i) {
      dims.push_back({multiples[i], 0, input.dim(i) * to_strides[i]});
      dims.push_back({input.dim(i), from_strides[i], to_strides[i]});
    }
    return CopyStrided(ctx, input.dtype(), dims, input.raw_data(), 0,
                       output->mutable_raw_data(), 0);
  }
};

class BroadcastTo final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (!ctx.input(1).shape().IsVector()) {
      return InvalidArgument(
          "shape must be a vector of {int32,int64}, got shape ",
          ctx.input(1).shape().ToString());
    }
    ASSIGN_OR_RETURN(TensorShape shape, ReadShape(ctx.input(1)));
    if (shape == input.shape()) {
      ctx.SetOutput(0, input);
      return absl::OkStatus();
    }
    const int added = shape.rank() - input.rank();
    if (added < 0) {
      return InvalidArgument("Rank of input (", input.rank(),
                             ") must be no greater than rank of output shape (",
                             shape.rank(), ").");
    }
    const Ints from_strides = ElementStrides(input.shape());
    const Ints to_strides = ElementStrides(shape);
    absl::InlinedVector<StridedDim, 8> dims(shape.rank());
    for (int i = 0; i < shape.rank(); ++i) {
      const int64_t from_size = i < added ? 1 : input.dim(i - added);
      if (from_size != 1 && from_size != shape.dim(i)) {
        return InvalidArgument(
            "Incompatible shapes: ", input.shape().ToString(), " vs. ",
            shape.ToString());
      }
      dims[i] = {shape.dim(i), from_size == 1 ? 0 : from_strides[i - added],
                 to_strides[i]};
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    RETURN_IF_ERROR(ChargeStrings(
        input, output->num_elements() / input.num_elements(), output));
    return CopyStrided(ctx, input.dtype(), dims, input.raw_data(), 0,
                       output->mutable_raw_data(), 0);
  }
};

// The sizes that two lists of sizes broadcast to, for kernel and shape rule:
// some may be kUnknownInt, and what is below 0 is compared like any other.
// nullopt: they do not fit.
std::optional<KnownInts> BroadcastSizes(absl::Span<const int64_t> a,
                                        absl::Span<const int64_t> b) {
  if (a.size() < b.size()) std::swap(a, b);
  KnownInts out(a.begin(), a.end());
  const size_t first = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t& size = out[first + i];
    if (size == b[i] || b[i] == 1) continue;
    if (size == 1 || size == kUnknownInt) {
      size = b[i];
    } else if (b[i] != kUnknownInt) {
      return std::nullopt;
    }
  }
  return out;
}

// The shape that two shapes broadcast to.
template <typename T>
class BroadcastArgs final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    for (int i = 0; i < 2; ++i) {
      if (ctx.input(i).shape().IsVector()) continue;
      return InvalidArgument("In[", i, "] must be a vector.",
                             ctx.input(i).shape().ToString());
    }
    ASSIGN_OR_RETURN(const Ints a, ReadInts(ctx.input(0)));
    ASSIGN_OR_RETURN(const Ints b, ReadInts(ctx.input(1)));
    const std::optional<KnownInts> both = BroadcastSizes(a, b);
    if (!both) {
      return InvalidArgument("Incompatible shapes: [", absl::StrJoin(a, ","),
                             "] vs. [", absl::StrJoin(b, ","), "]");
    }
    const auto rank = static_cast<int64_t>(both->size());
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {rank}));
    std::copy(both->begin(), both->end(), output->mutable_data<T>());
    return absl::OkStatus();
  }
};

absl::Status TileRule(ShapeContext& ctx) {
  PartialShape input = ctx.input(0);
  ASSIGN_OR_RETURN(const PartialShape vector, WithRank(ctx.input(1), 1));
  if (input.known_rank()) {
    RETURN_IF_ERROR(WithValue(vector.dim(0), input.rank()).status());
  } else if (vector.dim(0) >= 0 && vector.dim(0) <= TensorShape::kMaxRank) {
    input = UnknownDims(static_cast<int>(vector.dim(0)));
  } else {
    return absl::OkStatus();
  }
  const KnownInts unknown(input.rank(), kUnknownInt);
  ASSIGN_OR_RETURN(PartialShape tiled,
                   TiledShape(input.dims(), ctx.Ints(1).value_or(unknown)));
  ctx.SetOutput(0, std::move(tiled));
  return absl::OkStatus();
}

absl::Status BroadcastToRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  ASSIGN_OR_RETURN(const PartialShape shape, ctx.InputAsShape(1));
  if (input.known_rank() && shape.known_rank() && input.rank() > shape.rank()) {
    return InvalidArgument("Shape must be at most rank ", shape.rank(),
                           " but is rank ", input.rank());
  }
  // An unknown size is asked for, not left to the input.
  RETURN_IF_ERROR(BroadcastShapes(input, shape).status());
  ctx.SetOutput(0, shape);
  return absl::OkStatus();
}

absl::Status BroadcastArgsRule(ShapeContext& ctx) {
  int64_t rank = 0;
  for (int i = 0; i < 2; ++i) {
    ASSIGN_OR_RETURN(const PartialShape sizes, WithRank(ctx.input(i), 1));
    const int64_t mine = sizes.dim(0);
    rank = rank < 0 || mine < 0 ? kUnknownDim : std::max(rank, mine);
  }
  ctx.SetOutput(0, PartialShape({rank}));
  const std::optional<KnownInts> a = ctx.Ints(0);
  const std::optional<KnownInts> b = ctx.Ints(1);
  if (!a || !b) return absl::OkStatus();
  if (auto both = BroadcastSizes(*a, *b)) {
    ctx.SetOutputInts(0, *std::move(both));
  }
  return absl::OkStatus();
}

REGISTER_OP("Tile", [](OpBuilder& op) {
  op.Input("input: T").Input("multiples: Tmultiples").Output("output: T");
  op.Attr("T: type").Attr("Tmultiples: type = DT_INT32");
  op.Shape(TileRule);
  op.Kernel<Tile>();
});
REGISTER_OP("BroadcastTo", [](OpBuilder& op) {
  op.Input("input: T").Input("shape: Tidx").Output("output: T");
  op.Attr("T: type").Attr("Tidx: type = DT_INT32");
  op.Shape(BroadcastToRule);
  op.Kernel<BroadcastTo>();
});
REGISTER_OP("BroadcastArgs", [](OpBuilder& op) {
  op.Input("s0: T").Input("s1: T").Output("r0: T");
  op.Attr("T: type = DT_INT32");
  op.Shape(BroadcastArgsRule);
  op.KernelForEach<BroadcastArgs, IndexTypes>("T");
});

}  // namespace
}  // namespace metagraph
