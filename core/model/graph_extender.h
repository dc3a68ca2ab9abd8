#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/graph/meta_graph.h"
#include "core/model/initializer.h"
#include "core/model/model_events.h"
#include "core/model/served_graph.h"

namespace metagraph {

struct ExtendOptions {
  // Put, with a slash, before the names of all nodes that are added.
  std::string import_prefix;
  int64_t expected_graph_version = -1;  // -1: any
  int64_t expected_generation = -1;
};

struct ExtendResult {
  int64_t graph_version = 0;
  int64_t generation = 0;
  int64_t added_nodes = 0;
  std::vector<std::string> added_variables;
  std::string note;  // for people: tables that are not ready
};

// Adds nodes to the graph that is served. Thread-safe.
class GraphExtender {
 public:
  // All outlive this.
  GraphExtender(ServedGraph& graph, Initializer& initializer,
                const ModelEvents& events)
      : graph_(graph), initializer_(initializer), events_(events) {}

  // Adds the nodes of `more`, with the collections, signatures and the saver
  // that come with them. Runs under way end on the graph that they began with;
  // values stay, new variables have none. INVALID_ARGUMENT: a node that is
  // there already, but differs, or an unknown input. ABORTED: another version
  // of the graph, or another generation. CANCELLED, DEADLINE_EXCEEDED: as
  // `call` says, also while another extension is under way.
  absl::StatusOr<ExtendResult> Extend(const ExtendOptions& options,
                                      tensorflow::MetaGraphDef more,
                                      CallContext& call) EXCLUDES(mu_);

 private:
  // Waits until no other extension is under way, and ends one.
  absl::Status Begin(CallContext& call) EXCLUDES(mu_);
  void End() EXCLUDES(mu_);
  absl::StatusOr<ExtendResult> ExtendAlone(const ExtendOptions& options,
                                           tensorflow::MetaGraphDef more,
                                           CallContext& call);

  ServedGraph& graph_;
  Initializer& initializer_;
  const ModelEvents& events_;
  Mutex mu_;
  CondVar ended_;
  bool extending_ GUARDED_BY(mu_) = false;  // one at a time
};

}  // namespace metagraph
