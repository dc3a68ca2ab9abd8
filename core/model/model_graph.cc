#include "core/model/model_graph.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/error_details.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/checkpoint/file_names.h"
#include "core/graph/variables.h"

namespace metagraph {
namespace {

bool IsCounter(const ModelVariable& variable) {
  return variable.slot >= 0 &&
         (variable.dtype == DT_INT64 || variable.dtype == DT_INT32);
}

// What keeps the graph's variables, and what is wrong with its own saver.
SaverPlan PlanOf(const MetaGraph& meta, std::string* problem) {
  auto plan = BuildSaverPlan(meta);
  if (plan.ok()) return *std::move(plan);
  *problem = std::string(plan.status().message());
  return SaverPlanFromVariables(meta);
}

}  // namespace

bool TakesCheckpoints(bool has_variables, const SaverPlan& plan) {
  return has_variables || !plan.complete();
}

bool TakesCheckpoints(const MetaGraph& meta) {
  std::string problem;
  return TakesCheckpoints(!ListVariables(meta).empty(), PlanOf(meta, &problem));
}

ModelGraph::ModelGraph(MetaGraph meta, Session& session)
    : meta_(std::move(meta)), ops_(session.ops()) {
  // A variable that cannot be made is no reason not to serve the rest.
  if (const absl::Status declared = session.DeclareVariables();
      !declared.ok()) {
    note_ = std::string(declared.message());
  }
  std::string problem;
  saver_plan_ = PlanOf(meta_, &problem);
  absl::StrAppend(&note_, note_.empty() || problem.empty() ? "" : "; ",
                  problem);
  ListModelVariables(session);
}

void ModelGraph::ListModelVariables(Session& session) {
  absl::flat_hash_map<int, std::string> keys;
  for (const SavedVariable& saved : saver_plan_.variables) {
    keys.emplace(saved.node, saved.checkpoint_key);
  }
  for (GraphVariable& declared : ListVariables(meta_)) {
    ModelVariable variable;
    static_cast<GraphVariable&>(variable) = std::move(declared);
    const auto found = session.variables().Find(
        variable.container,
        variable.shared_name.empty() ? variable.name : variable.shared_name);
    if (found.ok()) variable.slot = found->slot;
    if (const auto key = keys.find(variable.node); key != keys.end()) {
      variable.checkpoint_key = key->second;
    }
    const bool in_collection =
        std::binary_search(variable.collections.begin(),
                           variable.collections.end(), "global_step");
    if (IsCounter(variable) &&
        (in_collection ||
         (global_step_slot_ < 0 && variable.name == "global_step"))) {
      global_step_slot_ = variable.slot;
    }
    variables_.push_back(std::move(variable));
  }
  for (size_t i = 0; i < variables_.size(); ++i) {
    by_name_.emplace(variables_[i].name, static_cast<int>(i));
  }
}

const ModelVariable* ModelGraph::FindVariable(absl::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &variables_[found->second];
}

absl::StatusOr<const ModelVariable*> ModelGraph::RequireVariable(
    absl::string_view name) const {
  absl::ConsumeSuffix(&name, ":0");
  if (const ModelVariable* found = FindVariable(name)) return found;
  std::vector<absl::string_view> known;
  for (const auto& variable : variables_) known.push_back(variable.name);
  const std::vector<std::string> nearest = NearestNames(name, known);
  return WithDetails(
      NotFound("no variable \"", name, "\"", DidYouMean(nearest)),
      {{"name", std::string(name)}, {"nearest", JoinNames(nearest)}});
}

absl::StatusOr<std::vector<std::pair<int, Tensor>>> ModelGraph::ValuesBySlot(
    std::vector<std::pair<std::string, Tensor>> values) const {
  std::vector<std::pair<int, Tensor>> out;
  absl::flat_hash_set<int> seen;
  for (std::pair<std::string, Tensor>& named : values) {
    const std::string& name = named.first;
    Tensor& value = named.second;
    ASSIGN_OR_RETURN(const ModelVariable* variable, RequireVariable(name));
    if (variable->slot < 0) {
      return Unimplemented("variable \"", name,
                           "\": its op has no kernel here");
    }
    if (!seen.insert(variable->slot).second) {
      return InvalidArgument("variable \"", variable->name,
                             "\" is given twice");
    }
    if (value.dtype() != variable->dtype ||
        !variable->shape.IsCompatibleWith(value.shape())) {
      const std::string expected = absl::StrCat(
          DataTypeName(variable->dtype), " ", variable->shape.ToString());
      const std::string found = absl::StrCat(DataTypeName(value.dtype()), " ",
                                             value.shape().ToString());
      return WithDetails(
          InvalidArgument("variable \"", variable->name, "\" is ", expected,
                          ", the value is ", found),
          {{"name", variable->name}, {"expected", expected}, {"found", found}});
    }
    out.emplace_back(variable->slot, std::move(value));
  }
  return out;
}

std::optional<int64_t> ModelGraph::GlobalStep(
    const Generation& generation) const {
  if (global_step_slot_ >= 0) {
    const Tensor& value = generation.value(global_step_slot_);
    if (value.initialized() && value.num_elements() == 1) {
      return value.dtype() == DT_INT64 ? value.scalar<int64_t>()
                                       : value.scalar<int32_t>();
    }
  }
  const int64_t step = GlobalStepOf(generation.checkpoint);
  if (step >= 0) return step;
  return std::nullopt;
}

std::string ModelGraph::DescribeNoValues(const Generation& generation) const {
  absl::flat_hash_set<int> saved;
  for (const SavedVariable& variable : saver_plan_.variables) {
    saved.insert(variable.node);
  }
  int count = 0;
  for (const ModelVariable& variable : variables_) {
    if (!saved.empty() && !saved.contains(variable.node)) continue;
    ++count;
    if (variable.slot >= 0 && generation.has_value(variable.slot)) return "";
  }
  if (count == 0) return "";
  return absl::StrCat("no weights: ",
                      count == 1 ? "the variable has no value"
                                 : absl::StrCat("none of the ", count,
                                                " variables has a value"),
                      "; restore a checkpoint, or initialise or assign them");
}

const GraphCatalog& ModelGraph::catalog() const {
  MutexLock lock(mu_);
  if (catalog_ == nullptr) {
    catalog_ = std::make_unique<const GraphCatalog>(meta_, ops_);
  }
  return *catalog_;
}

const UnneededVariables& ModelGraph::unneeded() const {
  MutexLock lock(mu_);
  if (unneeded_ == nullptr) {
    unneeded_ =
        std::make_unique<const UnneededVariables>(FindUnneededVariables(meta_));
  }
  return *unneeded_;
}

}  // namespace metagraph
