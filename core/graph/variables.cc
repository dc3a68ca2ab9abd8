#include "core/graph/variables.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/graph/collections.h"
#include "core/graph/node_attr.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::NodeDef;
using tensorflow::VariableDef;

const AttrValue& Attr(const NodeDef& node, const char* name) {
  const AttrValue* attr = FindNodeAttr(node, name);
  return attr == nullptr ? AttrValue::default_instance() : *attr;
}

// The part of a name before the colon.
std::string NodeName(const std::string& tensor) {
  return tensor.substr(0, tensor.rfind(':'));
}

// What the node itself says.
GraphVariable FromNode(const Node& node) {
  GraphVariable out;
  out.name = node.name();
  out.node = node.id;
  out.dtype = Attr(*node.def, "dtype").type();
  // A bad shape only matters when somebody needs it: unknown until then.
  if (const auto shape = PartialShape::Build(Attr(*node.def, "shape").shape());
      shape.ok() && Attr(*node.def, "shape").has_shape()) {
    out.shape = *shape;
  }
  out.is_resource = node.op() == "VarHandleOp";
  out.container = Attr(*node.def, "container").s();
  out.shared_name = Attr(*node.def, "shared_name").s();
  return out;
}

// What TensorFlow's Python names the helpers of a variable.
void GuessNames(const Graph& graph, GraphVariable& out) {
  const auto existing = [&](const std::string& node, absl::string_view suffix) {
    return graph.FindNode(node) ? absl::StrCat(node, suffix) : "";
  };
  out.initializer = existing(out.name + "/Assign", "");
  out.snapshot = out.is_resource
                     ? existing(out.name + "/Read/ReadVariableOp", ":0")
                     : existing(out.name + "/read", ":0");
}

void Apply(const VariableDef& def, const Graph& graph, GraphVariable& out) {
  const auto take = [&](const std::string& name, std::string& into) {
    if (graph.FindNode(NodeName(name))) into = name;
  };
  take(def.initializer_name(), out.initializer);
  take(def.snapshot_name(), out.snapshot);
  take(def.initial_value_name(), out.initial_value);
  if (def.has_save_slice_info_def()) out.slice = def.save_slice_info_def();
}

}  // namespace

bool IsVariableOp(absl::string_view op) {
  return op == "VariableV2" || op == "VarHandleOp" || op == "Variable";
}

std::vector<GraphVariable> ListVariables(const MetaGraph& meta) {
  const Graph& graph = *meta.graph;
  std::vector<GraphVariable> out;
  absl::flat_hash_map<int, size_t> by_node;
  for (const Node& node : graph.nodes()) {
    if (!IsVariableOp(node.op())) continue;
    by_node.emplace(node.id, out.size());
    GuessNames(graph, out.emplace_back(FromNode(node)));
  }
  for (const std::string& name : CollectionNames(meta)) {
    const auto collection = GetCollection(meta, name);
    if (!collection.ok()) continue;
    for (const CollectionEntry& entry : collection->entries) {
      if (entry.refers.kind == NamedThing::Kind::kNothing) continue;
      const auto found = by_node.find(entry.refers.endpoint.node);
      if (found == by_node.end()) continue;
      GraphVariable& variable = out[found->second];
      if (variable.collections.empty() || variable.collections.back() != name) {
        variable.collections.push_back(name);
      }
      variable.trainable |= name == "trainable_variables";
      if (entry.variable) Apply(*entry.variable, graph, variable);
    }
  }
  return out;
}

std::string SliceSpec(const tensorflow::SaveSliceInfoDef& slice) {
  std::string out;
  for (int64_t dim : slice.full_shape()) absl::StrAppend(&out, dim, " ");
  const int rank = std::min(slice.var_offset_size(), slice.var_shape_size());
  for (int i = 0; i < rank; ++i) {
    absl::StrAppend(&out, i == 0 ? "" : ":", slice.var_offset(i), ",",
                    slice.var_shape(i));
  }
  return out;
}

}  // namespace metagraph
