#include "core/graph/saver_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/graph/collections.h"
#include "core/graph/expand_calls.h"
#include "core/graph/node_attr.h"
#include "core/graph/variables.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::SaverDef;

bool IsRestoreOp(absl::string_view op) {
  return op == "RestoreV2" || op == "Restore" || op == "RestoreSlice";
}

bool IsAssignOp(absl::string_view op) {
  return op == "Assign" || op == "AssignVariableOp";
}

// What the save ops write; RestoreV2 reads both formats, so it only counts
// where there are none.
int FormatOf(const Graph& graph, const SaverDef& saver, int restore) {
  const NamedThing save = ResolveName(graph, saver.save_tensor_name());
  if (save.kind != NamedThing::Kind::kNothing) {
    for (const int id : AncestorsOf(graph, save.endpoint.node)) {
      const std::string& op = graph.node(id).op();
      if (op == "SaveV2") return 2;
      if (op == "Save" || op == "SaveSlices") return 1;
    }
  }
  for (const int id : AncestorsOf(graph, restore)) {
    const std::string& op = graph.node(id).op();
    if (op == "Restore" || op == "RestoreSlice") return 1;
  }
  return 2;
}

// Walks one saver's nodes.
class Walk {
 public:
  Walk(const Graph& graph, const SaverDef& saver)
      : graph_(graph),
        filename_(ResolveName(graph, saver.filename_tensor_name())) {}

  void From(int restore_op);
  void FindConstants(int save_op);
  SaverPlan Take() &&;

 private:
  // Where an assigned value comes from.
  struct Source {
    Endpoint restored;
    bool reshape = false;
    std::vector<int> through;  // nodes that pass it on
  };
  // What a restore op reads, by output.
  struct Restored {
    std::vector<std::string> keys;
    std::vector<std::string> slices;
    std::vector<DataType> dtypes;
  };

  const Node& node(int id) const { return graph_.node(id); }
  absl::Status MapAssign(const Node& assign);
  absl::StatusOr<Source> TraceValue(Endpoint value) const;
  absl::StatusOr<int> TraceVariable(Endpoint ref) const;
  absl::StatusOr<Restored> ReadRestoreOp(const Node& restore) const;
  absl::Status DescribeRestored(Endpoint from, SavedVariable* out);
  absl::StatusOr<std::vector<std::string>> ConstStrings(Endpoint value) const;
  bool ReadsTheCheckpoint(const Node& restore) const;
  void Reject(const Node& at, absl::string_view reason) {
    plan_.unmapped.push_back({at.name(), std::string(reason)});
  }

  const Graph& graph_;
  const NamedThing filename_;
  SaverPlan plan_;
  // In the order of the restore op's outputs, so that plans read well.
  std::vector<std::pair<Endpoint, SavedVariable>> found_;
  // Nodes between a restore op and an assignment.
  absl::flat_hash_set<int> understood_;
  absl::flat_hash_map<int, absl::StatusOr<Restored>> restored_;
};

// Follows an edge back through nodes that pass their input on unchanged.
absl::StatusOr<Walk::Source> Walk::TraceValue(Endpoint value) const {
  Source out;
  absl::flat_hash_set<int> seen;
  while (seen.insert(value.node).second) {
    const Node& at = node(value.node);
    if (IsRestoreOp(at.op())) {
      out.restored = value;
      return out;
    }
    if (at.inputs.empty()) {
      return InvalidArgument("the value comes from \"", at.name(), "\" (",
                             at.op(), "), not from a checkpoint");
    }
    if (at.op() == "Reshape") {
      out.reshape = true;
    } else if (at.op() != "Identity") {
      return Unimplemented("the value goes through \"", at.name(), "\" (",
                           at.op(), ")");
    }
    out.through.push_back(value.node);
    value = at.inputs[0];
  }
  return InvalidArgument("the value comes from a cycle");
}

absl::StatusOr<int> Walk::TraceVariable(Endpoint ref) const {
  absl::flat_hash_set<int> seen;
  while (seen.insert(ref.node).second) {
    const Node& at = node(ref.node);
    if (IsVariableOp(at.op())) return at.id;
    const bool passes = at.op() == "Identity" || at.op() == "RefIdentity";
    if (!passes || at.inputs.empty()) {
      return Unimplemented("it assigns to \"", at.name(), "\" (", at.op(),
                           "), which is no variable");
    }
    ref = at.inputs[0];
  }
  return InvalidArgument("it assigns to a cycle");
}

absl::StatusOr<std::vector<std::string>> Walk::ConstStrings(
    Endpoint value) const {
  const Node& at = node(value.node);
  const AttrValue* attr = FindNodeAttr(*at.def, "value");
  if (at.op() != "Const" || attr == nullptr) {
    return Unimplemented("\"", at.name(), "\" (", at.op(),
                         ") is no constant list of names");
  }
  ASSIGN_OR_RETURN(const Tensor names, TensorFromProto(attr->tensor()));
  if (names.dtype() != DT_STRING) {
    return InvalidArgument("\"", at.name(), "\" holds ", names.Describe(),
                           ", expected strings");
  }
  const auto values = names.values<std::string>();
  return std::vector<std::string>(values.begin(), values.end());
}

absl::StatusOr<Walk::Restored> Walk::ReadRestoreOp(const Node& restore) const {
  const bool is_v2 = restore.op() == "RestoreV2";
  const bool has_slices = restore.op() != "Restore";
  if (restore.inputs.size() != (has_slices ? 3 : 2)) {
    return InvalidArgument("\"", restore.name(), "\" has ",
                           restore.inputs.size(), " inputs");
  }
  if (!ReadsTheCheckpoint(restore)) {
    return Unimplemented("\"", restore.name(),
                         "\" reads another file than the saver's");
  }
  Restored out;
  ASSIGN_OR_RETURN(out.keys, ConstStrings(restore.inputs[1]));
  out.slices.resize(out.keys.size());
  if (has_slices) {
    ASSIGN_OR_RETURN(out.slices, ConstStrings(restore.inputs[2]));
  }
  const AttrValue* type = FindNodeAttr(*restore.def, is_v2 ? "dtypes" : "dt");
  if (type != nullptr && is_v2) {
    for (int dtype : type->list().type()) {
      out.dtypes.push_back(static_cast<DataType>(dtype));
    }
  } else if (type != nullptr) {
    out.dtypes.push_back(type->type());
  }
  if (out.slices.size() != out.keys.size() ||
      out.dtypes.size() != out.keys.size()) {
    return InvalidArgument("\"", restore.name(), "\" has ", out.keys.size(),
                           " names, ", out.slices.size(), " slices and ",
                           out.dtypes.size(), " dtypes");
  }
  return out;
}

// Fills what the restore op says about one of its outputs.
absl::Status Walk::DescribeRestored(Endpoint from, SavedVariable* out) {
  const Node& restore = node(from.node);
  const auto [at, is_new] = restored_.try_emplace(from.node, Restored());
  if (is_new) at->second = ReadRestoreOp(restore);
  RETURN_IF_ERROR(at->second.status());
  const Restored& restored = *at->second;
  const size_t output = from.index;
  if (output >= restored.keys.size()) {
    return InvalidArgument("\"", restore.name(), "\" has no output ", output);
  }
  out->checkpoint_key = restored.keys[output];
  out->shape_and_slice = restored.slices[output];
  out->dtype = restored.dtypes[output];
  return absl::OkStatus();
}

bool Walk::ReadsTheCheckpoint(const Node& restore) const {
  if (filename_.kind == NamedThing::Kind::kNothing) return true;  // not told
  const std::vector<int> from = AncestorsOf(graph_, restore.inputs[0].node);
  return std::count(from.begin(), from.end(), filename_.endpoint.node) > 0;
}

absl::Status Walk::MapAssign(const Node& assign) {
  if (assign.inputs.size() != 2) {
    return InvalidArgument("it has ", assign.inputs.size(),
                           " inputs, expected 2");
  }
  SavedVariable out;
  ASSIGN_OR_RETURN(const Source source, TraceValue(assign.inputs[1]));
  understood_.insert(source.through.begin(), source.through.end());
  ASSIGN_OR_RETURN(out.node, TraceVariable(assign.inputs[0]));
  RETURN_IF_ERROR(DescribeRestored(source.restored, &out));
  out.variable = node(out.node).name();
  out.reshape = source.reshape;
  found_.emplace_back(source.restored, std::move(out));
  return absl::OkStatus();
}

void Walk::From(int restore_op) {
  const std::vector<int> reached = AncestorsOf(graph_, restore_op);
  for (int id : reached) {
    const Node& at = node(id);
    if (!IsAssignOp(at.op())) continue;
    if (const absl::Status mapped = MapAssign(at); !mapped.ok()) {
      Reject(at, mapped.message());
    }
  }
  // What is read from the checkpoint and goes elsewhere, e.g. into a table.
  for (int id : reached) {
    const Node& at = node(id);
    if (IsAssignOp(at.op()) || understood_.contains(id)) continue;
    for (const Endpoint& input : at.inputs) {
      if (!IsRestoreOp(node(input.node).op())) continue;
      Reject(at, absl::StrCat("it takes a restored value and is no assignment "
                              "(",
                              at.op(), ")"));
      break;
    }
  }
  if (found_.empty() && plan_.unmapped.empty()) {
    const Node& at = node(restore_op);
    if (at.op() != "NoOp" || !at.control_inputs.empty()) {
      Reject(at, absl::StrCat("no assignment leads to it (", at.op(), ")"));
    }
  }
}

// What does not come from a variable but from a constant.
void Walk::FindConstants(int save_op) {
  absl::flat_hash_set<std::string> taken;
  for (const auto& [at, variable] : found_) {
    taken.insert(variable.checkpoint_key);
  }
  for (const int id : AncestorsOf(graph_, save_op)) {
    const Node& save = node(id);
    if (save.op() != "SaveV2" || save.inputs.size() < 3) continue;
    const auto keys = ConstStrings(save.inputs[1]);
    if (!keys.ok() || keys->size() != save.inputs.size() - 3) continue;
    for (size_t i = 0; i < keys->size(); ++i) {
      const Node& source = node(save.inputs[i + 3].node);
      const AttrValue* attr = FindNodeAttr(*source.def, "value");
      if (source.op() != "Const" || attr == nullptr) continue;
      if (!taken.insert((*keys)[i]).second) continue;
      auto value = TensorFromProto(attr->tensor());
      if (!value.ok()) continue;
      plan_.constants.push_back({(*keys)[i], *std::move(value)});
    }
  }
}

SaverPlan Walk::Take() && {
  std::stable_sort(found_.begin(), found_.end(),
                   [](const auto& a, const auto& b) {
                     return std::pair(a.first.node, a.first.index) <
                            std::pair(b.first.node, b.first.index);
                   });
  for (auto& [at, variable] : found_) {
    plan_.variables.push_back(std::move(variable));
  }
  return std::move(plan_);
}

// The saver's nodes, with those of functions that they call; nullptr if they
// call none, or none that can be read.
std::shared_ptr<const Graph> ExpandSaver(const Graph& graph,
                                         const SaverDef& saver) {
  std::vector<int> from;
  for (const std::string& name :
       {saver.restore_op_name(), saver.save_tensor_name(),
        saver.filename_tensor_name()}) {
    const NamedThing found = ResolveName(graph, name);
    if (found.kind != NamedThing::Kind::kNothing) {
      from.push_back(found.endpoint.node);
    }
  }
  bool calls = false;
  for (const int id : from) {
    for (const int ancestor : AncestorsOf(graph, id)) {
      calls |= CalledFunction(graph, *graph.node(ancestor).def) != nullptr;
    }
  }
  if (!calls) return nullptr;
  auto expanded = ExpandCalls(graph, from);
  return expanded.ok() ? *std::move(expanded) : nullptr;
}

// The plan of an expanded saver in terms of the graph itself.
void NumberAsIn(const Graph& graph, SaverPlan* plan) {
  std::vector<SavedVariable> kept;
  for (SavedVariable& variable : plan->variables) {
    const Node* node = graph.FindNode(variable.variable);
    if (node == nullptr) {
      plan->unmapped.push_back(
          {variable.variable, "the variable is made in a function"});
      continue;
    }
    variable.node = node->id;
    kept.push_back(std::move(variable));
  }
  plan->variables = std::move(kept);
}

}  // namespace

absl::StatusOr<SaverPlan> BuildSaverPlan(const Graph& given,
                                         const SaverDef& saver) {
  const NamedThing given_restore = ResolveName(given, saver.restore_op_name());
  if (given_restore.kind == NamedThing::Kind::kNothing) {
    return NotFound(
        "the saver's restore op \"", saver.restore_op_name(),
        "\" is not in the graph",
        DidYouMean(given.NearestNodeNames(saver.restore_op_name())));
  }
  const std::shared_ptr<const Graph> expanded = ExpandSaver(given, saver);
  const Graph& graph = expanded == nullptr ? given : *expanded;
  const NamedThing restore = ResolveName(graph, saver.restore_op_name());
  Walk walk(graph, saver);
  walk.From(restore.endpoint.node);
  const NamedThing save = ResolveName(graph, saver.save_tensor_name());
  if (save.kind != NamedThing::Kind::kNothing) {
    walk.FindConstants(save.endpoint.node);
  }
  SaverPlan out = std::move(walk).Take();
  if (expanded != nullptr) NumberAsIn(given, &out);
  out.saver = saver;
  out.format = FormatOf(graph, saver, restore.endpoint.node);
  return out;
}

absl::Status CheckKeys(const SaverPlan& plan) {
  absl::flat_hash_map<absl::string_view, std::vector<const SavedVariable*>>
      by_key;
  for (const SavedVariable& variable : plan.variables) {
    std::vector<const SavedVariable*>& others = by_key[variable.checkpoint_key];
    for (const SavedVariable* other : others) {
      const bool slices =
          !variable.shape_and_slice.empty() && !other->shape_and_slice.empty();
      if (slices && variable.shape_and_slice != other->shape_and_slice) {
        continue;
      }
      return FailedPrecondition(
          "variables \"", other->variable, "\" and \"", variable.variable,
          "\" would both be saved as \"", variable.checkpoint_key, "\"");
    }
    others.push_back(&variable);
  }
  return absl::OkStatus();
}

SaverPlan SaverPlanFromVariables(const MetaGraph& meta) {
  SaverPlan out;
  for (const GraphVariable& variable : ListVariables(meta)) {
    SavedVariable& saved = out.variables.emplace_back();
    saved.checkpoint_key = variable.DefaultKey();
    if (variable.slice) saved.shape_and_slice = SliceSpec(*variable.slice);
    saved.dtype = variable.dtype;
    saved.variable = variable.name;
    saved.node = variable.node;
  }
  return out;
}

namespace {

// A GraphDef has no SaverDef, but perhaps the saver's nodes, under the names
// that TensorFlow gives them. They know what names do not tell: slices, and
// keys that differ. The plan is one without a saver: nobody said that this is
// it.
std::optional<SaverPlan> PlanOfSaverNodes(const Graph& graph) {
  SaverDef saver;
  saver.set_filename_tensor_name("save/Const:0");
  saver.set_save_tensor_name("save/control_dependency:0");
  saver.set_restore_op_name("save/restore_all");
  if (graph.FindNode(saver.restore_op_name()) == nullptr) return std::nullopt;
  auto plan = BuildSaverPlan(graph, saver);
  if (!plan.ok() || !plan->complete() || plan->variables.empty()) {
    return std::nullopt;
  }
  plan->saver.Clear();
  return *std::move(plan);
}

}  // namespace

absl::StatusOr<SaverPlan> BuildSaverPlan(const MetaGraph& meta) {
  if (meta.def.saver_def().restore_op_name().empty()) {
    if (meta.kind == GraphFileKind::kGraphDef) {
      if (auto plan = PlanOfSaverNodes(*meta.graph)) return *std::move(plan);
    }
    return SaverPlanFromVariables(meta);
  }
  return BuildSaverPlan(*meta.graph, meta.def.saver_def());
}

}  // namespace metagraph
