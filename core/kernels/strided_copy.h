#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// One dimension of a copy between two layouts. Strides are in elements and
// may be zero (broadcast) or negative (reverse).
struct StridedDim {
  int64_t size;
  int64_t from_stride;
  int64_t to_stride;
};

// Copies to[sum(i_k * to_stride_k)] = from[sum(i_k * from_stride_k)] for all
// indices i_k < size_k: the engine of Transpose, StridedSlice, Tile, Reverse,
// SpaceToBatch and others. Finds what is contiguous by itself, so callers
// need not merge dimensions. Fast when the last dimension has to_stride 1.
absl::Status CopyStrided(const KernelContext& ctx, DataType dtype,
                         absl::Span<const StridedDim> dims, const void* from,
                         int64_t from_offset, void* to, int64_t to_offset);

}  // namespace metagraph
