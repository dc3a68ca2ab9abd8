#pragma once

#include <algorithm>
#include <cstdint>

#include "core/kernels/broadcast.h"

namespace metagraph {

// Calls fn(i, offsets) for the elements [begin, end) of the output: which
// element of each input goes into it.
template <typename Fn>
void ForEachElement(const Broadcast& plan, int64_t begin, int64_t end, Fn fn) {
  if (begin >= end) return;
  const int64_t size = plan.row_size();
  plan.ForEachRow(begin / size, (end - 1) / size + 1,
                  [&](int64_t row, const Broadcast::Offsets& from) {
                    const int64_t last = std::min(end, row + size);
                    for (int64_t i = std::max(begin, row); i < last; ++i) {
                      Broadcast::Offsets at = from;
                      for (int k = 0; k < Broadcast::kMaxInputs; ++k) {
                        at[k] += (i - row) * plan.row_stride(k);
                      }
                      fn(i, at);
                    }
                  });
}

}  // namespace metagraph
