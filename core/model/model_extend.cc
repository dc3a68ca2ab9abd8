// Model::ExtendGraph: a new version of the graph.

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/base/status.h"
#include "core/graph/meta_graph_merge.h"
#include "core/graph/saver_builder.h"
#include "core/model/graph_check.h"
#include "core/model/initializers.h"
#include "core/model/model.h"

namespace metagraph {

namespace {

// Lets variables that a new saver would save under a name which the one before
// has for another go by their own names, or if need be by others.
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

// Sees to it that a saver of the extended graph keeps the variables that the
// saver before kept and those that were added, unless who extends the graph
// brought a saver for them: one is made where none does. `extended` is the
// graph with `more` in it.
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
  std::vector<SavedVariable> all = std::move(brought.variables);
  all.insert(all.end(), rest.variables.begin(), rest.variables.end());
  // As a Saver orders them.
  std::sort(all.begin(), all.end(),
            [](const SavedVariable& a, const SavedVariable& b) {
              return std::tie(a.checkpoint_key, a.node) <
                     std::tie(b.checkpoint_key, b.node);
            });
  tensorflow::SaverDef saver = AddSaverNodes(*extended.graph, all, kept.format,
                                             more->mutable_graph_def());
  saver.set_max_to_keep(kept.saver.max_to_keep());
  saver.set_keep_checkpoint_every_n_hours(
      kept.saver.keep_checkpoint_every_n_hours());
  *more->mutable_saver_def() = std::move(saver);
}

// How ops are defined: by those who wrote the graphs, or else here.
OpDefFinder OpsOf(const tensorflow::MetaGraphDef& more,
                  const tensorflow::MetaGraphDef& old,
                  const OpRegistry& registry) {
  absl::flat_hash_map<std::string, const tensorflow::OpDef*> known;
  for (const tensorflow::MetaGraphDef* def : {&more, &old}) {
    for (const auto& op : def->meta_info_def().stripped_op_list().op()) {
      known.emplace(op.name(), &op);
    }
  }
  return [known = std::move(known),
          &registry](absl::string_view op) -> const tensorflow::OpDef* {
    if (const auto found = known.find(op); found != known.end()) {
      return found->second;
    }
    const OpInfo* here = registry.Find(op);
    return here == nullptr ? nullptr : &here->def;
  };
}

}  // namespace

absl::StatusOr<ExtendResult> Model::ExtendGraph(const ExtendOptions& options,
                                                tensorflow::MetaGraphDef more,
                                                CallContext& call) {
  MutexLock extending(extend_mu_);
  RETURN_IF_ERROR(CheckExpected(options.expected_generation));
  const std::shared_ptr<const ModelGraph> old = graph();
  if (!options.import_prefix.empty()) {
    more = WithImportPrefix(std::move(more), options.import_prefix);
  }
  if (old->meta().graph->FindNode(more.saver_def().restore_op_name()) !=
      nullptr) {
    more.clear_saver_def();  // the old one, sent along with the whole graph
  }
  // Of a graph that was cut without it.
  const auto& nodes = more.graph_def().node();
  if (std::none_of(nodes.begin(), nodes.end(), [&](const auto& node) {
        return node.name() == more.saver_def().restore_op_name();
      })) {
    more.clear_saver_def();
  }
  ExtendResult result;
  ASSIGN_OR_RETURN(
      result.added_nodes,
      RemoveKnownNodes(*old->meta().graph, OpsOf(more, old->meta().def, ops()),
                       more.mutable_graph_def()));

  MetaGraph meta;
  meta.kind = old->meta().kind;
  meta.def = old->meta().def;
  ASSIGN_OR_RETURN(meta.graph, old->meta().graph->Extend(more.graph_def()));
  RETURN_IF_ERROR(CheckAddedNodes(
      *meta.graph, static_cast<int>(old->meta().graph->nodes().size()),
      *environment_.ops));
  MergeMetaGraph(more, &meta.def);
  CompleteSaver(*old, meta, &more);
  MergeMetaGraph(more, &meta.def);

  RETURN_IF_ERROR(call.Check());
  // Who expects a generation wants it to be the newest when the graph changes,
  // so no step may come between.
  std::unique_ptr<VariableView> step;
  if (options.expected_generation >= 0) {
    ASSIGN_OR_RETURN(step,
                     session_->BeginStep(call, options.expected_generation));
  }
  ASSIGN_OR_RETURN(
      result.graph_version,
      session_->Extend(more.graph_def(), options.expected_graph_version));
  meta.graph = session_->graph();
  auto extended =
      std::make_shared<const ModelGraph>(std::move(meta), *session_);
  for (const ModelVariable& variable : extended->variables()) {
    if (old->FindVariable(variable.name) == nullptr) {
      result.added_variables.push_back(variable.name);
    }
  }
  {
    MutexLock lock(mu_);
    graph_ = extended;
  }
  step.reset();
  std::vector<std::string> tables = TableInitializers(extended->meta());
  const std::vector<std::string> known = TableInitializers(old->meta());
  std::erase_if(tables, [&](const std::string& operation) {
    return std::find(known.begin(), known.end(), operation) != known.end();
  });
  std::set<int> done;
  result.note = RunInitializers(tables, done, call);
  result.generation = generation_number();
  Tell(ModelEvent::Kind::kGeneration, "", absl::OkStatus());
  return result;
}

}  // namespace metagraph
