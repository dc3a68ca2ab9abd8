#pragma once

#include <vector>

#include "absl/status/status.h"
#include "core/program/library.h"

namespace metagraph {

// Adds the ops without kernel of `functions` and of all they call.
// RESOURCE_EXHAUSTED: more functions than memory should be spent on; CANCELLED
// and DEADLINE_EXCEEDED as `call` (null: nobody's) says; otherwise as
// Library::Find.
absl::Status FindMissing(const Library& library,
                         std::vector<tensorflow::NameAttrList> functions,
                         CallContext* call, std::vector<MissingOp>* missing);

// Adds the ops without kernel that a run of `body` needs in functions: not
// those that only lead to results that nobody reads, since calls are trimmed
// first. Takes longer than FindMissing.
absl::Status FindMissingOfRun(const Library& library, const Body& body,
                              CallContext* call,
                              std::vector<MissingOp>* missing);

}  // namespace metagraph
