#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/graph/graph.h"

namespace metagraph {

// What a caller wants of a graph, by name: "node:index", or "node" for :0.
struct PlanRequest {
  std::vector<std::string> feeds;
  std::vector<std::string> fetches;
  std::vector<std::string> targets;  // nodes to run without fetching
};

// The part of the graph that a request needs.
struct PrunedGraph {
  // Positions in PlanRequest::feeds by the endpoint fed.
  absl::flat_hash_map<Endpoint, int> feeds;
  std::vector<Endpoint> feed_endpoints;  // in the request's order
  std::vector<Endpoint> fetches;         // in the request's order
  std::vector<int> targets;
  std::vector<int> nodes;    // ids of the nodes to run, ascending
  std::vector<bool> needed;  // by node id

  // The feed that replaces this endpoint, or -1.
  int FeedOf(const Endpoint& endpoint) const {
    const auto it = feeds.find(endpoint);
    return it == feeds.end() ? -1 : it->second;
  }
  // Whether a control edge out of `node` counts as done: a fed placeholder.
  bool IsFedPlaceholder(const Node& node) const;
};

// Walks backwards over data and control edges from fetches and targets; fed
// tensors cut the walk. Semantics and texts: TensorFlow's graph rewriting for
// a session's run.
// INVALID_ARGUMENT: nothing to do, fed twice, fed and fetched, "^x".
// NOT_FOUND: no such node.
absl::StatusOr<PrunedGraph> Prune(const Graph& graph,
                                  const PlanRequest& request);

}  // namespace metagraph
