#pragma once

// What shape rules are made of: checks and merges of partly known shapes, in
// TensorFlow's words, and the rules that many ops share.
//
// A size of -1 is not known; so is a dimension of a shape of unknown rank.

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/op/shape_context.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

inline constexpr int64_t kUnknownDim = -1;

// The shape, of that rank. INVALID_ARGUMENT if it has another.
absl::StatusOr<PartialShape> WithRank(const PartialShape& shape, int rank);
// INVALID_ARGUMENT if the rank is known and too small, too large.
absl::Status CheckRankAtLeast(const PartialShape& shape, int rank);
absl::Status CheckRankAtMost(const PartialShape& shape, int rank);
// The size at `i`, from the end if negative. REQUIRES: the rank is unknown, or
// has it.
int64_t DimOf(const PartialShape& shape, int i);
// The product of the sizes.
int64_t ElementsOf(const PartialShape& shape);

// Of both what is known. INVALID_ARGUMENT if they contradict each other.
absl::StatusOr<int64_t> MergeDims(int64_t a, int64_t b);
absl::StatusOr<PartialShape> MergeShapes(const PartialShape& a,
                                         const PartialShape& b);
// The size `a`, which must be `value`.
absl::StatusOr<int64_t> WithValue(int64_t a, int64_t value);
// What a value of one shape or the other certainly is.
PartialShape CommonShape(const PartialShape& a, const PartialShape& b);

// Sums, differences and products; unknown if an operand is, or over int64.
int64_t AddDims(int64_t a, int64_t b);
int64_t SubtractDims(int64_t a, int64_t b);
int64_t MultiplyDims(int64_t a, int64_t b);

PartialShape UnknownDims(int rank);
// Dimensions [begin, end), negative ones from the end; unknown if the rank is.
// REQUIRES: the rank has them.
PartialShape Subshape(const PartialShape& shape, int begin,
                      int end = TensorShape::kMaxRank);
PartialShape Concatenated(const PartialShape& a, const PartialShape& b);
// With another size at `i`, from the end if negative.
PartialShape ReplaceDim(const PartialShape& shape, int i, int64_t size);

// What numpy's broadcasting makes of both. INVALID_ARGUMENT.
absl::StatusOr<PartialShape> BroadcastShapes(const PartialShape& a,
                                             const PartialShape& b);
// What is left when `axes` go, which are not known without a value.
// INVALID_ARGUMENT for an axis that is not there.
absl::StatusOr<PartialShape> ReducedShape(const PartialShape& shape,
                                          const std::optional<KnownInts>& axes,
                                          bool keep_dims);
// `axis` counted from the end if negative. INVALID_ARGUMENT if it is outside.
absl::StatusOr<int> AxisIn(int64_t axis, int rank);

// --- Rules ---

// Output 0 has the shape of input 0.
absl::Status UnchangedRule(ShapeContext& ctx);
// Output 0 has the shape of input i.
template <int i>
absl::Status SameAsRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.input(i));
  return absl::OkStatus();
}
// Output 0 has the shape whose sizes are the elements of input i.
template <int i>
absl::Status ShapeInputRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.InputAsShape(i));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}
// All outputs are vectors of unknown length.
absl::Status VectorsRule(ShapeContext& ctx);
// Output 0 is input 0, its value too.
absl::Status ForwardRule(ShapeContext& ctx);
// Each output is the input at its place.
absl::Status ForwardAllRule(ShapeContext& ctx);
// All outputs are scalars.
absl::Status ScalarRule(ShapeContext& ctx);
// All inputs and output 0 have one shape.
absl::Status MergedRule(ShapeContext& ctx);
// Output 0 is what numpy's broadcasting makes of inputs 0 and 1.
absl::Status BroadcastRule(ShapeContext& ctx);
// Sum, Max, …: "input, axes -> output", with the attribute keep_dims.
absl::Status ReductionRule(ShapeContext& ctx);
// Nothing is known, or there is no output: for ops whose outputs depend on
// values alone. Says that somebody thought about it.
absl::Status UnknownRule(ShapeContext& ctx);

// Computes the elements of output 0, of the op's type T, from those of inputs 0
// and 1, integer scalars or vectors, where they are known. `fn` gives nullopt
// where there is no result.
using IntFn = std::optional<int64_t> (*)(int64_t, int64_t);
absl::Status FoldInts(ShapeContext& ctx, IntFn fn);

// BroadcastRule that also computes sizes: IntRule<&Fn>.
template <IntFn fn>
absl::Status IntRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(BroadcastRule(ctx));
  return FoldInts(ctx, fn);
}

}  // namespace metagraph
