#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Puts the ops of small functions where they are called, so that other passes
// see through the call. A call's name stays as prefix of its ops' names.
absl::Status InlineCalls(Body& body, const CompileEnv& env);

}  // namespace metagraph
