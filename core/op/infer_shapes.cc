#include "core/op/infer_shapes.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// "[2,?], ?": as TensorFlow lists shapes.
std::string ListShapes(absl::Span<const ValueFacts> inputs) {
  return absl::StrJoin(
      inputs, ", ", [](std::string* out, const ValueFacts& input) {
        absl::StrAppend(
            out, input.shape.known_rank() ? input.shape.ToString() : "?");
      });
}

}  // namespace

absl::Status InferOutputs(const OpInfo& op, const tensorflow::NodeDef& node,
                          absl::Span<const ValueFacts> inputs,
                          absl::Span<ValueFacts> outputs) {
  std::fill(outputs.begin(), outputs.end(), ValueFacts());
  if (op.shape == nullptr) return absl::OkStatus();
  ShapeContext context(node, op.def, inputs, outputs);
  const absl::Status status = op.shape(context);
  if (status.ok()) return status;
  std::fill(outputs.begin(), outputs.end(), ValueFacts());
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), " for '", node.name(), "' (op: '",
                   node.op(), "') with input shapes: ", ListShapes(inputs),
                   "."));
}

}  // namespace metagraph
