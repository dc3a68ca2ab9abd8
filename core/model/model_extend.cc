// Model::ExtendGraph: a new version of the graph.

#include <utility>

#include "core/base/status.h"
#include "core/graph/meta_graph_merge.h"
#include "core/model/model.h"

namespace metagraph {

absl::StatusOr<ExtendResult> Model::ExtendGraph(const ExtendOptions& options,
                                                tensorflow::MetaGraphDef more,
                                                CallContext& call) {
  MutexLock extending(extend_mu_);
  RETURN_IF_ERROR(CheckExpected(options.expected_generation));
  const std::shared_ptr<const ModelGraph> old = graph();
  if (!options.import_prefix.empty()) {
    more = WithImportPrefix(std::move(more), options.import_prefix);
  }
  const int added = RemoveKnownNodes(*old->meta().graph,
                                     more.mutable_graph_def());
  ASSIGN_OR_RETURN(
      const int64_t version,
      session_->Extend(more.graph_def(), options.expected_graph_version));

  MetaGraph meta;
  meta.kind = old->meta().kind;
  meta.graph = session_->graph();
  meta.def = old->meta().def;
  more.clear_graph_def();
  MergeMetaGraph(more, &meta.def);
  auto extended = std::make_shared<const ModelGraph>(
      std::move(meta), old->first_added(), *session_);

  ExtendResult result;
  result.graph_version = version;
  result.added_nodes = added;
  for (const ModelVariable& variable : extended->variables()) {
    if (old->FindVariable(variable.name) == nullptr) {
      result.added_variables.push_back(variable.name);
    }
  }
  {
    MutexLock lock(mu_);
    graph_ = std::move(extended);
  }
  result.generation = generation_number();
  Tell(ModelEvent::Kind::kGeneration, "", absl::OkStatus());
  return result;
}

}  // namespace metagraph
