#pragma once

#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/op/op_builder.h"
#include "core/op/shape_context.h"

namespace metagraph {

// Fills `outputs`, as many as the node has, with what the op's rule says of
// them; nothing is known of the outputs of an op without a rule.
// INVALID_ARGUMENT if the inputs certainly do not fit, in TensorFlow's words:
// "Shape must be rank 2 but is rank 1 for 'mm' (op: 'MatMul') with input
// shapes: [2], [3,4]." `name` stands for the node's, unless it is empty.
absl::Status InferOutputs(const OpInfo& op, const tensorflow::NodeDef& node,
                          absl::Span<const ValueFacts> inputs,
                          absl::Span<ValueFacts> outputs,
                          absl::string_view name = "");

// A node in a list of them, whatever holds it.
struct ShapedNode {
  const OpInfo* op = nullptr;  // nullptr: nothing is known of its outputs
  const tensorflow::NodeDef* def = nullptr;
  absl::string_view name;  // in errors; empty: the name in `def`
  // The place of the node that is read, or -1 for an argument; the output, or
  // the argument's number.
  struct Input {
    int node = -1;
    int output = 0;
  };
  absl::InlinedVector<Input, 4> inputs;
  int num_outputs = 0;
  const Tensor* constant = nullptr;  // the value of output 0, if known
};

struct InferredShapes {
  std::vector<absl::InlinedVector<ValueFacts, 1>> outputs;  // by node
  // What rules refused: the node's place and why.
  std::vector<std::pair<int, absl::Status>> refused;

  // Nothing known where there is no such output.
  const ValueFacts& at(int node, int output) const;
};

// Whether variables have the shapes that the graph declares. They may be
// assigned others, so what is refused or computed before a run must not
// rely on it.
enum class VariableShapes { kAsDeclared, kUnknown };

// Asks the rules of all nodes, each after those that it reads. The inputs of a
// loop's Merge that come back from its end are taken to be as those at its
// begin, until that turns out to be too much.
InferredShapes InferShapes(
    absl::Span<const ShapedNode> nodes, absl::Span<const ValueFacts> arguments,
    VariableShapes variables = VariableShapes::kAsDeclared);

}  // namespace metagraph
