#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Of ops that do the same to the same values one stays (common subexpressions).
absl::Status ShareEqual(Body& body, const CompileEnv& env);

}  // namespace metagraph
