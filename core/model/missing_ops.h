#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/graph/graph.h"
#include "core/program/library.h"

namespace metagraph {

struct UnsupportedOp {
  std::string op;
  int64_t nodes = 0;
  std::vector<std::string> examples;
};

// The ops without kernel that the nodes of a graph need: their own, or those of
// the functions that they call. Immutable. Made in one walk over the graph and
// over each function that it calls, however many nodes call it.
class MissingOps {
 public:
  explicit MissingOps(const Library& library);

  bool Has(const Node& node) const { return by_node_.contains(node.id); }
  // One that the node needs: of those in functions the one that the fewest
  // calls lead to; nullopt: it needs none.
  std::optional<MissingOp> FirstOf(const Node& node) const;
  // All that the nodes, by their numbers, need, each counted once; sorted by
  // op.
  std::vector<UnsupportedOp> Summarize(absl::Span<const int> nodes) const;

 private:
  struct FunctionNeeds {
    std::vector<MissingOp> own;
    absl::Status broken;  // why it is no program: then `callees` is empty
    std::vector<int> callees;
    // The nearest function that has an op without kernel or is broken, itself
    // or through calls; -1: there is none.
    int nearest = -1;
  };
  struct Call {
    std::string function;  // its name
    int index = -1;        // in functions_
  };
  struct NodeNeeds {
    std::optional<MissingOp> own;
    std::vector<Call> calls;
  };

  // What the node itself lacks; the functions that it calls are `called`.
  static std::optional<MissingOp> FindOwn(
      const Library& library, const Node& node,
      std::vector<tensorflow::NameAttrList>* called);
  // Fills FunctionNeeds::nearest, against the direction of calls.
  void FindNearest();

  const std::shared_ptr<const Graph> graph_;
  std::vector<FunctionNeeds> functions_;
  absl::flat_hash_map<int, NodeNeeds> by_node_;  // of those that need some
};

}  // namespace metagraph
