#include "core/program/passes/infer_shapes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "core/base/status.h"
#include "core/op/infer_shapes.h"
#include "core/program/connect.h"

namespace metagraph {
namespace {

std::vector<ShapedNode> NodesOf(const Body& body) {
  std::vector<ShapedNode> nodes(body.ops.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Op& op = body.ops[i];
    ShapedNode& node = nodes[i];
    // A placeholder that nobody fed fails, whatever it declares.
    if (!absl::StartsWith(op.type(), "Placeholder") || !op.inputs.empty()) {
      node.op = op.info;
    }
    node.def = op.node.get();
    node.name = op.name;
    node.num_outputs = static_cast<int>(op.signature.outputs.size());
    node.constant = op.constant.get();
    for (const ValueRef& input : op.inputs) {
      node.inputs.push_back({input.op, input.output});
    }
  }
  return nodes;
}

// By op: whether some run may not come to it, since it stands behind a Switch.
std::vector<bool> MayBeSkipped(const Body& body) {
  std::vector<std::vector<int>> readers(body.ops.size());
  std::vector<bool> skipped(body.ops.size(), false);
  std::vector<int> open;
  for (size_t i = 0; i < body.ops.size(); ++i) {
    const int place = static_cast<int>(i);
    for (const ValueRef& input : body.ops[i].inputs) {
      if (!input.is_argument()) readers[input.op].push_back(place);
    }
    for (const int control : body.ops[i].controls) {
      readers[control].push_back(place);
    }
    if (body.ops[i].kind == OpKind::kSwitch) open.push_back(place);
  }
  while (!open.empty()) {
    const int op = open.back();
    open.pop_back();
    for (const int reader : readers[op]) {
      if (skipped[reader]) continue;
      skipped[reader] = true;
      open.push_back(reader);
    }
  }
  return skipped;
}

}  // namespace

absl::Status FindShapes(Body& body, const CompileEnv&) {
  const std::vector<ShapedNode> nodes = NodesOf(body);
  const std::vector<ValueFacts> arguments(body.args.size());
  const InferredShapes found =
      InferShapes(nodes, arguments, VariableShapes::kUnknown);
  if (!found.refused.empty() && body.name.empty()) {
    const std::vector<bool> skipped = MayBeSkipped(body);
    for (const auto& [op, status] : found.refused) {
      if (!skipped[op]) return AtNode(status, body.ops[op].name);
    }
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::vector<PartialShape> shapes;
    for (const ValueFacts& facts : found.outputs[i]) {
      shapes.push_back(facts.shape);
    }
    body.ops[i].shapes = std::move(shapes);
  }
  return absl::OkStatus();
}

}  // namespace metagraph
