#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Computes once what no run can change: ops without effect whose inputs are all
// known, as long as they are small. What would fail is left for the run, which
// may never come to it.
absl::Status FoldConstants(Body& body, const CompileEnv& env);

}  // namespace metagraph
