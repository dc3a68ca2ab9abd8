#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/mutex.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// One end of a data edge: output `index` of node `node`.
struct Endpoint {
  int node = -1;
  int index = 0;

  bool operator==(const Endpoint& other) const {
    return node == other.node && index == other.index;
  }
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.node, e.index);
  }
};

struct Node {
  int id = -1;                               // its place in Graph::nodes()
  const tensorflow::NodeDef* def = nullptr;  // owned by the graph
  std::vector<Endpoint> inputs;              // data inputs, in order
  std::vector<int> control_inputs;           // node ids

  const std::string& name() const { return def->name(); }
  const std::string& op() const { return def->op(); }
};

// An immutable dataflow graph. Knows names and edges, not what ops mean:
// unknown ops are welcome, a plan that needs one fails. Nodes stand in the
// order of the GraphDef.
class Graph {
 public:
  // INVALID_ARGUMENT: duplicate, empty or malformed node name, unknown input
  // node, data input after a control input, a consumer version that we are not.
  static absl::StatusOr<std::shared_ptr<const Graph>> Build(
      tensorflow::GraphDef def);

  // This graph with the nodes and functions of `more` added; this one stays
  // as it is. INVALID_ARGUMENT as Build, and for a node that exists already
  // or a function that exists with another body.
  absl::StatusOr<std::shared_ptr<const Graph>> Extend(
      const tensorflow::GraphDef& more) const;

  absl::Span<const Node> nodes() const { return nodes_; }
  const Node& node(int id) const { return nodes_[id]; }
  // nullptr if there is none.
  const Node* FindNode(absl::string_view name) const;
  const tensorflow::FunctionDef* FindFunction(absl::string_view name) const;

  // As read, without defaults filled in. An extended graph assembles it at
  // the first call; prefer nodes() and FindFunction().
  const tensorflow::GraphDef& def() const EXCLUDES(mu_);
  // The producer's version, of the last extension if any.
  const tensorflow::VersionDef& versions() const;
  // All functions, in the order of their definition.
  absl::Span<const tensorflow::FunctionDef* const> functions() const {
    return functions_;
  }
  // The name of the function that computes `function`'s gradient, "" if none.
  absl::string_view FindGradient(absl::string_view function) const;
  // 0 for a graph that was built, +1 per Extend.
  int64_t version() const { return version_; }

  // Names of existing nodes close to `name`, for error messages.
  std::vector<std::string> NearestNodeNames(absl::string_view name) const;

 private:
  Graph() = default;
  // Adds the nodes and functions of a part and keeps it.
  absl::Status Add(std::shared_ptr<const tensorflow::GraphDef> part);
  absl::Status AddNodes(const tensorflow::GraphDef& part);
  absl::Status AddFunctions(const tensorflow::FunctionDefLibrary& library);
  absl::Status AddInputs(Node& node) const;

  // Constant after Build. Nodes, names and functions point into the parts: the
  // GraphDef built from and one for each extension, shared among versions.
  std::vector<std::shared_ptr<const tensorflow::GraphDef>> parts_;
  std::vector<Node> nodes_;
  absl::flat_hash_map<absl::string_view, int> by_name_;
  std::vector<const tensorflow::FunctionDef*> functions_;
  absl::flat_hash_map<absl::string_view, const tensorflow::FunctionDef*>
      function_by_name_;
  absl::flat_hash_map<absl::string_view, const tensorflow::GradientDef*>
      gradients_;
  int64_t version_ = 0;

  mutable Mutex mu_;
  mutable std::unique_ptr<tensorflow::GraphDef> merged_ GUARDED_BY(mu_);
};

}  // namespace metagraph
