#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/program/library.h"

namespace metagraph {

// Removes from `function.missing` the ops that are no longer in its body, and
// sets its `callees`.
void NoteNeeds(Function& function);

// The functions that a function calls, or why they cannot be told.
using Callees = absl::StatusOr<std::vector<tensorflow::NameAttrList>>;

// Adds the ops without kernel of `functions` and of all they call, where
// `callees` tells what a function calls. Errors as Library::FindMissing.
absl::Status FindMissingOps(const Library& library,
                            std::vector<tensorflow::NameAttrList> functions,
                            const CallContext* call,
                            absl::FunctionRef<Callees(const Function&)> callees,
                            std::vector<MissingOp>* missing);

// Adds the ops without kernel that a run of `body` needs in functions: not
// those that only lead to results that nobody reads, since calls are trimmed
// first. Takes longer than Library::FindMissing.
absl::Status FindMissingOfRun(const Library& library, const Body& body,
                              const CallContext* call,
                              std::vector<MissingOp>* missing);

}  // namespace metagraph
