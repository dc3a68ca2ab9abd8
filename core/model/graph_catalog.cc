#include "core/model/graph_catalog.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/graph/input_ops.h"
#include "core/graph/node_attr.h"
#include "core/graph/node_check.h"
#include "core/graph/tensor_name.h"
#include "core/graph/variables.h"
#include "core/op/graph_shapes.h"
#include "core/program/dead_branches.h"

namespace metagraph {
namespace {

// Inputs and outputs of all nodes of which dtypes are kept.
constexpr size_t kMaxArguments = size_t{1} << 22;
// Beyond so many of them shapes are not inferred: each costs some hundred
// bytes while that goes on.
constexpr size_t kMaxInferred = size_t{1} << 18;

}  // namespace

bool IsPlaceholderOp(absl::string_view op) {
  return op == "Placeholder" || op == "PlaceholderV2";
}

PartialShape DeclaredShape(const Graph& graph, const Endpoint& endpoint) {
  const Node& node = graph.node(endpoint.node);
  const auto build = [](const tensorflow::TensorShapeProto& proto) {
    auto shape = PartialShape::Build(proto);
    return shape.ok() ? *std::move(shape) : PartialShape();
  };
  if (const auto* shapes = FindNodeAttr(*node.def, "_output_shapes");
      shapes != nullptr && endpoint.index < shapes->list().shape_size()) {
    return build(shapes->list().shape(endpoint.index));
  }
  if (const auto* shapes = FindNodeAttr(*node.def, "output_shapes");
      IsInputOp(node.op()) && shapes != nullptr &&
      endpoint.index < shapes->list().shape_size()) {
    return build(shapes->list().shape(endpoint.index));
  }
  if (endpoint.index != 0) return PartialShape();
  if (IsVariableOp(node.op()) && node.op() != "VarHandleOp") {
    const auto* shape = FindNodeAttr(*node.def, "shape");
    return shape == nullptr ? PartialShape() : build(shape->shape());
  }
  if (IsPlaceholderOp(node.op()) || node.op() == "PlaceholderWithDefault") {
    const auto* shape = FindNodeAttr(*node.def, "shape");
    if (shape == nullptr) return PartialShape();
    // Before version 24 of the format a placeholder without a known shape was
    // written as a scalar.
    if (shape->shape().dim_size() == 0 && !shape->shape().unknown_rank() &&
        graph.versions().producer() < 24) {
      return PartialShape();
    }
    return build(shape->shape());
  }
  if (node.op() == "Const") {
    const auto* value = FindNodeAttr(*node.def, "value");
    if (value != nullptr) return build(value->tensor().tensor_shape());
  }
  return PartialShape();
}

GraphCatalog::GraphCatalog(const MetaGraph& meta, const OpRegistry& ops)
    : keep_(meta.graph),
      graph_(*meta.graph),
      ops_(ops),
      library_(meta.graph, ops),
      missing_(library_) {
  for (const tensorflow::OpDef& op :
       meta.def.meta_info_def().stripped_op_list().op()) {
    producer_ops_.emplace(op.name(), &op);
  }
  const size_t size = graph_.nodes().size();
  signatures_.resize(size);
  read_.resize(size);
  blocked_by_.assign(size, -1);
  std::vector<std::vector<int>> readers(size);
  size_t arguments = 0;
  for (const Node& node : graph_.nodes()) {
    if (const tensorflow::OpDef* op = FindOpDef(node.op()); op != nullptr) {
      auto signature = ReadSignature(*node.def, *op);
      // What the file claims must not cost memory.
      if (signature.ok()) {
        arguments += signature->inputs.size() + signature->outputs.size();
        if (arguments <= kMaxArguments) {
          signatures_[node.id] = *std::move(signature);
        }
      }
    }
    for (const Endpoint& input : node.inputs) {
      read_[input.node].push_back(input.index);
      readers[input.node].push_back(node.id);
    }
    for (int input : node.control_inputs) readers[input].push_back(node.id);
  }
  if (arguments <= kMaxInferred) FindShapes();
  for (std::vector<int>& outputs : read_) {
    std::sort(outputs.begin(), outputs.end());
    outputs.erase(std::unique(outputs.begin(), outputs.end()), outputs.end());
  }

  std::vector<int> all(size);
  std::iota(all.begin(), all.end(), 0);
  unsupported_ = missing_.Summarize(all);
  std::vector<int> queue;
  for (const Node& node : graph_.nodes()) {
    // What an input pipeline hands out can be fed.
    if (!missing_.Has(node) || IsInputOp(node.op())) continue;
    blocked_by_[node.id] = node.id;
    queue.push_back(node.id);
  }
  const DeadBranches branches(graph_, nullptr);
  for (size_t i = 0; i < queue.size(); ++i) {
    for (int reader : readers[queue[i]]) {
      if (blocked_by_[reader] >= 0) continue;
      if (IsInputOp(graph_.node(reader).op())) continue;
      // No run goes that way.
      if (branches.IsDead(queue[i]) && !branches.IsDead(reader)) continue;
      blocked_by_[reader] = blocked_by_[queue[i]];
      queue.push_back(reader);
    }
  }
}

void GraphCatalog::FindShapes() {
  const std::vector<ShapedNode> nodes =
      ShapedNodes(graph_, ops_, {}, [&](const Node& node) {
        return static_cast<int>(signatures_[node.id].outputs.size());
      });
  const InferredShapes found = InferShapes(nodes, {});
  shapes_.resize(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const ValueFacts& facts : found.outputs[i]) {
      shapes_[i].push_back(facts.shape);
    }
  }
}

PartialShape GraphCatalog::ShapeOf(const Endpoint& endpoint) const {
  PartialShape declared = DeclaredShape(graph_, endpoint);
  if (shapes_.empty() || endpoint.index < 0 ||
      endpoint.index >= static_cast<int>(shapes_[endpoint.node].size())) {
    return declared;
  }
  auto both = declared.MergeWith(shapes_[endpoint.node][endpoint.index]);
  return both.ok() ? *std::move(both) : declared;
}

const tensorflow::OpDef* GraphCatalog::FindOpDef(absl::string_view op) const {
  if (const OpInfo* known = ops_.Find(op); known != nullptr) {
    return &known->def;
  }
  if (const auto* function = graph_.FindFunction(op); function != nullptr) {
    return &function->signature();
  }
  const auto found = producer_ops_.find(op);
  return found == producer_ops_.end() ? nullptr : found->second;
}

std::vector<int> GraphCatalog::OutputsOf(int node) const {
  const Node& n = graph_.node(node);
  size_t first = signatures_[node].outputs.size();
  const bool known = FindOpDef(n.op()) != nullptr;
  if (first == 0 && !known && IsInputOp(n.op())) {
    first = InputTypes(*n.def).size();
  }
  if (first == 0 && !(known && read_[node].empty())) {
    const tensorflow::AttrValue* shapes =
        FindNodeAttr(*n.def, "_output_shapes");
    if (shapes != nullptr) first = shapes->list().shape_size();
  }
  std::vector<int> out(first);
  std::iota(out.begin(), out.end(), 0);
  if (known && !signatures_[node].outputs.empty()) return out;
  // An op that nobody describes has at least the outputs that are read.
  for (const int index : read_[node]) {
    if (index >= static_cast<int>(first)) out.push_back(index);
  }
  return out;
}

TensorDetails GraphCatalog::Describe(const Endpoint& endpoint) const {
  const Node& node = graph_.node(endpoint.node);
  TensorDetails out;
  out.endpoint = endpoint;
  out.name = absl::StrCat(node.name(), ":", endpoint.index);
  const NodeSignature& signature = signatures_[node.id];
  if (endpoint.index < static_cast<int>(signature.outputs.size())) {
    out.dtype = BaseType(signature.outputs[endpoint.index]);
  } else if (const auto types = InputTypes(*node.def);
             IsInputOp(node.op()) &&
             endpoint.index < static_cast<int>(types.size())) {
    out.dtype = BaseType(types[endpoint.index]);
  } else {
    // An op that nobody describes: its type attribute, if it has the usual
    // name, is the best guess.
    for (const char* name : {"dtype", "T"}) {
      const auto* type = FindNodeAttr(*node.def, name);
      if (type == nullptr || type->type() == DT_INVALID) continue;
      out.dtype = BaseType(type->type());
      break;
    }
  }
  out.shape = ShapeOf(endpoint);
  out.placeholder = IsPlaceholderOp(node.op()) ||
                    (IsInputOp(node.op()) && !WhyUnsupported(node).empty());
  out.variable = IsVariableOp(node.op());
  out.constant = node.op() == "Const";
  const std::vector<int>& read = read_[node.id];
  out.leaf = !std::binary_search(read.begin(), read.end(), endpoint.index);
  if (const int blocker = blocked_by_[node.id]; blocker >= 0) {
    out.why_not = WhyUnsupported(graph_.node(blocker));
  }
  return out;
}

std::string GraphCatalog::WhyUnsupported(const Node& node) const {
  const std::optional<MissingOp> first = missing_.FirstOf(node);
  if (!first) return "";
  return absl::StrCat(first->what == first->op
                          ? absl::StrCat("no kernel for op ", first->op)
                          : first->what,
                      " (", first->Place(), ")");
}

absl::StatusOr<Endpoint> GraphCatalog::Find(absl::string_view name) const {
  ASSIGN_OR_RETURN(const TensorName parsed, ParseTensorName(name));
  const Node* node = graph_.FindNode(parsed.node);
  if (node == nullptr) {
    const std::vector<std::string> nearest =
        graph_.NearestNodeNames(parsed.node);
    return WithDetails(
        NotFound("no tensor \"", name, "\" in the graph", DidYouMean(nearest)),
        {{"name", std::string(name)}, {"nearest", JoinNames(nearest)}});
  }
  const std::vector<int> outputs = OutputsOf(node->id);
  if (!std::binary_search(outputs.begin(), outputs.end(), parsed.index)) {
    return WithDetails(
        NotFound("no tensor \"", name, "\": node \"", node->name(), "\" (",
                 node->op(), ") has ", outputs.size(), " output",
                 outputs.size() == 1 ? "" : "s"),
        {{"name", std::string(name)}});
  }
  return Endpoint{node->id, parsed.index};
}

}  // namespace metagraph
