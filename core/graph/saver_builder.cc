#include "core/graph/saver_builder.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

using tensorflow::GraphDef;
using tensorflow::NodeDef;
using tensorflow::TensorProto;

// Makes nodes in one scope.
class Scope {
 public:
  Scope(std::string name, GraphDef* nodes)
      : name_(std::move(name)), nodes_(nodes) {}

  std::string Name(absl::string_view node) const {
    return absl::StrCat(name_, "/", node);
  }
  NodeDef* Add(absl::string_view name, const char* op,
               const std::vector<std::string>& inputs) {
    NodeDef* node = nodes_->add_node();
    node->set_name(Name(name));
    node->set_op(op);
    for (const std::string& input : inputs) node->add_input(input);
    return node;
  }
  // A string constant: a vector, or a scalar if `scalar`. Returns its name.
  std::string AddConst(absl::string_view name,
                       const std::vector<std::string>& values,
                       bool scalar = false) {
    NodeDef* node = Add(name, "Const", {});
    (*node->mutable_attr())["dtype"].set_type(DT_STRING);
    TensorProto* value = (*node->mutable_attr())["value"].mutable_tensor();
    value->set_dtype(DT_STRING);
    auto* shape = value->mutable_tensor_shape();
    if (!scalar) shape->add_dim()->set_size(values.size());
    for (const std::string& text : values) value->add_string_val(text);
    return node->name();
  }

 private:
  const std::string name_;
  GraphDef* const nodes_;
};

std::string FreeScope(const Graph& graph) {
  std::string scope = "save";
  for (int i = 1; graph.FindNode(scope + "/Const") != nullptr ||
                  graph.FindNode(scope + "/restore_all") != nullptr;
       ++i) {
    scope = absl::StrCat("save_", i);
  }
  return scope;
}

}  // namespace

tensorflow::SaverDef AddSaverNodes(const Graph& graph,
                                   absl::Span<const SavedVariable> variables,
                                   GraphDef* nodes) {
  Scope scope(FreeScope(graph), nodes);
  std::vector<std::string> keys;
  std::vector<std::string> slices;
  for (const SavedVariable& variable : variables) {
    keys.push_back(variable.checkpoint_key);
    slices.push_back(variable.shape_and_slice);
  }
  const std::string file = scope.AddConst("Const", {"model"}, /*scalar=*/true);

  std::vector<std::string> inputs = {
      file, scope.AddConst("SaveV2/tensor_names", keys),
      scope.AddConst("SaveV2/shape_and_slices", slices)};
  const auto is_resource = [&](const SavedVariable& variable) {
    return graph.node(variable.node).op() == "VarHandleOp";
  };
  for (size_t i = 0; i < variables.size(); ++i) {
    if (!is_resource(variables[i])) {
      inputs.push_back(variables[i].variable);
      continue;
    }
    NodeDef* read = scope.Add(absl::StrCat("ReadVariableOp_", i),
                              "ReadVariableOp", {variables[i].variable});
    (*read->mutable_attr())["dtype"].set_type(variables[i].dtype);
    inputs.push_back(read->name());
  }
  NodeDef* save = scope.Add("SaveV2", "SaveV2", inputs);
  NodeDef* saved = scope.Add("control_dependency", "Identity",
                             {file, absl::StrCat("^", save->name())});
  (*saved->mutable_attr())["T"].set_type(DT_STRING);

  NodeDef* restore =
      scope.Add("RestoreV2", "RestoreV2",
                {file, scope.AddConst("RestoreV2/tensor_names", keys),
                 scope.AddConst("RestoreV2/shape_and_slices", slices)});
  for (NodeDef* node : {save, restore}) {
    auto* dtypes = (*node->mutable_attr())["dtypes"].mutable_list();
    for (const SavedVariable& variable : variables) {
      dtypes->add_type(variable.dtype);
    }
  }
  std::vector<std::string> assigned;
  for (size_t i = 0; i < variables.size(); ++i) {
    const std::vector<std::string> from = {
        variables[i].variable, absl::StrCat(scope.Name("RestoreV2"), ":", i)};
    NodeDef* assign;
    if (is_resource(variables[i])) {
      assign = scope.Add(absl::StrCat("AssignVariableOp_", i),
                         "AssignVariableOp", from);
      (*assign->mutable_attr())["dtype"].set_type(variables[i].dtype);
    } else {
      assign = scope.Add(absl::StrCat("Assign_", i), "Assign", from);
      (*assign->mutable_attr())["T"].set_type(variables[i].dtype);
      (*assign->mutable_attr())["use_locking"].set_b(true);
      (*assign->mutable_attr())["validate_shape"].set_b(true);
    }
    assigned.push_back(absl::StrCat("^", assign->name()));
  }
  scope.Add("restore_all", "NoOp", assigned);

  tensorflow::SaverDef out;
  out.set_filename_tensor_name(file + ":0");
  out.set_save_tensor_name(scope.Name("control_dependency:0"));
  out.set_restore_op_name(scope.Name("restore_all"));
  out.set_version(tensorflow::SaverDef::V2);
  return out;
}

}  // namespace metagraph
