#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/checkpoint/tensor_slice.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// The box that two slices of one tensor share; nullopt if it is empty.
// REQUIRES: equal rank, explicit extents.
std::optional<TensorSlice> Intersect(const TensorSlice& a,
                                     const TensorSlice& b);

// Elements in a slice with explicit extents.
int64_t NumElements(const TensorSlice& slice);

// Whether no two slices share an element; DATA_LOSS if some do. Adds to `pairs`
// how many it had to compare: DATA_LOSS, too, where these become more than the
// slices of one file may make. Mostly only neighbours are compared.
absl::Status CheckDisjoint(absl::Span<const TensorSlice* const> slices,
                           int64_t* pairs);

// Copies `box` from a tensor that holds `from_slice` to one that holds
// `to_slice`, slices of the same tensor that both contain `box`.
void CopyBox(const TensorSlice& box, const Tensor& from,
             const TensorSlice& from_slice, Tensor* to,
             const TensorSlice& to_slice);

}  // namespace metagraph
