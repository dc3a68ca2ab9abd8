#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Makes one _FusedElementwise of float element-wise ops, and reductions of the
// last dimensions, that read each other: of an op and those before it whose
// results nobody else reads, as far as no control edge touches them. Each has
// the name of its last op; the values that it reads and its answers, bit by
// bit, stay.
absl::Status FuseElementwise(Body& body, const CompileEnv& env);

}  // namespace metagraph
