#pragma once

#include <algorithm>
#include <cstdint>

#include "core/kernels/looks.h"
#include "core/op/kernel_context.h"
#include "core/tensor/scratch.h"

namespace metagraph {

// Sorts by `before`, in which no two entries are equal. Blocks are sorted and
// then merged: between the parts of it is the time to look whether the call is
// still wanted. CANCELLED, DEADLINE_EXCEEDED.
template <typename F>
absl::Status SortInBlocks(const KernelContext& ctx, Scratch<int64_t>& entries,
                          F before) {
  constexpr int64_t kBlock = int64_t{1} << 14;
  const auto count = static_cast<int64_t>(entries.size());
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    RETURN_IF_ERROR(ctx.CheckCancelled());
    const int64_t end = std::min(count, begin + kBlock);
    std::sort(entries.begin() + begin, entries.begin() + end, before);
  }
  if (count <= kBlock) return absl::OkStatus();
  Looks looks(ctx);
  Scratch<int64_t> merged(count);
  for (int64_t width = kBlock; width < count; width *= 2) {
    for (int64_t begin = 0; begin < count; begin += 2 * width) {
      const int64_t middle = std::min(count, begin + width);
      const int64_t end = std::min(count, middle + width);
      int64_t left = begin, right = middle;
      for (int64_t out = begin; out < end; ++out) {
        RETURN_IF_ERROR(looks.After());
        const bool take_right =
            left == middle ||
            (right < end && before(entries[right], entries[left]));
        merged[out] = entries[take_right ? right++ : left++];
      }
    }
    entries.swap(merged);
  }
  return absl::OkStatus();
}

}  // namespace metagraph
