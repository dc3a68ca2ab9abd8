#pragma once

// Sizes, axes and indices that a kernel reads from its inputs: they come from
// whoever feeds, so they are checked where they are read.

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/tensor/scratch.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// A handful, or as many as an input has.
using Ints = absl::InlinedVector<int64_t, 8, ScratchAllocator<int64_t>>;

// All elements of an integer tensor. INVALID_ARGUMENT for another dtype.
absl::StatusOr<Ints> ReadInts(const Tensor& tensor);
// The one element of an integer tensor.
absl::StatusOr<int64_t> ReadInt(const Tensor& tensor, absl::string_view name);
// A shape: the elements of an integer vector (or scalar), none negative.
absl::StatusOr<TensorShape> ReadShape(const Tensor& tensor);
// `axis` of a tensor of that rank, counted from the end if negative; -1 if it
// is outside.
inline int64_t CanonicalAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) return -1;
  return axis < 0 ? axis + rank : axis;
}

// The coordinates of element `flat` as TensorFlow prints them: "[1,0]"; ""
// for a scalar.
std::string PositionString(const TensorShape& shape, int64_t flat);

// The product of sizes [begin, end) of a shape.
int64_t ProductOf(const TensorShape& shape, int begin, int end);
// Elements from one index of each dimension to the next.
Ints ElementStrides(const TensorShape& shape);

}  // namespace metagraph
