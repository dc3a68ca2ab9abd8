#include "core/graph/training_only.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "core/graph/collections.h"
#include "core/graph/variables.h"

namespace metagraph {
namespace {

// Changes a variable.
bool IsWriter(absl::string_view op) {
  absl::ConsumePrefix(&op, "Resource");
  absl::ConsumePrefix(&op, "Sparse");
  for (absl::string_view start :
       {"Apply", "Assign", "Scatter", "StridedSliceAssign", "CountUpTo"}) {
    if (absl::StartsWith(op, start)) return op != "ScatterNd";
  }
  return false;
}

// Looks at values for people or files; what it is given is still one's to
// fetch.
bool IsObserver(absl::string_view op) {
  return absl::EndsWith(op, "Summary") || absl::EndsWith(op, "SummaryV2") ||
         absl::StartsWith(op, "Save") || op == "Assert" || op == "PrintV2";
}

bool AsksForAValue(absl::string_view op) {
  return op == "IsVariableInitialized" || op == "VarIsInitializedOp";
}

// Passes a variable's value on as it is.
bool IsRead(absl::string_view op) {
  return op == "Identity" || op == "RefIdentity" || op == "ReadVariableOp" ||
         op == "Enter" || op == "RefEnter";
}

// More than to pass a value on, to set it, to save it or to ask for it.
bool IsUse(const Node& node) {
  return !IsRead(node.op()) && node.op() != "Assign" &&
         node.op() != "AssignVariableOp" && !IsObserver(node.op()) &&
         !AsksForAValue(node.op());
}

// The variable whose value a node passes on; -1: none.
int VariableBehind(const Graph& graph, int id) {
  for (int steps = 0; steps < 16; ++steps) {
    const Node& node = graph.node(id);
    if (IsVariableOp(node.op())) return id;
    if (!IsRead(node.op()) || node.inputs.empty()) return -1;
    id = node.inputs[0].node;
  }
  return -1;
}

class Walk {
 public:
  explicit Walk(const Graph& graph) : graph_(graph) {
    const size_t count = graph.nodes().size();
    has_reader_.resize(count);
    reached_.resize(count);
    for (const Node& node : graph.nodes()) {
      if (IsObserver(node.op())) continue;
      for (const Endpoint& input : node.inputs) has_reader_[input.node] = true;
    }
  }

  // Everything that the node's value is computed from.
  void Reach(int from) {
    std::vector<int> open = {from};
    while (!open.empty()) {
      const int id = open.back();
      open.pop_back();
      if (reached_[id]) continue;
      reached_[id] = true;
      const Node& node = graph_.node(id);
      if (AsksForAValue(node.op())) continue;
      for (const Endpoint& input : node.inputs) open.push_back(input.node);
    }
  }

  // Whether it is what one would fetch: nobody reads it, and it is computed
  // from something.
  bool IsResult(const Node& node) const {
    return !node.inputs.empty() && !has_reader_[node.id] &&
           !IsWriter(node.op()) && !IsObserver(node.op()) &&
           !AsksForAValue(node.op()) && !IsStoredValue(node);
  }
  bool reached(int id) const { return reached_[id]; }

 private:
  // A variable as it is, perhaps after it was written.
  bool IsStoredValue(const Node& node) const {
    const Node* at = &node;
    for (int steps = 0; steps < 16; ++steps) {
      if (IsVariableOp(at->op()) || IsWriter(at->op())) return true;
      if (!IsRead(at->op()) || at->inputs.empty()) return false;
      at = &graph_.node(at->inputs[0].node);
    }
    return false;
  }

  const Graph& graph_;
  std::vector<bool> has_reader_;
  std::vector<bool> reached_;
};

}  // namespace

UnneededVariables FindUnneededVariables(const MetaGraph& meta) {
  const Graph& graph = *meta.graph;
  Walk walk(graph);
  for (const Node& node : graph.nodes()) {
    if (walk.IsResult(node)) walk.Reach(node.id);
  }
  for (const auto& [name, signature] : meta.def.signature_def()) {
    for (const auto& [alias, output] : signature.outputs()) {
      const NamedThing thing = ResolveName(graph, output.name());
      if (thing.kind == NamedThing::Kind::kTensor) {
        walk.Reach(thing.endpoint.node);
      }
    }
  }
  UnneededVariables out;
  bool any_reached = false;
  for (const Node& node : graph.nodes()) {
    if (!IsVariableOp(node.op())) continue;
    if (walk.reached(node.id)) {
      any_reached = true;
    } else {
      out.unread.insert(node.id);
    }
  }
  if (!any_reached) return {};
  for (const Node& node : graph.nodes()) {
    if (!IsUse(node)) continue;
    for (const Endpoint& input : node.inputs) {
      const int variable = VariableBehind(graph, input.node);
      if (out.unread.erase(variable) > 0) out.training.insert(variable);
    }
  }
  return out;
}

}  // namespace metagraph
