#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/program/library.h"

namespace metagraph {

// The Body of `def` for a call that names it as `function`, with attributes:
// its arguments and results are those of the signature, lists unrolled. What
// neither a result nor an effect needs is left out; stateful ops always run.
// INVALID_ARGUMENT: attributes that the body refers to are missing, inputs
// that do not exist or do not fit.
absl::StatusOr<std::shared_ptr<const Function>> ImportFunction(
    const tensorflow::FunctionDef& def,
    const tensorflow::NameAttrList& function, const Library& library);

}  // namespace metagraph
