#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/op/callable.h"
#include "core/op/op_registry.h"
#include "core/plan/kernel_cache.h"
#include "core/plan/plan.h"
#include "core/program/body.h"

namespace metagraph {

// What lowering needs besides the Body.
struct LowerEnvironment {
  const OpRegistry& ops;
  SessionState& state;
  KernelCache& stateful_kernels;
  FunctionResolver& functions;
  // Whose limits end it; null: nobody's.
  const CallContext* call = nullptr;
};

// Makes the kernels of a Body and arranges its ops for an executor.
//
// Errors: what kernels find wrong with their attributes, with the node's name;
// INVALID_ARGUMENT for a malformed loop; CANCELLED and DEADLINE_EXCEEDED as
// environment.call says.
absl::StatusOr<std::unique_ptr<Plan>> Lower(
    const Body& body, const LowerEnvironment& environment);

}  // namespace metagraph
