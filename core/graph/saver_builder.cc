#include "core/graph/saver_builder.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "core/tensor/tensor_proto.h"

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

// Where each variable's value is read from to be saved.
std::vector<std::string> ValuesOf(const Graph& graph,
                                  absl::Span<const SavedVariable> variables,
                                  Scope* scope) {
  std::vector<std::string> out;
  for (size_t i = 0; i < variables.size(); ++i) {
    if (graph.node(variables[i].node).op() != "VarHandleOp") {
      out.push_back(variables[i].variable);
      continue;
    }
    NodeDef* read = scope->Add(absl::StrCat("ReadVariableOp_", i),
                               "ReadVariableOp", {variables[i].variable});
    (*read->mutable_attr())["dtype"].set_type(variables[i].dtype);
    out.push_back(read->name());
  }
  return out;
}

// The names of the constants, which are added.
std::vector<std::string> AddConstants(
    absl::Span<const SaverPlan::Constant> constants, Scope* scope) {
  std::vector<std::string> out;
  for (size_t i = 0; i < constants.size(); ++i) {
    NodeDef* node = scope->Add(absl::StrCat("Const_", i + 1), "Const", {});
    (*node->mutable_attr())["dtype"].set_type(constants[i].value.dtype());
    TensorToProto(constants[i].value,
                  (*node->mutable_attr())["value"].mutable_tensor());
    out.push_back(node->name());
  }
  return out;
}

void SetTypes(absl::Span<const SavedVariable> variables, const char* attr,
              NodeDef* node) {
  auto* types = (*node->mutable_attr())[attr].mutable_list();
  for (const SavedVariable& variable : variables) {
    types->add_type(variable.dtype);
  }
}

// What restores variable i in format V1: an op for each.
std::string AddRestoreV1(const SavedVariable& variable, size_t i,
                         const std::string& file, Scope* scope) {
  const std::string name = absl::StrCat("RestoreSlice_", i);
  NodeDef* restore = scope->Add(
      name, "RestoreSlice",
      {file,
       scope->AddConst(name + "/tensor_name", {variable.checkpoint_key},
                       /*scalar=*/true),
       scope->AddConst(name + "/shape_and_slice", {variable.shape_and_slice},
                       /*scalar=*/true)});
  (*restore->mutable_attr())["dt"].set_type(variable.dtype);
  (*restore->mutable_attr())["preferred_shard"].set_i(-1);
  return restore->name();
}

// The value in the variable's shape, if the graph tells that.
std::string AddReshape(const Graph& graph, const SavedVariable& variable,
                       size_t i, const std::string& value, Scope* scope) {
  const auto& attrs = graph.node(variable.node).def->attr();
  const auto found = attrs.find("shape");
  if (found == attrs.end()) return value;
  const auto shape = PartialShape::Build(found->second.shape());
  if (!shape.ok()) return value;
  const auto full = shape->AsTensorShape();
  if (!full.ok()) return value;
  const std::string name = absl::StrCat("Reshape_", i);
  NodeDef* dims = scope->Add(name + "/shape", "Const", {});
  (*dims->mutable_attr())["dtype"].set_type(DT_INT64);
  TensorProto* proto = (*dims->mutable_attr())["value"].mutable_tensor();
  proto->set_dtype(DT_INT64);
  proto->mutable_tensor_shape()->add_dim()->set_size(full->rank());
  for (int d = 0; d < full->rank(); ++d) proto->add_int64_val(full->dim(d));
  const std::string dims_name = dims->name();
  NodeDef* reshape = scope->Add(name, "Reshape", {value, dims_name});
  (*reshape->mutable_attr())["T"].set_type(variable.dtype);
  (*reshape->mutable_attr())["Tshape"].set_type(DT_INT64);
  return reshape->name();
}

}  // namespace

tensorflow::SaverDef AddSaverNodes(
    const Graph& graph, absl::Span<const SavedVariable> variables, int format,
    absl::Span<const SaverPlan::Constant> constants, GraphDef* nodes) {
  Scope scope(FreeScope(graph), nodes);
  std::vector<std::string> keys;
  std::vector<std::string> slices;
  for (const SavedVariable& variable : variables) {
    keys.push_back(variable.checkpoint_key);
    slices.push_back(variable.shape_and_slice);
  }
  const std::string file = scope.AddConst("Const", {"model"}, /*scalar=*/true);
  const bool v1 = format == 1;
  if (v1) constants = {};

  const std::string save_name = v1 ? "SaveSlices" : "SaveV2";
  std::vector<std::string> saved_keys = keys;
  std::vector<std::string> saved_slices = slices;
  for (const SaverPlan::Constant& constant : constants) {
    saved_keys.push_back(constant.checkpoint_key);
    saved_slices.emplace_back();
  }
  std::vector<std::string> inputs = {
      file, scope.AddConst(save_name + "/tensor_names", saved_keys),
      scope.AddConst(save_name + "/shapes_and_slices", saved_slices)};
  for (std::string& value : ValuesOf(graph, variables, &scope)) {
    inputs.push_back(std::move(value));
  }
  for (std::string& value : AddConstants(constants, &scope)) {
    inputs.push_back(std::move(value));
  }
  NodeDef* save = scope.Add(save_name, save_name.c_str(), inputs);
  const char* types = v1 ? "T" : "dtypes";
  SetTypes(variables, types, save);
  for (const SaverPlan::Constant& constant : constants) {
    (*save->mutable_attr())[types].mutable_list()->add_type(
        constant.value.dtype());
  }
  const std::string after_save = absl::StrCat("^", save->name());
  NodeDef* saved =
      scope.Add("control_dependency", "Identity", {file, after_save});
  (*saved->mutable_attr())["T"].set_type(DT_STRING);

  if (!v1) {
    NodeDef* restore =
        scope.Add("RestoreV2", "RestoreV2",
                  {file, scope.AddConst("RestoreV2/tensor_names", keys),
                   scope.AddConst("RestoreV2/shape_and_slices", slices)});
    SetTypes(variables, "dtypes", restore);
  }
  std::vector<std::string> assigned;
  for (size_t i = 0; i < variables.size(); ++i) {
    const SavedVariable& variable = variables[i];
    std::string value = v1 ? AddRestoreV1(variable, i, file, &scope)
                           : absl::StrCat(scope.Name("RestoreV2"), ":", i);
    if (variable.reshape) {
      value = AddReshape(graph, variable, i, value, &scope);
    }
    NodeDef* assign;
    if (graph.node(variable.node).op() == "VarHandleOp") {
      assign = scope.Add(absl::StrCat("AssignVariableOp_", i),
                         "AssignVariableOp", {variable.variable, value});
      (*assign->mutable_attr())["dtype"].set_type(variable.dtype);
    } else {
      assign = scope.Add(absl::StrCat("Assign_", i), "Assign",
                         {variable.variable, value});
      (*assign->mutable_attr())["T"].set_type(variable.dtype);
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
  out.set_version(v1 ? tensorflow::SaverDef::V1 : tensorflow::SaverDef::V2);
  return out;
}

}  // namespace metagraph
