#include "core/model/saver_completion.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/graph/saver_builder.h"
#include "core/graph/saver_plan.h"

namespace metagraph {
namespace {

// Where the new saver gives a variable a key that the old saver gives another
// one, the variable gets its own name as its key, or else a name made from it.
void MakeKeysUnique(const SaverPlan& kept, const SaverPlan& own_names,
                    SaverPlan* brought) {
  absl::flat_hash_set<std::string> taken;
  for (const SavedVariable& variable : kept.variables) {
    taken.insert(variable.checkpoint_key);
  }
  // The parts of one variable share its key, also a new one.
  absl::flat_hash_map<std::string, std::string> renamed;
  for (SavedVariable& variable : brought->variables) {
    if (!taken.contains(variable.checkpoint_key)) continue;
    for (const SavedVariable& own : own_names.variables) {
      if (own.node != variable.node) continue;
      variable.checkpoint_key = own.checkpoint_key;
      variable.shape_and_slice = own.shape_and_slice;
    }
    std::string& key = renamed[variable.checkpoint_key];
    if (key.empty()) {
      key = variable.checkpoint_key;
      while (taken.contains(key)) absl::StrAppend(&key, "_1");
    }
    variable.checkpoint_key = key;
  }
}

// What both savers write besides. The object graph of the folder's SavedModel,
// which lists the variables that were there, holds on: their keys stay, and
// TensorFlow passes over keys that it does not list.
std::vector<SaverPlan::Constant> ConstantsOf(const SaverPlan& kept,
                                             const SaverPlan& rest,
                                             const SaverPlan& brought) {
  absl::flat_hash_set<std::string> taken;
  for (const SaverPlan* plan : {&rest, &brought}) {
    for (const SavedVariable& variable : plan->variables) {
      taken.insert(variable.checkpoint_key);
    }
  }
  std::vector<SaverPlan::Constant> out;
  for (const SaverPlan* plan : {&kept, &brought}) {
    for (const SaverPlan::Constant& constant : plan->constants) {
      if (taken.insert(constant.checkpoint_key).second) out.push_back(constant);
    }
  }
  return out;
}

}  // namespace

void CompleteSaver(const ModelGraph& old, const MetaGraph& extended,
                   tensorflow::MetaGraphDef* more) {
  const SaverPlan& kept = old.saver_plan();
  // Without a saver all variables are kept; one that does more than to keep
  // variables cannot be made again.
  if (kept.saver.restore_op_name().empty() || !kept.complete()) return;
  const SaverPlan own_names = SaverPlanFromVariables(extended);
  SaverPlan brought;
  if (more->has_saver_def()) {
    auto plan = BuildSaverPlan(*extended.graph, more->saver_def());
    if (!plan.ok() || !plan->complete()) return;
    brought = *std::move(plan);
  } else {
    const int known = static_cast<int>(old.meta().graph->nodes().size());
    for (const SavedVariable& variable : own_names.variables) {
      if (variable.node >= known) brought.variables.push_back(variable);
    }
    if (brought.variables.empty()) return;
  }
  absl::flat_hash_set<int> nodes;
  for (const SavedVariable& variable : brought.variables) {
    nodes.insert(variable.node);
  }
  SaverPlan rest;
  for (const SavedVariable& variable : kept.variables) {
    if (!nodes.contains(variable.node)) rest.variables.push_back(variable);
  }
  if (more->has_saver_def() && rest.variables.empty()) return;
  MakeKeysUnique(rest, own_names, &brought);
  const std::vector<SaverPlan::Constant> constants =
      ConstantsOf(kept, rest, brought);
  std::vector<SavedVariable> all = std::move(brought.variables);
  all.insert(all.end(), rest.variables.begin(), rest.variables.end());
  // As a Saver orders them.
  std::sort(all.begin(), all.end(),
            [](const SavedVariable& a, const SavedVariable& b) {
              return std::tie(a.checkpoint_key, a.node) <
                     std::tie(b.checkpoint_key, b.node);
            });
  tensorflow::SaverDef saver = AddSaverNodes(
      *extended.graph, all, kept.format, constants, more->mutable_graph_def());
  saver.set_max_to_keep(kept.saver.max_to_keep());
  saver.set_keep_checkpoint_every_n_hours(
      kept.saver.keep_checkpoint_every_n_hours());
  *more->mutable_saver_def() = std::move(saver);
}

}  // namespace metagraph
