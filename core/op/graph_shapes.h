#pragma once

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "core/graph/graph.h"
#include "core/op/infer_shapes.h"
#include "core/op/op_registry.h"

namespace metagraph {

// The nodes of a graph, in their order, as InferShapes takes them. What is fed
// is read from arguments: feeds[endpoint] is the argument's number.
// `num_outputs` tells how many outputs a node has. Of a node that is not as its
// op declares nothing is inferred.
std::vector<ShapedNode> ShapedNodes(
    const Graph& graph, const OpRegistry& ops,
    const absl::flat_hash_map<Endpoint, int>& feeds,
    absl::FunctionRef<int(const Node&)> num_outputs);

}  // namespace metagraph
