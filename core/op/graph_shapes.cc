#include "core/op/graph_shapes.h"

#include <utility>

#include "core/graph/node_check.h"
#include "core/graph/op_signature.h"

namespace metagraph {

namespace {

// Rules rely on what the op declares: its attributes, inputs and outputs.
bool IsAsDeclared(const Node& node, const OpInfo& op, int num_outputs) {
  const auto signature = ResolveSignature(*node.def, op.def);
  return signature.ok() &&
         std::cmp_equal(signature->outputs.size(), num_outputs) &&
         CheckInputCount(*node.def, op.def, *signature, node.inputs.size())
             .ok();
}

}  // namespace

std::vector<ShapedNode> ShapedNodes(
    const Graph& graph, const OpRegistry& ops,
    const absl::flat_hash_map<Endpoint, int>& feeds,
    absl::FunctionRef<int(const Node&)> num_outputs) {
  std::vector<ShapedNode> out(graph.nodes().size());
  for (const Node& node : graph.nodes()) {
    ShapedNode& shaped = out[node.id];
    shaped.op = ops.Find(node.op());
    shaped.def = node.def;
    shaped.num_outputs = num_outputs(node);
    if (shaped.op != nullptr &&
        !IsAsDeclared(node, *shaped.op, shaped.num_outputs)) {
      shaped.op = nullptr;
    }
    for (const Endpoint& from : node.inputs) {
      const auto fed = feeds.find(from);
      shaped.inputs.push_back(fed == feeds.end()
                                  ? ShapedNode::Input{from.node, from.index}
                                  : ShapedNode::Input{-1, fed->second});
    }
  }
  return out;
}

}  // namespace metagraph
