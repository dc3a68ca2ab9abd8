#include "core/graph/graph.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/graph/canonical_bytes.h"
#include "core/graph/tensor_name.h"

namespace metagraph {
namespace {

using tensorflow::FunctionDef;
using tensorflow::FunctionDefLibrary;
using tensorflow::GradientDef;
using tensorflow::GraphDef;
using tensorflow::NodeDef;
using tensorflow::VersionDef;

// The GraphDef version that we claim to understand. TensorFlow counts it up by
// time; graphs that shut out old consumers name versions far below this.
constexpr int kConsumerVersion = 4000;

absl::Status CheckVersions(const VersionDef& versions) {
  if (versions.producer() < 0) {
    return InvalidArgument("GraphDef producer version ", versions.producer(),
                           " below min producer 0 supported");
  }
  if (versions.min_consumer() > kConsumerVersion) {
    return InvalidArgument("GraphDef min consumer version ",
                           versions.min_consumer(), " above current version ",
                           kConsumerVersion);
  }
  for (int bad : versions.bad_consumers()) {
    if (bad == kConsumerVersion) {
      return InvalidArgument("GraphDef disallows consumer version ", bad);
    }
  }
  return absl::OkStatus();
}

// TensorFlow's characters for names; '_' may also come first, as in graphs
// that its optimizers wrote.
bool IsValidNodeName(absl::string_view name) {
  if (name.empty()) return false;
  const auto is_word = [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.';
  };
  if (!is_word(name[0])) return false;
  for (char c : name) {
    if (!is_word(c) && c != '/' && c != '-' && c != '>') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Graph>> Graph::Build(GraphDef def) {
  std::shared_ptr<Graph> out(new Graph());
  RETURN_IF_ERROR(out->Add(std::make_shared<const GraphDef>(std::move(def))));
  return out;
}

absl::StatusOr<std::shared_ptr<const Graph>> Graph::Extend(
    const GraphDef& more) const {
  for (const NodeDef& node : more.node()) {
    if (by_name_.contains(node.name())) {
      return InvalidArgument(
          "GraphDef argument to Extend includes node '", node.name(),
          "', which was created by a previous call to Create or Extend in "
          "this session.");
    }
  }
  std::shared_ptr<Graph> out(new Graph());
  out->parts_ = parts_;
  out->nodes_ = nodes_;
  out->by_name_ = by_name_;
  out->functions_ = functions_;
  out->function_by_name_ = function_by_name_;
  out->gradients_ = gradients_;
  out->version_ = version_ + 1;
  RETURN_IF_ERROR(out->Add(std::make_shared<const GraphDef>(more)));
  return out;
}

absl::Status Graph::Add(std::shared_ptr<const GraphDef> part) {
  RETURN_IF_ERROR(CheckVersions(part->versions()));
  RETURN_IF_ERROR(AddFunctions(part->library()));
  RETURN_IF_ERROR(AddNodes(*part));
  parts_.push_back(std::move(part));
  return absl::OkStatus();
}

absl::Status Graph::AddNodes(const GraphDef& part) {
  const size_t first = nodes_.size();
  nodes_.reserve(first + part.node_size());
  by_name_.reserve(first + part.node_size());
  for (const NodeDef& def : part.node()) {
    if (!IsValidNodeName(def.name())) {
      return InvalidArgument("Node '", def.name(),
                             "': Node name contains invalid characters");
    }
    Node& node = nodes_.emplace_back();
    node.id = static_cast<int>(nodes_.size()) - 1;
    node.def = &def;
    if (!by_name_.emplace(def.name(), node.id).second) {
      return InvalidArgument("Node '", def.name(), "' is not unique");
    }
  }
  // Afterwards: a loop's Merge names a NextIteration that stands later.
  for (size_t i = first; i < nodes_.size(); ++i) {
    RETURN_IF_ERROR(AddInputs(nodes_[i]));
  }
  return absl::OkStatus();
}

absl::Status Graph::AddInputs(Node& node) const {
  const auto find = [&](absl::string_view name) -> absl::StatusOr<int> {
    const auto found = by_name_.find(name);
    if (found != by_name_.end()) return found->second;
    return InvalidArgument("Node '", node.name(), "': Unknown input node '",
                           name, "'");
  };
  node.inputs.reserve(node.def->input_size());
  for (absl::string_view input : node.def->input()) {
    if (IsControlInput(input)) {
      ASSIGN_OR_RETURN(int id, find(input.substr(1)));
      node.control_inputs.push_back(id);
      continue;
    }
    if (!node.control_inputs.empty()) {
      return InvalidArgument(
          "Node '", node.name(),
          "': Control dependencies must come after regular dependencies");
    }
    const absl::StatusOr<TensorName> name = ParseTensorName(input);
    if (!name.ok()) {
      return InvalidArgument("Node '", node.name(),
                             "': Illegal op input name '", input, "'");
    }
    ASSIGN_OR_RETURN(int id, find(name->node));
    node.inputs.push_back({id, name->index});
  }
  return absl::OkStatus();
}

absl::Status Graph::AddFunctions(const FunctionDefLibrary& library) {
  for (const FunctionDef& function : library.function()) {
    const std::string& name = function.signature().name();
    const auto [at, is_new] = function_by_name_.emplace(name, &function);
    if (is_new) {
      functions_.push_back(&function);
    } else if (CanonicalBytes(*at->second) != CanonicalBytes(function)) {
      return InvalidArgument("Cannot add function '", name,
                             "' because a different function with the same "
                             "name already exists.");
    }
  }
  for (const GradientDef& gradient : library.gradient()) {
    const auto [at, is_new] =
        gradients_.emplace(gradient.function_name(), &gradient);
    if (!is_new && at->second->gradient_func() != gradient.gradient_func()) {
      return InvalidArgument("Cannot assign gradient function '",
                             gradient.gradient_func(), "' to '",
                             gradient.function_name(),
                             "' because it already has gradient function '",
                             at->second->gradient_func(), "'");
    }
  }
  return absl::OkStatus();
}

const Node* Graph::FindNode(absl::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &nodes_[found->second];
}

const FunctionDef* Graph::FindFunction(absl::string_view name) const {
  const auto found = function_by_name_.find(name);
  return found == function_by_name_.end() ? nullptr : found->second;
}

absl::string_view Graph::FindGradient(absl::string_view function) const {
  const auto found = gradients_.find(function);
  if (found == gradients_.end()) return "";
  return found->second->gradient_func();
}

const VersionDef& Graph::versions() const { return parts_.back()->versions(); }

const GraphDef& Graph::def() const {
  if (parts_.size() == 1) return *parts_[0];
  MutexLock lock(mu_);
  if (merged_ == nullptr) {
    merged_ = std::make_unique<GraphDef>();
    merged_->mutable_node()->Reserve(static_cast<int>(nodes_.size()));
    for (const Node& node : nodes_) *merged_->add_node() = *node.def;
    for (const FunctionDef* function : functions_) {
      *merged_->mutable_library()->add_function() = *function;
    }
    for (const auto& [name, gradient] : gradients_) {
      *merged_->mutable_library()->add_gradient() = *gradient;
    }
    *merged_->mutable_versions() = versions();
  }
  return *merged_;
}

std::vector<std::string> Graph::NearestNodeNames(absl::string_view name) const {
  std::vector<absl::string_view> names;
  names.reserve(nodes_.size());
  for (const Node& node : nodes_) names.push_back(node.name());
  return NearestNames(name, names);
}

}  // namespace metagraph
