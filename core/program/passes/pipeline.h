#pragma once

#include "absl/status/status.h"
#include "core/program/passes/pass.h"

namespace metagraph {

// Runs the passes of `level` over the body, in their order.
absl::Status RunPasses(Body& body, const CompileEnv& env, CompileLevel level);

}  // namespace metagraph
