#pragma once

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/program/body.h"
#include "core/program/library.h"
#include "core/program/prune.h"

namespace metagraph {

// The Body of a request: feeds are its arguments, in the request's order,
// fetches its results. Only what the request needs is in it; ops without
// kernel do not stop it where no run can reach them.
//
// Errors, besides those of Prune: INVALID_ARGUMENT for an output index that
// the op does not have, a wrong number or dtype of inputs, bad attributes;
// UNIMPLEMENTED listing all ops that have no kernel here, those of functions
// too; CANCELLED and DEADLINE_EXCEEDED as `call` (null: nobody's) says.
absl::StatusOr<Body> ImportRequest(const Library& library,
                                   const PlanRequest& request,
                                   CallContext* call);

}  // namespace metagraph
