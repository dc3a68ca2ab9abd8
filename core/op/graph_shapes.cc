#include "core/op/graph_shapes.h"

namespace metagraph {

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
