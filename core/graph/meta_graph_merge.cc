#include "core/graph/meta_graph_merge.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/graph/collections.h"

namespace metagraph {
namespace {

using tensorflow::CollectionDef;
using tensorflow::GraphDef;
using tensorflow::MetaGraphDef;

constexpr absl::string_view kColocation = "loc:@";

class Prefixer {
 public:
  explicit Prefixer(absl::string_view prefix)
      : prefix_(absl::StrCat(prefix, "/")) {}

  // "a", "a:0" and "^a" become "p/a", "p/a:0" and "^p/a".
  void Rename(std::string* name) const {
    if (!name->empty()) name->insert((*name)[0] == '^' ? 1 : 0, prefix_);
  }

  void Rename(tensorflow::NodeDef* node) const {
    Rename(node->mutable_name());
    for (std::string& input : *node->mutable_input()) Rename(&input);
    const auto colocated = node->mutable_attr()->find("_class");
    if (colocated == node->mutable_attr()->end()) return;
    for (std::string& where : *colocated->second.mutable_list()->mutable_s()) {
      if (absl::StartsWith(where, kColocation)) {
        where.insert(kColocation.size(), prefix_);
      }
    }
  }

  void Rename(tensorflow::VariableDef* variable) const {
    Rename(variable->mutable_variable_name());
    Rename(variable->mutable_initializer_name());
    Rename(variable->mutable_snapshot_name());
    Rename(variable->mutable_initial_value_name());
    if (variable->has_save_slice_info_def()) {
      Rename(variable->mutable_save_slice_info_def()->mutable_full_name());
    }
  }

  void Rename(tensorflow::TensorInfo* info) const {
    if (info->encoding_case() == tensorflow::TensorInfo::kName) {
      Rename(info->mutable_name());
    } else if (info->has_coo_sparse()) {
      auto* sparse = info->mutable_coo_sparse();
      Rename(sparse->mutable_values_tensor_name());
      Rename(sparse->mutable_indices_tensor_name());
      Rename(sparse->mutable_dense_shape_tensor_name());
    }
  }

  void Rename(tensorflow::SaverDef* saver) const {
    Rename(saver->mutable_filename_tensor_name());
    Rename(saver->mutable_save_tensor_name());
    Rename(saver->mutable_restore_op_name());
  }

 private:
  const std::string prefix_;
};

}  // namespace

MetaGraphDef WithImportPrefix(MetaGraphDef more, absl::string_view prefix) {
  absl::ConsumeSuffix(&prefix, "/");
  const Prefixer prefixer(prefix);
  for (auto& node : *more.mutable_graph_def()->mutable_node()) {
    prefixer.Rename(&node);
  }
  if (more.has_saver_def()) prefixer.Rename(more.mutable_saver_def());
  for (auto& [key, signature] : *more.mutable_signature_def()) {
    for (auto& [alias, info] : *signature.mutable_inputs()) {
      prefixer.Rename(&info);
    }
    for (auto& [alias, info] : *signature.mutable_outputs()) {
      prefixer.Rename(&info);
    }
  }
  for (const char* contexts : {"cond_context", "while_context"}) {
    more.mutable_collection_def()->erase(contexts);
  }
  for (auto& [key, collection] : *more.mutable_collection_def()) {
    if (collection.has_node_list()) {
      for (auto& name : *collection.mutable_node_list()->mutable_value()) {
        prefixer.Rename(&name);
      }
    }
    if (!collection.has_bytes_list() || !IsVariableCollection(key)) continue;
    for (auto& bytes : *collection.mutable_bytes_list()->mutable_value()) {
      tensorflow::VariableDef variable;
      if (!variable.ParseFromString(bytes)) continue;
      prefixer.Rename(&variable);
      bytes = variable.SerializeAsString();
    }
  }
  return more;
}

absl::StatusOr<int> RemoveKnownNodes(const Graph& graph,
                                     const OpDefFinder& find_op,
                                     GraphDef* more) {
  auto& nodes = *more->mutable_node();
  for (const tensorflow::NodeDef& node : nodes) {
    const Node* known = graph.FindNode(node.name());
    if (known == nullptr) continue;
    const std::string difference = NodeDifference(*known->def, node, find_op);
    if (difference.empty()) continue;
    return InvalidArgument(
        "GraphDef argument to Extend includes node '", node.name(),
        "', which was created by a previous call to Create or Extend in "
        "this session. The two differ in: ",
        difference, ". An import prefix keeps two graphs apart");
  }
  const auto unknown = [&](const tensorflow::NodeDef& node) {
    return graph.FindNode(node.name()) == nullptr;
  };
  nodes.erase(std::stable_partition(nodes.begin(), nodes.end(), unknown),
              nodes.end());
  auto& functions = *more->mutable_library()->mutable_function();
  functions.erase(
      std::stable_partition(
          functions.begin(), functions.end(),
          [&](const tensorflow::FunctionDef& function) {
            const auto* known = graph.FindFunction(function.signature().name());
            return known == nullptr || !SameFunction(*known, function, find_op);
          }),
      functions.end());
  return nodes.size();
}

void MergeMetaGraph(const MetaGraphDef& more, MetaGraphDef* def) {
  if (more.has_saver_def()) *def->mutable_saver_def() = more.saver_def();
  for (const auto& [key, signature] : more.signature_def()) {
    (*def->mutable_signature_def())[key] = signature;
  }
  for (const auto& [key, collection] : more.collection_def()) {
    const auto [found, added] =
        def->mutable_collection_def()->insert({key, collection});
    if (added) continue;
    CollectionDef& there = found->second;
    if (there.kind_case() != collection.kind_case()) {
      // Of another kind: what the newest graph says holds.
      there = collection;
      continue;
    }
    // The whole collection is sent again by who extends a graph in Python.
    const auto add_new = [](const auto& from, auto* to) {
      std::set<std::string> known(to->begin(), to->end());
      for (const std::string& value : from) {
        if (known.insert(value).second) *to->Add() = value;
      }
    };
    switch (collection.kind_case()) {
      case CollectionDef::kNodeList:
        add_new(collection.node_list().value(),
                there.mutable_node_list()->mutable_value());
        break;
      case CollectionDef::kBytesList:
        add_new(collection.bytes_list().value(),
                there.mutable_bytes_list()->mutable_value());
        break;
      default:
        // Plain values have no names to tell them apart.
        there = collection;
    }
  }
}

}  // namespace metagraph
