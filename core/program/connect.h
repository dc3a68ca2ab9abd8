#pragma once

// Whether a value may go into an input, in TensorFlow's words. Both importers
// ask here.

#include <string>

#include "absl/status/status.h"
#include "core/program/body.h"

namespace metagraph {

// INVALID_ARGUMENT unless a value of type `given`, called `source`, fits input
// `i` of `op`.
absl::Status CheckInputType(const Op& op, int i, DataType given,
                            absl::string_view source);

// Whether input `i` of `op` wants a reference where it is given one. RefEnter
// and its like pass on what they get; what TensorFlow 1.0 called a reference to
// a handle is a plain tensor here.
bool WantsRef(const Op& op, int i, DataType given);

// The `{{node x}}` suffix that TensorFlow's clients know.
absl::Status AtNode(const absl::Status& status, absl::string_view node);

}  // namespace metagraph
