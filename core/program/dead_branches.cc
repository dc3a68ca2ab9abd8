#include "core/program/dead_branches.h"

#include "absl/strings/match.h"
#include "core/graph/node_attr.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {
namespace {

constexpr int kMaxDepth = 64;

bool IsSwitch(const Node& node) {
  return node.op() == "Switch" || node.op() == "RefSwitch";
}

bool IsMerge(const Node& node) {
  return node.op() == "Merge" || node.op() == "RefMerge";
}

// Out of its frame, or its iteration.
bool CrossesFrames(const Node& node) {
  return absl::EndsWith(node.op(), "Enter") ||
         absl::EndsWith(node.op(), "Exit") ||
         absl::EndsWith(node.op(), "NextIteration");
}

std::optional<bool> ConstantBool(const Node& node) {
  const auto* value = FindNodeAttr(*node.def, "value");
  if (value == nullptr) return std::nullopt;
  const auto tensor = TensorFromProto(value->tensor());
  if (!tensor.ok() || tensor->dtype() != DT_BOOL ||
      tensor->num_elements() != 1) {
    return std::nullopt;
  }
  return *tensor->data<bool>();
}

}  // namespace

DeadBranches::DeadBranches(const Graph& graph, const PrunedGraph* pruned)
    : graph_(graph), pruned_(pruned), dead_(graph.nodes().size(), false) {
  const auto needed = [&](int node) {
    return pruned_ == nullptr || pruned_->needed[node];
  };
  for (const Node& node : graph_.nodes()) {
    if (!needed(node.id) || !IsSwitch(node) || node.inputs.size() != 2) {
      continue;
    }
    if (const auto taken = Constant(node.inputs[1], 0)) {
      never_.emplace(node.id, *taken ? 0 : 1);
    }
  }
  if (never_.empty()) return;
  why_.resize(graph_.nodes().size());
  struct Edge {
    int reader;
    int output;  // -1: a control edge
  };
  std::vector<std::vector<Edge>> readers(graph_.nodes().size());
  for (const Node& node : graph_.nodes()) {
    if (!needed(node.id)) continue;
    for (const Endpoint& input : node.inputs) {
      if (!IsFed(input)) readers[input.node].push_back({node.id, input.index});
    }
    for (int control : node.control_inputs) {
      readers[control].push_back({node.id, -1});
    }
  }
  for (const auto& [node, output] : never_) {
    for (const Edge& edge : readers[node]) {
      if (edge.output == output) Visit(edge.reader, {node, output});
    }
  }
  while (!queue_.empty()) {
    const int node = queue_.back();
    queue_.pop_back();
    for (const Edge& edge : readers[node]) {
      // A Merge runs whatever its control inputs do.
      if (edge.output < 0 && IsMerge(graph_.node(edge.reader))) continue;
      Visit(edge.reader, {node, edge.output});
    }
  }
}

void DeadBranches::Visit(int reader, const Endpoint& why) {
  if (dead_[reader]) return;
  const Node& node = graph_.node(reader);
  if (IsMerge(node)) {
    for (const Endpoint& input : node.inputs) {
      // A loop that is never entered never comes round.
      if (!IsDead(input) &&
          !absl::EndsWith(graph_.node(input.node).op(), "NextIteration")) {
        return;
      }
    }
  }
  any_ = true;
  dead_[reader] = true;
  why_[reader] = why;
  queue_.push_back(reader);
}

bool DeadBranches::IsFed(const Endpoint& endpoint) const {
  return pruned_ != nullptr && pruned_->FeedOf(endpoint) >= 0;
}

bool DeadBranches::IsDead(const Endpoint& endpoint) const {
  if (IsFed(endpoint)) return false;
  if (dead_[endpoint.node]) return true;
  const auto never = never_.find(endpoint.node);
  return never != never_.end() && never->second == endpoint.index;
}

std::optional<Endpoint> DeadBranches::Origin(Endpoint endpoint) const {
  while (dead_[endpoint.node]) {
    if (CrossesFrames(graph_.node(endpoint.node))) return std::nullopt;
    endpoint = why_[endpoint.node];
  }
  return endpoint;
}

std::optional<bool> DeadBranches::Constant(const Endpoint& endpoint,
                                           int depth) const {
  if (IsFed(endpoint) || depth > kMaxDepth) return std::nullopt;
  const Node& node = graph_.node(endpoint.node);
  const std::string& op = node.op();
  if (op == "Const") return ConstantBool(node);
  if (node.inputs.empty()) return std::nullopt;
  const auto first = [&] { return Constant(node.inputs[0], depth + 1); };
  if (op == "Identity" || op == "StopGradient" || op == "Enter" ||
      op == "PlaceholderWithDefault" || op == "Switch") {
    return first();
  }
  if (op == "LogicalNot") {
    const auto value = first();
    if (!value) return std::nullopt;
    return !*value;
  }
  if ((op != "LogicalAnd" && op != "LogicalOr") || node.inputs.size() != 2) {
    return std::nullopt;
  }
  const bool decides = op == "LogicalOr";
  const auto left = first();
  const auto right = Constant(node.inputs[1], depth + 1);
  if ((left && *left == decides) || (right && *right == decides)) {
    return decides;
  }
  if (left && right) return !decides;
  return std::nullopt;
}

}  // namespace metagraph
