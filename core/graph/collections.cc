#include "core/graph/collections.h"

#include <algorithm>

#include "core/base/error_details.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/graph/tensor_name.h"
#include "google/protobuf/stubs/logging.h"

namespace metagraph {
namespace {

using tensorflow::CollectionDef;
using tensorflow::SaverDef;
using tensorflow::VariableDef;

CollectionEntry NodeEntry(const Graph& graph, const std::string& name) {
  CollectionEntry out;
  out.text = name;
  out.refers = ResolveName(graph, name);
  out.dangling = out.refers.kind == NamedThing::Kind::kNothing;
  return out;
}

CollectionEntry BytesEntry(const Graph& graph, absl::string_view key,
                           const std::string& bytes) {
  CollectionEntry out;
  out.text = bytes;
  if (IsVariableCollection(key)) {
    VariableDef def;
    if (def.ParseFromString(bytes) && !def.variable_name().empty()) {
      out.refers = ResolveName(graph, def.variable_name());
      out.dangling = out.refers.kind == NamedThing::Kind::kNothing;
      out.variable = std::move(def);
      return out;
    }
  } else if (key == "savers") {
    SaverDef def;
    if (def.ParseFromString(bytes) && !def.restore_op_name().empty()) {
      out.dangling = ResolveName(graph, def.restore_op_name()).kind ==
                     NamedThing::Kind::kNothing;
      out.saver = std::move(def);
      return out;
    }
  }
  out.refers = ResolveName(graph, bytes);
  return out;
}

}  // namespace

NamedThing ResolveName(const Graph& graph, absl::string_view name) {
  NamedThing out;
  const auto parsed = ParseTensorName(name);
  if (!parsed.ok()) return out;
  const Node* node = graph.FindNode(parsed->node);
  if (node == nullptr) return out;
  const bool is_tensor = parsed->node.size() != name.size();
  out.kind =
      is_tensor ? NamedThing::Kind::kTensor : NamedThing::Kind::kOperation;
  out.endpoint = {node->id, parsed->index};
  return out;
}

std::vector<std::string> CollectionNames(const MetaGraph& meta) {
  std::vector<std::string> out;
  for (const auto& [name, collection] : meta.def.collection_def()) {
    out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

int64_t CollectionSize(const CollectionDef& collection) {
  switch (collection.kind_case()) {
    case CollectionDef::kNodeList:
      return collection.node_list().value_size();
    case CollectionDef::kBytesList:
      return collection.bytes_list().value_size();
    case CollectionDef::kInt64List:
      return collection.int64_list().value_size();
    case CollectionDef::kFloatList:
      return collection.float_list().value_size();
    case CollectionDef::kAnyList:
      return collection.any_list().value_size();
    case CollectionDef::KIND_NOT_SET:
      return 0;
  }
  return 0;
}

absl::StatusOr<Collection> GetCollection(const MetaGraph& meta,
                                         absl::string_view name) {
  const auto& all = meta.def.collection_def();
  const auto found = all.find(std::string(name));
  if (found == all.end()) {
    const std::vector<std::string> names = CollectionNames(meta);
    const std::vector<absl::string_view> views(names.begin(), names.end());
    const std::vector<std::string> nearest = NearestNames(name, views);
    return WithDetails(
        NotFound("there is no collection \"", name, "\"", DidYouMean(nearest)),
        {{"name", std::string(name)}, {"nearest", JoinNames(nearest)}});
  }
  // Bytes that are no message are no reason to write to stderr.
  google::protobuf::LogSilencer silencer;
  const CollectionDef& def = found->second;
  Collection out;
  out.name = std::string(name);
  out.kind = def.kind_case();
  out.entries.reserve(CollectionSize(def));
  for (const std::string& value : def.node_list().value()) {
    out.entries.push_back(NodeEntry(*meta.graph, value));
  }
  for (const std::string& value : def.bytes_list().value()) {
    out.entries.push_back(BytesEntry(*meta.graph, name, value));
  }
  for (int64_t value : def.int64_list().value()) {
    out.entries.emplace_back().int64_value = value;
  }
  for (float value : def.float_list().value()) {
    out.entries.emplace_back().float_value = value;
  }
  for (const auto& value : def.any_list().value()) {
    out.entries.emplace_back().any_value = value;
  }
  return out;
}

bool IsVariableCollection(absl::string_view name) {
  for (absl::string_view known :
       {"variables", "trainable_variables", "local_variables",
        "model_variables", "metric_variables", "moving_average_variables",
        "global_step"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace metagraph
