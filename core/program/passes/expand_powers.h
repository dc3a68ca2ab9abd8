#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Makes products, roots and quotients of powers whose exponent is a constant
// 2, 3, 1/2, -1/2 or -1, as TensorFlow's own optimizer does: the last bit may
// change.
absl::Status ExpandPowers(Body& body, const CompileEnv& env);

}  // namespace metagraph
