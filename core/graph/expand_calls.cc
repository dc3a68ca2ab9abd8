#include "core/graph/expand_calls.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/graph/tensor_name.h"

namespace metagraph {
namespace {

using tensorflow::FunctionDef;
using tensorflow::NodeDef;
using tensorflow::OpDef;

// Far more than savers have.
constexpr int kMaxCalls = 1000;
constexpr int kMaxNodes = 1'000'000;
constexpr size_t kMaxBytes = 64 << 20;

bool IsList(const OpDef::ArgDef& arg) {
  return !arg.number_attr().empty() || !arg.type_list_attr().empty();
}

// One call, in which names of the body become names of the graph.
class Expansion {
 public:
  Expansion(const FunctionDef& function, const NodeDef& call)
      : function_(function), call_(call) {}

  // Adds the body to `out` and makes the call depend on it.
  absl::Status Run(NodeDef& call, tensorflow::GraphDef& out) {
    RETURN_IF_ERROR(BindArguments());
    std::vector<std::string> controls;
    for (const std::string& input : call_.input()) {
      if (IsControlInput(input)) controls.push_back(input);
    }
    call.clear_input();
    for (const OpDef::ArgDef& result : function_.signature().output_arg()) {
      const auto value = function_.ret().find(result.name());
      if (IsList(result) || value == function_.ret().end()) {
        return Unimplemented("function \"", function_.signature().name(),
                             "\" yields a list");
      }
      ASSIGN_OR_RETURN(*call.add_input(), Renamed(value->second));
    }
    for (const NodeDef& node : function_.node_def()) {
      controls.push_back(absl::StrCat("^", Inner(node.name())));
      NodeDef& added = *out.add_node();
      added = node;
      added.set_name(Inner(node.name()));
      for (std::string& input : *added.mutable_input()) {
        ASSIGN_OR_RETURN(input, Renamed(input));
      }
    }
    for (std::string& control : controls) {
      call.add_input(std::move(control));
    }
    return absl::OkStatus();
  }

 private:
  std::string Inner(absl::string_view node) const {
    return absl::StrCat(call_.name(), "/", node);
  }

  absl::Status BindArguments() {
    int i = 0;
    for (const OpDef::ArgDef& arg : function_.signature().input_arg()) {
      if (IsList(arg)) {
        return Unimplemented("function \"", function_.signature().name(),
                             "\" takes a list");
      }
      if (i >= call_.input_size() || IsControlInput(call_.input(i))) {
        return InvalidArgument("\"", call_.name(), "\" lacks inputs of \"",
                               function_.signature().name(), "\"");
      }
      arguments_.emplace(arg.name(), call_.input(i++));
    }
    return absl::OkStatus();
  }

  // "^node", "argument" or "node:output:index". The last becomes "node:index":
  // what savers consist of has one output, or one list of them.
  absl::StatusOr<std::string> Renamed(absl::string_view input) const {
    if (IsControlInput(input)) {
      return absl::StrCat("^", Inner(input.substr(1)));
    }
    const std::vector<absl::string_view> parts = absl::StrSplit(input, ':');
    if (const auto argument = arguments_.find(parts[0]);
        argument != arguments_.end()) {
      return argument->second;
    }
    return absl::StrCat(Inner(parts[0]), ":",
                        parts.size() == 3 ? parts[2] : "0");
  }

  const FunctionDef& function_;
  const NodeDef call_;  // as it was
  absl::flat_hash_map<std::string, std::string> arguments_;
};

}  // namespace

const FunctionDef* CalledFunction(const Graph& graph, const NodeDef& node) {
  if (node.op() == "PartitionedCall" ||
      node.op() == "StatefulPartitionedCall") {
    const auto attr = node.attr().find("f");
    return attr == node.attr().end()
               ? nullptr
               : graph.FindFunction(attr->second.func().name());
  }
  return graph.FindFunction(node.op());
}

std::vector<int> AncestorsOf(const Graph& graph, int from) {
  std::vector<int> out = {from};
  absl::flat_hash_set<int> seen = {from};
  for (size_t i = 0; i < out.size(); ++i) {
    const Node& at = graph.node(out[i]);
    for (const Endpoint& input : at.inputs) {
      if (seen.insert(input.node).second) out.push_back(input.node);
    }
    for (const int input : at.control_inputs) {
      if (seen.insert(input).second) out.push_back(input);
    }
  }
  return out;
}

absl::StatusOr<std::shared_ptr<const Graph>> ExpandCalls(
    const Graph& graph, absl::Span<const int> from) {
  absl::flat_hash_set<int> needed;
  for (const int id : from) {
    for (const int ancestor : AncestorsOf(graph, id)) needed.insert(ancestor);
  }
  std::vector<int> sorted(needed.begin(), needed.end());
  std::sort(sorted.begin(), sorted.end());
  tensorflow::GraphDef out;
  for (const int id : sorted) *out.add_node() = *graph.node(id).def;
  int calls = 0;
  size_t bytes = 0;
  for (int i = 0; i < out.node_size(); ++i) {
    const FunctionDef* function = CalledFunction(graph, out.node(i));
    if (function == nullptr) continue;
    // The name of the call goes before those of the nodes and their inputs.
    bytes += function->ByteSizeLong() +
             out.node(i).name().size() * 4 * function->node_def_size();
    if (++calls > kMaxCalls ||
        out.node_size() + function->node_def_size() > kMaxNodes ||
        bytes > kMaxBytes) {
      return ResourceExhausted("more than ", kMaxCalls, " calls, ", kMaxNodes,
                               " nodes, or ", kMaxBytes >> 20, " MiB");
    }
    // The list of nodes may move, not the nodes.
    NodeDef& call = *out.mutable_node(i);
    RETURN_IF_ERROR(Expansion(*function, call).Run(call, out));
  }
  return Graph::Build(std::move(out));
}

}  // namespace metagraph
