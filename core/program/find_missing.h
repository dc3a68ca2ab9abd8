#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/program/library.h"

namespace metagraph {

// Takes from `function.missing` what no longer is in its body, and sets its
// `callees`.
void NoteNeeds(Function& function);

// Adds the ops without kernel of `functions` and of all they call, where
// `callees` tells what a function calls. Errors as Library::FindMissing.
using Callees = absl::StatusOr<std::vector<tensorflow::NameAttrList>>;
absl::Status FindMissingOps(const Library& library,
                            std::vector<tensorflow::NameAttrList> functions,
                            const CallContext* call,
                            absl::FunctionRef<Callees(const Function&)> callees,
                            std::vector<MissingOp>* missing);

// Adds those that functions bring into a run of `body`: when calls have been
// trimmed, what only leads to results that nobody reads is not among them.
// Takes longer than Library::FindMissing.
absl::Status FindMissingOfRun(const Library& library, const Body& body,
                              const CallContext* call,
                              std::vector<MissingOp>* missing);

}  // namespace metagraph
