#pragma once

#include "absl/status/status.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {

// How kernels are run, wherever: Compute, and RESOURCE_EXHAUSTED if there was
// no memory for what it works with.
inline absl::Status RunKernel(const Kernel& kernel, KernelContext& ctx) {
  return CatchOutOfMemory([&] { return kernel.Compute(ctx); });
}

}  // namespace metagraph
