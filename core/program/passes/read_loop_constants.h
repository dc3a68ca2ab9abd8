#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Ops in a loop read a constant itself, and not what carries it into each turn,
// as long as something else tells them that there is a turn. Such are weights
// in a program of one generation.
absl::Status ReadLoopConstants(Body& body, const CompileEnv& env);

}  // namespace metagraph
