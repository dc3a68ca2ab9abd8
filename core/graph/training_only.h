#pragma once

#include "absl/container/flat_hash_set.h"
#include "core/graph/meta_graph.h"

namespace metagraph {

// Nodes of variables that nothing one would fetch is computed from. Decided by
// the edges, not by names: signatures and tensors that nobody reads are what
// one would fetch.
struct UnneededVariables {
  // What reads them only computes what is written into variables again: an
  // optimizer's slots and counters (momentum, Adam's moments and powers),
  // moving averages, the number of steps.
  absl::flat_hash_set<int> training;
  // Nobody reads them.
  absl::flat_hash_set<int> unread;

  bool contains(int node) const {
    return training.contains(node) || unread.contains(node);
  }
};

// Empty if that would be all variables.
UnneededVariables FindUnneededVariables(const MetaGraph& meta);

}  // namespace metagraph
