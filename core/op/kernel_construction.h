#pragma once

#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/graph/op_signature.h"
#include "core/op/attributes.h"
#include "core/op/callable.h"
#include "core/state/resource_manager.h"
#include "core/state/variable_store.h"
#include "core/tensor/tensor.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

class FileSystem;

// What a session lends to its kernels. Outlives them.
struct SessionState {
  VariableStore variables;
  ResourceManager resources;
  // Files that ops may touch, already confined to what they may reach.
  FileSystem* files = nullptr;

  SessionState() = default;
  explicit SessionState(VariableStore::Reclaimer reclaim)
      : variables(std::move(reclaim)) {}
};

// What a kernel may look at while it is made.
class KernelConstruction {
 public:
  // All references must outlive the call.
  KernelConstruction(const tensorflow::NodeDef& node,
                     const tensorflow::OpDef& op,
                     const NodeSignature& signature, SessionState& state)
      : node_(node), op_(op), signature_(signature), state_(state) {}

  // The node's name; of a node in a function: behind the path of calls.
  const std::string& node_name() const {
    return node_name_ == nullptr ? node_.name() : *node_name_;
  }
  void set_node_name(const std::string& name) { node_name_ = &name; }
  const std::string& op() const { return node_.op(); }
  int num_inputs() const { return static_cast<int>(signature_.inputs.size()); }
  int num_outputs() const {
    return static_cast<int>(signature_.outputs.size());
  }
  // Base types: float for a float_ref.
  DataType input_type(int i) const { return BaseType(signature_.inputs[i]); }
  DataType output_type(int i) const { return BaseType(signature_.outputs[i]); }
  SessionState& state() const { return state_; }

  // As ReadAttr.
  template <typename T>
  absl::StatusOr<T> Attr(absl::string_view name) const {
    return ReadAttr<T>(node_, op_, name);
  }
  // Attributes into members: Bind("axis", &axis_, "keep_dims", &keep_dims_).
  template <typename... NamesAndMembers>
  absl::Status Bind(NamesAndMembers... pairs) const {
    return BindAttrs(*this, pairs...);
  }
  // The function that the attribute names, or those of a list. As
  // FunctionResolver::Find; INVALID_ARGUMENT: no such attribute.
  absl::StatusOr<const Callable*> Function(absl::string_view name) const;
  absl::StatusOr<std::vector<const Callable*>> Functions(
      absl::string_view name) const;
  void set_functions(FunctionResolver* functions) { functions_ = functions; }

  bool HasAttr(absl::string_view name) const {
    return FindAttr(node_, op_, name) != nullptr;
  }

 private:
  const tensorflow::NodeDef& node_;
  const tensorflow::OpDef& op_;
  const NodeSignature& signature_;
  SessionState& state_;
  const std::string* node_name_ = nullptr;
  FunctionResolver* functions_ = nullptr;
};

}  // namespace metagraph
