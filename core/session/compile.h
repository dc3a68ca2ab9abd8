#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/exec/executor.h"
#include "core/plan/kernel_cache.h"
#include "core/program/library.h"
#include "core/program/passes/pass.h"
#include "core/program/prune.h"

namespace metagraph {

// What programs are compiled for.
struct CompileTarget {
  SessionState& state;
  KernelCache& stateful_kernels;
  CompileLevel level = CompileLevel::kFull;
  // Of the generation that the program is for; null: for all.
  const Weights* weights = nullptr;
};

// Makes a request ready to run, with all the functions that it may call:
// ImportRequest, the passes, Lower; then the same for each function.
// Errors: as these; RESOURCE_EXHAUSTED for a program that is too large.
absl::StatusOr<std::shared_ptr<const Executor>> Compile(
    const Library& library, const PlanRequest& request,
    const CompileTarget& target, CallContext* call);

// The program as it would be lowered, as text: the request's Body, and behind
// it each function that is still called. Errors: as Compile.
absl::StatusOr<std::string> PrintProgram(const Library& library,
                                         const PlanRequest& request,
                                         CompileLevel level, CallContext* call);

}  // namespace metagraph
