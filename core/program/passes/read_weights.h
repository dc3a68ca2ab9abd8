#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Makes constants of the variables that the program reads, with the values of
// env.weights: for a program of one generation. A variable that is wanted by
// reference, or has no value, stays what it is. Without weights: does nothing.
absl::Status ReadWeights(Body& body, const CompileEnv& env);

}  // namespace metagraph
