#pragma once

#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/graph/graph.h"
#include "core/program/prune.h"

namespace metagraph {

// The nodes that no run can reach, since they stand behind the output of a
// Switch that is never taken: its predicate is a constant, or made of constants
// by Identity, StopGradient, PlaceholderWithDefault that is not fed,
// LogicalNot, LogicalAnd, LogicalOr, Enter and other Switches. What any other
// op says, a comparison of constants say, is not known before a run.
class DeadBranches {
 public:
  // `pruned`: what a run needs and is fed; null: all nodes, nothing fed.
  DeadBranches(const Graph& graph, const PrunedGraph* pruned);

  bool any() const { return any_; }
  bool IsDead(int node) const { return dead_[node]; }
  bool IsDead(const Endpoint& endpoint) const;

  // A dead output of a Switch that is not dead itself and is in the same frame:
  // to stand for the dead endpoint at a Merge, which must learn that nothing
  // comes. nullopt: there is none.
  std::optional<Endpoint> Origin(Endpoint endpoint) const;

 private:
  bool IsFed(const Endpoint& endpoint) const;
  std::optional<bool> Constant(const Endpoint& endpoint, int depth) const;
  void Visit(int reader, const Endpoint& why);

  const Graph& graph_;
  const PrunedGraph* const pruned_;
  bool any_ = false;
  std::vector<bool> dead_;
  std::vector<Endpoint> why_;            // of a dead node: what killed it
  absl::flat_hash_map<int, int> never_;  // of a Switch: the output not taken
  std::vector<int> queue_;
};

}  // namespace metagraph
