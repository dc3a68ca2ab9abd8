#include "core/model/graph_check.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "core/base/status.h"
#include "core/graph/node_check.h"

namespace metagraph {
namespace {

class Check {
 public:
  Check(const Graph& graph, int first, const OpRegistry& ops)
      : graph_(graph), first_(first), ops_(ops) {}

  absl::Status Inputs(int id) const {
    const Node& node = graph_.node(id);
    const OpInfo* op = ops_.Find(node.op());
    if (op == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(const NodeSignature signature,
                     ResolveSignature(*node.def, op->def));
    RETURN_IF_ERROR(
        CheckInputCount(*node.def, op->def, signature, node.inputs.size()));
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Endpoint& input = node.inputs[i];
      const auto source = SignatureOf(input.node);
      if (!source) continue;
      const std::string& name = graph_.node(input.node).name();
      if (input.index >= static_cast<int>(source->outputs.size())) {
        return InvalidArgument("Node '", node.name(),
                               "': Connecting to invalid output ", input.index,
                               " of source node ", name, " which has ",
                               source->outputs.size(), " outputs.");
      }
      const DataType found = source->outputs[input.index];
      if (BaseType(found) != BaseType(signature.inputs[i])) {
        return InvalidArgument("Input ", i, " of node ", node.name(),
                               " was passed ", DataTypeName(found), " from ",
                               name, ":", input.index,
                               " incompatible with expected ",
                               DataTypeName(signature.inputs[i]), ".");
      }
    }
    return absl::OkStatus();
  }

  // Depth first, without recursion: chains may be long.
  absl::Status Cycles() const {
    const int count = static_cast<int>(graph_.nodes().size()) - first_;
    enum Colour : char { kNew, kOpen, kDone };
    std::vector<Colour> colours(count, kNew);
    std::vector<std::pair<int, size_t>> path;  // node and its next input
    for (int start = 0; start < count; ++start) {
      if (colours[start] != kNew) continue;
      path.emplace_back(start, 0);
      colours[start] = kOpen;
      while (!path.empty()) {
        const int at = path.back().first;
        const int before = Before(first_ + at, path.back().second++);
        if (before == kNone) {
          colours[at] = kDone;
          path.pop_back();
          continue;
        }
        // Old nodes depend on old ones only.
        if (before < first_ || IsNextIteration(before)) continue;
        Colour& colour = colours[before - first_];
        if (colour == kOpen) {
          return InvalidArgument("the node \"", graph_.node(before).name(),
                                 "\" depends on itself: nodes in a cycle");
        }
        if (colour == kDone) continue;
        colour = kOpen;
        path.emplace_back(before - first_, 0);
      }
    }
    return absl::OkStatus();
  }

 private:
  static constexpr int kNone = -1;

  std::optional<NodeSignature> SignatureOf(int id) const {
    const Node& node = graph_.node(id);
    const OpInfo* op = ops_.Find(node.op());
    if (op == nullptr) return std::nullopt;
    auto signature = ResolveSignature(*node.def, op->def);
    if (!signature.ok()) return std::nullopt;
    return *std::move(signature);
  }
  int Before(int id, size_t i) const {
    const Node& node = graph_.node(id);
    if (i < node.inputs.size()) return node.inputs[i].node;
    i -= node.inputs.size();
    return i < node.control_inputs.size() ? node.control_inputs[i] : kNone;
  }
  bool IsNextIteration(int id) const {
    return absl::EndsWith(graph_.node(id).op(), "NextIteration");
  }

  const Graph& graph_;
  const int first_;
  const OpRegistry& ops_;
};

}  // namespace

absl::Status CheckAddedNodes(const Graph& graph, int first,
                             const OpRegistry& ops) {
  const Check check(graph, first, ops);
  for (int id = first; id < static_cast<int>(graph.nodes().size()); ++id) {
    RETURN_IF_ERROR(check.Inputs(id));
  }
  return check.Cycles();
}

}  // namespace metagraph
