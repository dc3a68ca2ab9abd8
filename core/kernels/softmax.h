#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// One row of the op Softmax, or LogSoftmax, of floats, bit by bit. `scratch`
// has room for n and is aligned to 64 bytes; `out` may be `in`.
using SoftmaxRow = void (*)(const float* in, int64_t n, float* scratch,
                            float* out);
SoftmaxRow RowOfSoftmax(bool log);

// What the op's kernel computes for floats.
absl::Status RunSoftmax(KernelContext& ctx, bool log);

}  // namespace metagraph
