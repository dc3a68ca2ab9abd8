#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Takes out of calls what nobody needs: outputs that are not read, arguments
// and loop variables that only those need. TensorFlow expands If and While into
// single ops before it prunes, so that clients need not feed what only an
// unread output needs.
absl::Status TrimCalls(Body& body, const CompileEnv& env);

}  // namespace metagraph
