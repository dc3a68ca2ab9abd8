#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/op/op_builder.h"

namespace metagraph {

// The table of what TensorFlow declares of ops (op_table.inc): arguments,
// attributes with their defaults, minimums and allowed values.

// Completes what was registered of an op by what the table declares of it, so
// that every node is held to the declaration (CheckNode). An op that the table
// does not have, one that only tests know, stays as it is. INTERNAL if
// the two contradict each other, or a kernel is for a type that is not allowed.
absl::Status ApplyDeclaration(OpInfo& info);

// Whether the table has the op.
bool IsDeclared(absl::string_view op);

// Tells type attributes from list(type) attributes in the arguments of `op`,
// which OpBuilder could not: attributes are declared after arguments. INTERNAL
// if an argument needs an attribute that nobody declared.
absl::Status SettleArguments(tensorflow::OpDef& op);

}  // namespace metagraph
