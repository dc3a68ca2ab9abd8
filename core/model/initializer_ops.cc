#include "core/model/initializer_ops.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/graph/collections.h"
#include "core/graph/node_attr.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {
namespace {

bool FillsTable(absl::string_view op) {
  return absl::StartsWith(op, "InitializeTable");
}

// The constant that a value is passed on from; -1: it is none.
int ConstantBehind(const Graph& graph, int id) {
  for (int steps = 0; steps < 16; ++steps) {
    const Node& node = graph.node(id);
    if (node.op() == "Const") return id;
    const bool passes =
        node.op() == "Identity" || node.op() == "PlaceholderWithDefault";
    if (!passes || node.inputs.empty()) return -1;
    id = node.inputs[0].node;
  }
  return -1;
}

// The one string of a constant.
std::optional<std::string> TextOf(const Node& constant) {
  const auto* value = FindNodeAttr(*constant.def, "value");
  if (value == nullptr) return std::nullopt;
  const auto tensor = TensorFromProto(value->tensor());
  if (!tensor.ok() || tensor->dtype() != DT_STRING ||
      tensor->num_elements() != 1) {
    return std::nullopt;
  }
  return tensor->values<std::string>()[0];
}

}  // namespace

std::string OperationName(const std::string& name) {
  return name.substr(0, name.rfind(':'));
}

std::vector<std::string> OperationsIn(const MetaGraph& meta,
                                      const std::string& collection) {
  std::vector<std::string> out;
  const auto found = GetCollection(meta, collection);
  if (!found.ok()) return out;
  for (const CollectionEntry& entry : found->entries) {
    if (!entry.text.empty()) out.push_back(OperationName(entry.text));
  }
  return out;
}

std::string MainOp(const MetaGraph& meta) {
  for (const char* key : {"saved_model_main_op", "legacy_init_op"}) {
    const std::vector<std::string> operations = OperationsIn(meta, key);
    if (!operations.empty()) return operations[0];
  }
  const auto& signatures = meta.def.signature_def();
  const auto init = signatures.find("__saved_model_init_op");
  std::string out;
  if (init != signatures.end()) {
    for (const auto& [alias, info] : init->second.outputs()) {
      out = OperationName(info.name());
    }
  }
  return out;
}

std::vector<std::string> TableInitializers(const MetaGraph& meta) {
  std::vector<std::string> out = OperationsIn(meta, "table_initializer");
  std::set<int> covered;
  for (const std::string& operation : out) {
    covered.merge(NodesOf(*meta.graph, operation));
  }
  for (const Node& node : meta.graph->nodes()) {
    if (FillsTable(node.op()) && !covered.contains(node.id)) {
      out.push_back(node.name());
    }
  }
  return out;
}

std::set<int> NodesOf(const Graph& graph, const std::string& operation) {
  std::set<int> out;
  const Node* root = graph.FindNode(operation);
  if (root == nullptr) return out;
  std::vector<int> open = {root->id};
  while (!open.empty()) {
    const int id = open.back();
    open.pop_back();
    if (!out.insert(id).second) continue;
    const Node& node = graph.node(id);
    for (const Endpoint& input : node.inputs) open.push_back(input.node);
    open.insert(open.end(), node.control_inputs.begin(),
                node.control_inputs.end());
  }
  return out;
}

std::vector<InitializerFile> FilesOf(const MetaGraph& meta,
                                     const std::set<int>& nodes) {
  const Graph& graph = *meta.graph;
  std::set<int> constants;
  for (const int id : nodes) {
    const Node& node = graph.node(id);
    if (absl::StartsWith(node.op(), "InitializeTableFromTextFile") &&
        node.inputs.size() > 1) {
      constants.insert(ConstantBehind(graph, node.inputs[1].node));
    }
  }
  if (const auto paths = GetCollection(meta, "asset_filepaths"); paths.ok()) {
    for (const CollectionEntry& entry : paths->entries) {
      const int id = entry.refers.endpoint.node;
      if (nodes.contains(id)) constants.insert(ConstantBehind(graph, id));
    }
  }
  constants.erase(-1);
  std::vector<InitializerFile> out;
  for (const int id : constants) {
    const Node& constant = graph.node(id);
    if (auto path = TextOf(constant)) {
      out.push_back({absl::StrCat(constant.name(), ":0"), *std::move(path)});
    }
  }
  return out;
}

std::optional<std::string> FindBesideModel(FileSystem& files,
                                           const std::string& recorded) {
  std::vector<absl::string_view> parts;
  for (absl::string_view part :
       absl::StrSplit(recorded, absl::ByAnyChar("/\\"), absl::SkipEmpty())) {
    if (part != "." && part != "..") parts.push_back(part);
  }
  const auto is_file = [&](const std::string& path) {
    const auto info = files.Stat(path);
    return info.ok() && !info->is_directory;
  };
  for (size_t from = 0; from < parts.size(); ++from) {
    std::string path =
        absl::StrJoin(parts.begin() + static_cast<int>(from), parts.end(), "/");
    if (is_file(path)) return path;
  }
  if (parts.empty()) return std::nullopt;
  std::string asset = absl::StrCat("assets/", parts.back());
  if (is_file(asset)) return asset;
  return std::nullopt;
}

}  // namespace metagraph
