#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Makes one _FusedElementwise of float element-wise ops, softmax, and
// reductions of the last dimensions that read each other: of an op and those
// before it whose results nobody else reads, as far as no control edge touches
// them. Each has the name of its last op; its answers stay, bit by bit. A Split
// whose parts only such ops read is left out: they read what it splits.
absl::Status FuseElementwise(Body& body, const CompileEnv& env);

}  // namespace metagraph
