#pragma once

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/op/op_builder.h"
#include "core/op/shape_context.h"

namespace metagraph {

// Fills `outputs`, as many as the node has, with what the op's rule says of
// them; nothing is known of the outputs of an op without a rule.
// INVALID_ARGUMENT if the inputs certainly do not fit, in TensorFlow's words:
// "Shape must be rank 2 but is rank 1 for 'mm' (op: 'MatMul') with input
// shapes: [2], [3,4]."
absl::Status InferOutputs(const OpInfo& op, const tensorflow::NodeDef& node,
                          absl::Span<const ValueFacts> inputs,
                          absl::Span<ValueFacts> outputs);

}  // namespace metagraph
