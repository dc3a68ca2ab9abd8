#include "core/op/shape_rules.h"

#include <algorithm>

#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/op/type_lists.h"

namespace metagraph {
namespace {

using Dims = absl::InlinedVector<int64_t, 8>;

absl::Status WrongDims(const PartialShape& a, const PartialShape& b, int i) {
  return InvalidArgument("Dimension ", i,
                         " in both shapes must be equal, but are ", a.dim(i),
                         " and ", b.dim(i), ". Shapes are ", a.ToString(),
                         " and ", b.ToString(), ".");
}

// What one dimension of a broadcast is. A size of 1 gives way to any other;
// beside an unknown size one above 1 must be the result.
absl::StatusOr<int64_t> BroadcastDim(int64_t a, int64_t b) {
  if (a == 1) return b;
  if (b == 1) return a;
  if (a >= 0 && b >= 0) return MergeDims(a, b);
  // The other one may be 1 or the same, and nothing else.
  return std::max(a, b);
}

}  // namespace

absl::StatusOr<PartialShape> WithRank(const PartialShape& shape, int rank) {
  if (!shape.known_rank()) return UnknownDims(rank);
  if (shape.rank() == rank) return shape;
  return InvalidArgument("Shape must be rank ", rank, " but is rank ",
                         shape.rank());
}

absl::Status CheckRankAtLeast(const PartialShape& shape, int rank) {
  if (!shape.known_rank() || shape.rank() >= rank) return absl::OkStatus();
  return InvalidArgument("Shape must be at least rank ", rank, " but is rank ",
                         shape.rank());
}

absl::Status CheckRankAtMost(const PartialShape& shape, int rank) {
  if (!shape.known_rank() || shape.rank() <= rank) return absl::OkStatus();
  return InvalidArgument("Shape must be at most rank ", rank, " but is rank ",
                         shape.rank());
}

int64_t DimOf(const PartialShape& shape, int i) {
  if (!shape.known_rank()) return kUnknownDim;
  return shape.dim(i < 0 ? i + shape.rank() : i);
}

int64_t ElementsOf(const PartialShape& shape) {
  if (!shape.known_rank()) return kUnknownDim;
  int64_t product = 1;
  for (int64_t dim : shape.dims()) {
    if (dim == 0) return 0;
    product = MultiplyDims(product, dim);
  }
  return product;
}

absl::StatusOr<int64_t> MergeDims(int64_t a, int64_t b) {
  if (a < 0) return b;
  if (b < 0 || a == b) return a;
  return InvalidArgument("Dimensions must be equal, but are ", a, " and ", b);
}

absl::StatusOr<PartialShape> MergeShapes(const PartialShape& a,
                                         const PartialShape& b) {
  if (!a.known_rank()) return b;
  if (!b.known_rank()) return a;
  if (a.rank() != b.rank()) {
    return InvalidArgument("Shapes must be equal rank, but are ", a.rank(),
                           " and ", b.rank());
  }
  Dims dims(a.dims().begin(), a.dims().end());
  for (int i = 0; i < a.rank(); ++i) {
    if (dims[i] >= 0 && b.dim(i) >= 0 && dims[i] != b.dim(i)) {
      return WrongDims(a, b, i);
    }
    dims[i] = std::max(dims[i], b.dim(i));
  }
  return PartialShape(dims);
}

absl::StatusOr<int64_t> WithValue(int64_t a, int64_t value) {
  if (a < 0 || value < 0 || a == value) return std::max(a, value);
  return InvalidArgument("Dimension must be ", value, " but is ", a);
}

PartialShape CommonShape(const PartialShape& a, const PartialShape& b) {
  if (!a.known_rank() || a.rank() != b.rank()) return PartialShape();
  Dims dims(a.dims().begin(), a.dims().end());
  for (int i = 0; i < a.rank(); ++i) {
    if (dims[i] != b.dim(i)) dims[i] = kUnknownDim;
  }
  return PartialShape(dims);
}

int64_t AddDims(int64_t a, int64_t b) {
  return CheckedAdd(a, b).value_or(kUnknownDim);
}

int64_t SubtractDims(int64_t a, int64_t b) {
  return a < 0 || b < 0 || b > a ? kUnknownDim : a - b;
}

int64_t MultiplyDims(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  return CheckedMul(a, b).value_or(kUnknownDim);
}

PartialShape UnknownDims(int rank) {
  return PartialShape(Dims(rank, kUnknownDim));
}

PartialShape Subshape(const PartialShape& shape, int begin, int end) {
  if (!shape.known_rank()) return shape;
  const int rank = shape.rank();
  if (begin < 0) begin += rank;
  end = end < 0 ? end + rank : std::min(end, rank);
  if (begin >= end) return PartialShape({});
  return PartialShape(shape.dims().subspan(begin, end - begin));
}

PartialShape Concatenated(const PartialShape& a, const PartialShape& b) {
  if (!a.known_rank() || !b.known_rank()) return PartialShape();
  Dims dims(a.dims().begin(), a.dims().end());
  dims.insert(dims.end(), b.dims().begin(), b.dims().end());
  return PartialShape(dims);
}

PartialShape ReplaceDim(const PartialShape& shape, int i, int64_t size) {
  if (!shape.known_rank()) return shape;
  Dims dims(shape.dims().begin(), shape.dims().end());
  dims[i < 0 ? i + shape.rank() : i] = size;
  return PartialShape(dims);
}

absl::StatusOr<PartialShape> BroadcastShapes(const PartialShape& a,
                                             const PartialShape& b) {
  if (!a.known_rank() || !b.known_rank()) return PartialShape();
  const int rank = std::max(a.rank(), b.rank());
  Dims dims(rank);
  for (int i = 0; i < rank; ++i) {
    const int in_a = i - (rank - a.rank());
    const int in_b = i - (rank - b.rank());
    ASSIGN_OR_RETURN(dims[i], BroadcastDim(in_a < 0 ? 1 : a.dim(in_a),
                                           in_b < 0 ? 1 : b.dim(in_b)));
  }
  return PartialShape(dims);
}

absl::StatusOr<int> AxisIn(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return InvalidArgument("Invalid reduction dimension ", axis,
                           " for input with ", rank, " dimensions.");
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::StatusOr<PartialShape> ReducedShape(const PartialShape& shape,
                                          const std::optional<KnownInts>& axes,
                                          bool keep_dims) {
  if (!shape.known_rank()) return PartialShape();
  const int rank = shape.rank();
  const bool known = axes.has_value() &&
                     std::count(axes->begin(), axes->end(), kUnknownInt) == 0;
  if (!known) return keep_dims ? UnknownDims(rank) : PartialShape();
  absl::InlinedVector<bool, 8> reduced(rank, false);
  for (int64_t axis : *axes) {
    ASSIGN_OR_RETURN(const int i, AxisIn(axis, rank));
    reduced[i] = true;
  }
  Dims dims;
  for (int i = 0; i < rank; ++i) {
    if (!reduced[i]) dims.push_back(shape.dim(i));
    if (reduced[i] && keep_dims) dims.push_back(1);
  }
  return PartialShape(dims);
}

absl::Status UnchangedRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.input(0));
  return absl::OkStatus();
}

absl::Status VectorsRule(ShapeContext& ctx) {
  for (int i = 0; i < ctx.num_outputs(); ++i) ctx.SetOutput(i, UnknownDims(1));
  return absl::OkStatus();
}

absl::Status ForwardRule(ShapeContext& ctx) {
  ctx.ForwardInput(0, 0);
  return absl::OkStatus();
}

absl::Status ForwardAllRule(ShapeContext& ctx) {
  for (int i = 0; i < ctx.num_outputs(); ++i) ctx.ForwardInput(i, i);
  return absl::OkStatus();
}

absl::Status ScalarRule(ShapeContext& ctx) {
  for (int i = 0; i < ctx.num_outputs(); ++i)
    ctx.SetOutput(i, PartialShape({}));
  return absl::OkStatus();
}

absl::Status MergedRule(ShapeContext& ctx) {
  PartialShape shape;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    ASSIGN_OR_RETURN(shape, MergeShapes(shape, ctx.input(i)));
  }
  ctx.SetOutput(0, shape);
  return absl::OkStatus();
}

absl::Status BroadcastRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape,
                   BroadcastShapes(ctx.input(0), ctx.input(1)));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status ReductionRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const bool keep_dims, ctx.Attr<bool>("keep_dims"));
  ASSIGN_OR_RETURN(PartialShape shape,
                   ReducedShape(ctx.input(0), ctx.Ints(1), keep_dims));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status UnknownRule(ShapeContext&) { return absl::OkStatus(); }

absl::Status FoldInts(ShapeContext& ctx, IntFn fn) {
  for (int i = 0; i < 2; ++i) {
    if (!ctx.input(i).known_rank() || ctx.input(i).rank() > 1) {
      return absl::OkStatus();
    }
  }
  const std::optional<KnownInts> x = ctx.Ints(0);
  const std::optional<KnownInts> y = ctx.Ints(1);
  if (!x.has_value() || !y.has_value()) return absl::OkStatus();
  const size_t size = std::max(x->size(), y->size());
  const auto fits = [&](const KnownInts& ints) {
    return ints.size() == size || ints.size() == 1;
  };
  if (x->empty() || y->empty() || !fits(*x) || !fits(*y)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const DataType dtype, ctx.Attr<DataType>("T"));
  if (dtype != DT_INT32 && dtype != DT_INT64) return absl::OkStatus();
  KnownInts out(size, kUnknownInt);
  for (size_t i = 0; i < size; ++i) {
    const int64_t a = (*x)[x->size() == 1 ? 0 : i];
    const int64_t b = (*y)[y->size() == 1 ? 0 : i];
    if (a == kUnknownInt || b == kUnknownInt) continue;
    const int64_t value = fn(a, b).value_or(kUnknownInt);
    const bool wraps =
        dtype == DT_INT32 && value != static_cast<int32_t>(value);
    if (!wraps) out[i] = value;
  }
  ctx.SetOutputInts(0, std::move(out));
  return absl::OkStatus();
}

}  // namespace metagraph
