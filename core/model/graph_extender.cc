#include "core/model/graph_extender.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/call_wait.h"
#include "core/base/status.h"
#include "core/graph/meta_graph_merge.h"
#include "core/model/graph_check.h"
#include "core/model/initializer_ops.h"
#include "core/model/saver_completion.h"

namespace metagraph {
namespace {

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

absl::StatusOr<ExtendResult> GraphExtender::Extend(
    const ExtendOptions& options, tensorflow::MetaGraphDef more,
    CallContext& call) {
  RETURN_IF_ERROR(Begin(call));
  auto result = ExtendAlone(options, std::move(more), call);
  End();
  return result;
}

// No lock is held all the while: it may wait for a step and run initializers.
absl::Status GraphExtender::Begin(CallContext& call) {
  CallWait wait(call, mu_, ended_);
  MutexLock lock(mu_);
  while (extending_) RETURN_IF_ERROR(wait.Wait(mu_));
  extending_ = true;
  return absl::OkStatus();
}

void GraphExtender::End() {
  MutexLock lock(mu_);
  extending_ = false;
  ended_.NotifyAll();
}

absl::StatusOr<ExtendResult> GraphExtender::ExtendAlone(
    const ExtendOptions& options, tensorflow::MetaGraphDef more,
    CallContext& call) {
  RETURN_IF_ERROR(graph_.CheckExpected(options.expected_generation));
  const std::shared_ptr<const ModelGraph> old = graph_.newest();
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
      RemoveKnownNodes(*old->meta().graph,
                       OpsOf(more, old->meta().def, graph_.session().ops()),
                       more.mutable_graph_def()));

  MetaGraph meta;
  meta.kind = old->meta().kind;
  meta.def = old->meta().def;
  ASSIGN_OR_RETURN(meta.graph, old->meta().graph->Extend(more.graph_def()));
  RETURN_IF_ERROR(CheckAddedNodes(
      *meta.graph, static_cast<int>(old->meta().graph->nodes().size()),
      graph_.session().ops()));
  MergeMetaGraph(more, &meta.def);
  CompleteSaver(*old, meta, &more);
  MergeMetaGraph(more, &meta.def);

  RETURN_IF_ERROR(call.Check());
  // Who expects a generation wants it to be the newest when the graph changes,
  // so no step may come between.
  std::unique_ptr<VariableView> step;
  if (options.expected_generation >= 0) {
    ASSIGN_OR_RETURN(
        step, graph_.session().BeginStep(call, options.expected_generation));
  }
  ASSIGN_OR_RETURN(result.graph_version,
                   graph_.Extend(more.graph_def(), std::move(meta),
                                 options.expected_graph_version));
  step.reset();
  const std::shared_ptr<const ModelGraph> extended = graph_.newest();
  for (const ModelVariable& variable : extended->variables()) {
    if (old->FindVariable(variable.name) == nullptr) {
      result.added_variables.push_back(variable.name);
    }
  }
  std::vector<std::string> tables = TableInitializers(extended->meta());
  const std::vector<std::string> known = TableInitializers(old->meta());
  std::erase_if(tables, [&](const std::string& operation) {
    return std::find(known.begin(), known.end(), operation) != known.end();
  });
  result.note = initializer_.Run(tables, call);
  result.generation = graph_.variables().generation_number();
  events_.PublishGeneration(ModelEvent::Change::kExtend);
  return result;
}

}  // namespace metagraph
