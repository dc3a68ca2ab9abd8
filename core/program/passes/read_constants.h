#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Gives every Const op its value, which programs of one graph share.
// INVALID_ARGUMENT: a value that does not fit its dtype.
absl::Status ReadConstants(Body& body, const CompileEnv& env);

}  // namespace metagraph
