#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/graph/meta_graph.h"
#include "core/model/model_graph.h"
#include "core/session/session.h"
#include "core/state/variable_store.h"

namespace metagraph {

// The newest version of a model's graph, and the session that runs it and
// stores its variables. Thread-safe.
class ServedGraph {
 public:
  ServedGraph(MetaGraph meta, Session::Options options);
  ServedGraph(const ServedGraph&) = delete;
  ServedGraph& operator=(const ServedGraph&) = delete;

  // Whoever holds it sees it unchanged.
  std::shared_ptr<const ModelGraph> newest() const EXCLUDES(mu_);
  Session& session() const { return *session_; }
  VariableStore& variables() const { return session_->variables(); }

  // ABORTED: the newest generation is another; -1: any will do.
  absl::Status CheckExpected(int64_t generation) const;

  // Adds `nodes`; `extended` is what the graph is then. Returns the new
  // version. Errors: as Session::Extend.
  // REQUIRES: nobody else extends it meanwhile.
  absl::StatusOr<int64_t> Extend(const tensorflow::GraphDef& nodes,
                                 MetaGraph extended, int64_t expected_version)
      EXCLUDES(mu_);

 private:
  const std::unique_ptr<Session> session_;
  mutable Mutex mu_;
  std::shared_ptr<const ModelGraph> newest_ GUARDED_BY(mu_);
};

// ABORTED: `expected` is neither `found` nor -1.
absl::Status CheckGeneration(int64_t expected, int64_t found);

}  // namespace metagraph
