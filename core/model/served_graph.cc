#include "core/model/served_graph.h"

#include <utility>

#include "core/base/error_details.h"
#include "core/base/status.h"

namespace metagraph {

ServedGraph::ServedGraph(MetaGraph meta, Session::Options options)
    : session_(std::make_unique<Session>(meta.graph, std::move(options))),
      newest_(std::make_shared<const ModelGraph>(std::move(meta), *session_)) {}

std::shared_ptr<const ModelGraph> ServedGraph::newest() const {
  MutexLock lock(mu_);
  return newest_;
}

absl::Status ServedGraph::CheckExpected(int64_t generation) const {
  return CheckGeneration(generation, variables().generation_number());
}

absl::StatusOr<int64_t> ServedGraph::Extend(const tensorflow::GraphDef& nodes,
                                            MetaGraph extended,
                                            int64_t expected_version) {
  ASSIGN_OR_RETURN(const int64_t version,
                   session_->Extend(nodes, expected_version));
  extended.graph = session_->graph();
  auto newest =
      std::make_shared<const ModelGraph>(std::move(extended), *session_);
  MutexLock lock(mu_);
  newest_ = std::move(newest);
  return version;
}

absl::Status CheckGeneration(int64_t expected, int64_t found) {
  if (expected < 0 || expected == found) return absl::OkStatus();
  return WrongGeneration(found, expected);
}

}  // namespace metagraph
