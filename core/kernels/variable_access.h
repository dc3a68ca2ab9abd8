#pragma once

// What kernels on variables share: both kinds come as input 0, a reference or
// a resource handle.

#include <string>

#include "core/op/kernel_context.h"

namespace metagraph {

// TensorFlow's words for a resource variable without a value: those of its
// container, which comes to be with the first value.
inline std::string MissingVariableText(const KernelContext& ctx, int input) {
  const auto& handle = ctx.input(input).scalar<ResourceHandle>();
  if (ctx.variables().generation().number == 0) {
    return absl::StrCat(
        "Container localhost does not exist. (Could not find "
        "resource: localhost/",
        handle.name, ")");
  }
  return absl::StrCat("Resource localhost/", handle.name,
                      "/N10tensorflow3VarE does not exist.");
}

// OK if `value`, that of the variable in `input`, is there.
inline absl::Status CheckInitialized(const KernelContext& ctx, int input,
                                     const Tensor& value) {
  if (value.initialized()) return absl::OkStatus();
  if (!ctx.input_is_ref(input)) {
    return absl::NotFoundError(MissingVariableText(ctx, input));
  }
  const int slot = ctx.input_variable(input);
  return FailedPrecondition("Attempting to use uninitialized value ",
                            ctx.session().variables.Get(slot).name);
}

// The output of ops that give their reference back.
inline void ReturnRef(KernelContext& ctx) {
  if (ctx.num_outputs() > 0) ctx.ForwardInput(0, 0);
}

// As ctx.ParallelFor, but always to the end: for kernels that write into a
// variable's own buffer, which must not be left half written.
inline void UninterruptedFor(const KernelContext& ctx, int64_t total,
                             int64_t min_block,
                             absl::FunctionRef<void(int64_t, int64_t)> fn) {
  ThreadPool* pool = ctx.step().compute_pool;
  if (pool != nullptr) return pool->ParallelFor(total, min_block, fn);
  if (total > 0) fn(0, total);
}

}  // namespace metagraph
