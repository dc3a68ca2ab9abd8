#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Makes an Identity of ops that give what they are given, bit by bit: a Cast
// to the same dtype, integers plus 0 or times 1, two opposite ops in a row.
// Floats times 1 are not such: a denormal becomes zero.
// Takes away control edges from ops that are read anyway.
absl::Status Simplify(Body& body, const CompileEnv& env);

}  // namespace metagraph
