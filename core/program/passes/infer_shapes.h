#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Tells what shapes values will have (Op::shapes), as far as that follows from
// what the program itself says: nothing is known of arguments, nor of
// variables, which may be assigned other shapes than they declare.
//
// In a request's program, INVALID_ARGUMENT in TensorFlow's words for inputs
// that cannot fit an op which every run comes to. In a function, and behind a
// Switch, an op may never run, so nothing is refused there.
absl::Status FindShapes(Body& body, const CompileEnv& env);

}  // namespace metagraph
