#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/model/checkpointer.h"
#include "core/model/confined_file_system.h"
#include "core/model/graph_extender.h"
#include "core/model/history.h"
#include "core/model/initializer.h"
#include "core/model/model_context.h"
#include "core/model/model_events.h"
#include "core/model/restorer.h"
#include "core/model/seen_checkpoints.h"
#include "core/model/served_graph.h"

namespace metagraph {

// A served model: a graph with a session that runs it (ServedGraph), what it
// served before (History), and the parts that change what is served, each of
// which says in its own header what it does and how it may fail. Thread-safe;
// restores and saves may run while it serves.
class Model {
 public:
  // Reads the graph and, if there is one, the newest checkpoint whose files are
  // whole; without any the variables stay uninitialised. note() says what was
  // passed over. DATA_LOSS: all are damaged. FAILED_PRECONDITION: no variable
  // has a value, and the environment requires that.
  static absl::StatusOr<std::unique_ptr<Model>> Load(
      std::string name, const ModelFolder& folder,
      const ModelEnvironment& environment, CallContext& call,
      ModelOptions options = {});
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // --- what it is

  const std::string& name() const { return context_.name; }
  int64_t version() const { return context_.folder.version; }
  const ModelFolder& folder() const { return context_.folder; }
  const RestoreMapping& mapping() const { return context_.options.mapping; }
  absl::Time load_time() const { return load_time_; }
  // For people: what was noticed while loading, and what is to be known of the
  // values served: that there are none, or that they are of another checkpoint
  // than the one named. May be empty.
  std::string note() const { return note(*Peek()); }
  std::string note(const Generation& now) const;

  // --- what it is made of

  // The newest version of the graph; whoever holds it sees it unchanged.
  std::shared_ptr<const ModelGraph> graph() const { return graph_.newest(); }
  std::shared_ptr<const GraphCatalog> catalog() const {
    const auto newest = graph();
    return {newest, &newest->catalog()};
  }
  bool takes_checkpoints() const { return graph()->takes_checkpoints(); }
  Session& session() const { return graph_.session(); }
  const OpRegistry& ops() const { return session().ops(); }
  // Last outcomes.
  const History& history() const { return history_; }
  // Which checkpoints are no news to this model.
  const SeenCheckpoints& seen() const { return seen_; }
  FileSystem& files() const { return context_.files(); }
  Clock& clock() const { return *context_.environment.clock; }
  // Files that ops of this model may touch.
  const ConfinedFileSystem& confined_files() const { return confined_files_; }

  // --- runs. Errors: as Session::Prepare and Session::Run.

  absl::StatusOr<std::shared_ptr<const Executor>> Prepare(
      const PlanRequest& request, CallContext& call) const {
    return session().Prepare(request, call);
  }
  absl::StatusOr<std::shared_ptr<const Executor>> Prepare(
      const PlanRequest& request) const {
    return session().Prepare(request);
  }
  std::shared_ptr<const Executor> FindPrepared(
      const PlanRequest& request) const {
    return session().FindPrepared(request);
  }
  absl::StatusOr<RunResult> Run(const Executor& executor,
                                const RunRequest& request, CallContext& call);

  // --- generations of the variables; see VariableStore

  absl::StatusOr<std::shared_ptr<const Generation>> Read(
      CallContext& call) const {
    return graph_.variables().Read(call);
  }
  std::shared_ptr<const Generation> TryRead() const {
    return graph_.variables().TryRead();
  }
  std::shared_ptr<const Generation> Peek() const {
    return graph_.variables().Peek();
  }
  int64_t generation_number() const {
    return graph_.variables().generation_number();
  }
  // The generation of that number, if it is the newest or retained. NOT_FOUND.
  absl::StatusOr<std::shared_ptr<const Generation>> FindGeneration(
      int64_t number, CallContext& call) const;
  std::vector<int64_t> GenerationsInMemory() const;
  std::optional<int64_t> GlobalStep(const Generation& generation) const {
    return graph()->GlobalStep(generation);
  }
  // Bytes of the variables of all generations held here.
  int64_t VariableBytes() const;

  // --- changes

  absl::StatusOr<RestoreResult> Restore(const RestoreOptions& options,
                                        const ProgressCallback& progress,
                                        CallContext& call) {
    return restorer_.Restore(options, progress, call);
  }
  absl::StatusOr<RollbackResult> Rollback(std::optional<int64_t> to_generation,
                                          int64_t expected_generation,
                                          CallContext& call) {
    return restorer_.Rollback(to_generation, expected_generation, call);
  }
  absl::StatusOr<SaveResult> Save(const SaveOptions& options,
                                  const ProgressCallback& progress,
                                  CallContext& call) {
    return checkpointer_.Save(options, progress, call);
  }
  absl::StatusOr<InitializeResult> InitializeVariables(
      InitializeScope scope, const std::vector<std::string>& names,
      bool dry_run, int64_t expected_generation, CallContext& call) {
    return initializer_.InitializeVariables(scope, names, dry_run,
                                            expected_generation, call);
  }
  absl::StatusOr<ExtendResult> ExtendGraph(const ExtendOptions& options,
                                           tensorflow::MetaGraphDef more,
                                           CallContext& call) {
    return extender_.Extend(options, std::move(more), call);
  }
  // Writes values by variable name ("W1" or "W1:0"), all or none, and returns
  // the new generation. Errors: as ModelGraph::ValuesBySlot; ABORTED: another
  // generation.
  absl::StatusOr<int64_t> AssignVariables(
      std::vector<std::pair<std::string, Tensor>> values,
      int64_t expected_generation, CallContext& call);

 private:
  Model(ModelContext context, MetaGraph meta);

  // Restores and initialises.
  absl::Status GetReady(CallContext& call);

  // Each is made of those above it.
  const ModelContext context_;
  SeenCheckpoints seen_;
  ConfinedFileSystem confined_files_;
  ServedGraph graph_;
  History history_;
  ModelEvents events_;
  Restorer restorer_;
  Checkpointer checkpointer_;
  Initializer initializer_;
  GraphExtender extender_;

  // Constant after Load.
  absl::Time load_time_;
  std::string note_;
};

}  // namespace metagraph
