#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/thread_pool.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_writer.h"
#include "core/checkpoint/name_map.h"
#include "core/io/file_system.h"
#include "core/model/checkpoint_match.h"
#include "core/model/confined_file_system.h"
#include "core/model/event_bus.h"
#include "core/model/folder_locks.h"
#include "core/model/graph_catalog.h"
#include "core/model/model_folder.h"
#include "core/model/model_graph.h"
#include "core/model/seen_checkpoints.h"
#include "core/op/op_registry.h"
#include "core/session/session.h"

namespace metagraph {

// How far a restore or a save is.
struct Progress {
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  int64_t tensors_done = 0;
  int64_t tensors_total = 0;
};
// Called by several threads, by one at a time. May be null.
using ProgressCallback = std::function<void(const Progress&)>;

enum class RestoreMode {
  kStrict,   // every variable that the saver knows must be there and fit
  kPartial,  // what is missing or does not fit keeps its value
  kDryRun,   // check everything, checksums too, and change nothing
};

struct RestoreOptions {
  std::string checkpoint;  // as ResolveCheckpoint takes it
  RestoreMode mode = RestoreMode::kStrict;
  int64_t expected_generation = -1;  // -1: any
  // For this restore only; none: the model's own.
  std::optional<RestoreMapping> mapping = {};
  // What a user types to have this restore, for errors that offer more options;
  // empty: `metagraphctl restore`.
  std::string command = {};
};

struct RestoreResult {
  int64_t generation = 0;
  int64_t previous_generation = 0;
  std::string checkpoint;
  std::optional<int64_t> global_step;
  CheckpointReport report;
  RestoreMapping mapping;  // that it was done with
};

struct SaveOptions {
  // Relative to the model's folder, or absolute; "folder/" keeps the name of
  // the model's checkpoints; empty: the model's folder.
  std::string prefix;
  std::optional<int64_t> global_step;  // none: the model's own, if it has one
  bool no_global_step = false;
  int keep = 0;  // 0: what the saver says; -1: all
  int shards = 1;
  bool meta_graph = true;
  bool state_file = true;
  int64_t expected_generation = -1;
};

struct SaveResult {
  int64_t generation = 0;
  std::string checkpoint;
  std::optional<int64_t> global_step;
  std::vector<std::string> files;
  int64_t bytes = 0;
  int64_t tensors = 0;
  std::vector<std::string> deleted;  // prefixes
  // For people: what was replaced, and what did not work though the checkpoint
  // is complete.
  std::string note;
};

struct RollbackResult {
  int64_t generation = 0;
  int64_t restored_generation = 0;
  std::string checkpoint;
  std::optional<int64_t> global_step;
  bool from_checkpoint = false;
  // The values are those of `checkpoint`: nothing was written to them since.
  bool as_restored = false;
};

enum class InitializeScope { kAll, kUninitialized, kListed };

struct InitializeResult {
  int64_t generation = 0;
  std::vector<std::string> initialized;  // in the order of the graph
  std::vector<std::string> overwritten;
  std::vector<std::string> tables;  // initializers that ran
  std::string note;                 // for people: tables that are not ready
};

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

// How the last restore or save ended.
struct Outcome {
  std::string checkpoint;
  absl::Time time;
  absl::Status status;
  int64_t generation = 0;
};

// What is this model's own, from who asks for it.
struct ModelOptions {
  // For every restore that brings none with it.
  RestoreMapping mapping;
  // What a user types to have the model loaded, for errors that offer more
  // options.
  std::string command = {};
};

// What all models of a process share. Everything outlives them.
struct ModelEnvironment {
  const OpRegistry* ops = nullptr;
  FileSystem* files = nullptr;
  Clock* clock = nullptr;
  ThreadPool* compute_pool = nullptr;    // null: one thread
  ThreadPool* lifecycle_pool = nullptr;  // null: the caller's thread
  EventBus* events = nullptr;            // null: nobody is told
  // One save at a time in a folder; copies of this share them.
  std::shared_ptr<FolderLocks> folder_locks = std::make_shared<FolderLocks>();
  // Folders that ops may use besides the model's own.
  std::vector<std::string> file_roots;
  // Generations before the newest that Rollback finds in memory.
  size_t retained_generations = 1;
  CompileLevel compile = CompileLevel::kFull;
  // Load restores and runs nothing: for looking at a model whose values are
  // not needed, or are damaged.
  bool graph_only = false;
  // A checkpoint without a graph is a model whose variables are its tensors.
  bool checkpoint_alone = false;
  // A model whose variables have no value after Load is an error.
  bool require_checkpoint = false;
};

// A served model: a graph, its saver, its variables and their generations.
// Thread-safe; restores and saves may run while it serves.
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

  const std::string& name() const { return name_; }
  int64_t version() const { return folder_.version; }
  const ModelFolder& folder() const { return folder_; }
  // For people: what was noticed while loading, and what is to be known of the
  // values served: that there are none, or that they are of another checkpoint
  // than the one named. May be empty.
  std::string note() const;
  std::string note(const Generation& now) const;
  absl::Time load_time() const { return load_time_; }
  const RestoreMapping& mapping() const { return options_.mapping; }

  // The newest version of the graph; whoever holds it sees it unchanged.
  std::shared_ptr<const ModelGraph> graph() const EXCLUDES(mu_);
  Session& session() const { return *session_; }
  const OpRegistry& ops() const { return session_->ops(); }
  FileSystem& files() const { return *environment_.files; }
  Clock& clock() const { return *environment_.clock; }
  // Files that ops of this model may touch.
  ConfinedFileSystem& confined_files() const { return *confined_files_; }
  std::shared_ptr<const GraphCatalog> catalog() const {
    const auto newest = graph();
    return {newest, &newest->catalog()};
  }

  // A run. Errors: as Session::Prepare and Session::Run.
  absl::StatusOr<std::shared_ptr<const Executor>> Prepare(
      const PlanRequest& request, CallContext& call) const {
    return session_->Prepare(request, call);
  }
  absl::StatusOr<std::shared_ptr<const Executor>> Prepare(
      const PlanRequest& request) const {
    return session_->Prepare(request);
  }
  std::shared_ptr<const Executor> FindPrepared(
      const PlanRequest& request) const {
    return session_->FindPrepared(request);
  }
  absl::StatusOr<RunResult> Run(const Executor& executor,
                                const RunRequest& request, CallContext& call);

  // The newest values; see VariableStore.
  absl::StatusOr<std::shared_ptr<const Generation>> Read(
      CallContext& call) const {
    return session_->variables().Read(call);
  }
  std::shared_ptr<const Generation> TryRead() const {
    return session_->variables().TryRead();
  }
  std::shared_ptr<const Generation> Peek() const {
    return session_->variables().Peek();
  }
  int64_t generation_number() const {
    return session_->variables().generation_number();
  }
  // The generation of that number, if it is the newest or retained. NOT_FOUND.
  absl::StatusOr<std::shared_ptr<const Generation>> FindGeneration(
      int64_t number, CallContext& call) const EXCLUDES(mu_);
  std::vector<int64_t> GenerationsInMemory() const EXCLUDES(mu_);
  // What the model counts its steps with: its global step variable, or else
  // the number at the end of the checkpoint's name.
  std::optional<int64_t> GlobalStep(const Generation& generation) const;
  // Bytes of the variables of all generations held here.
  int64_t VariableBytes() const EXCLUDES(mu_);

  // Checks the checkpoint against the graph, reads it and then serves it.
  // Until then, and after any failure, the old values are served.
  // NOT_FOUND: no checkpoint, or variables missing; INVALID_ARGUMENT: dtype or
  // shape differ; DATA_LOSS: damaged; ABORTED: another generation.
  absl::StatusOr<RestoreResult> Restore(const RestoreOptions& options,
                                        const ProgressCallback& progress,
                                        CallContext& call) EXCLUDES(mu_);

  // Serves the values of an earlier generation (default: the newest that is
  // kept) again under a new number: from memory, or else from its checkpoint;
  // variables that this does not hold then keep theirs. In memory is what the
  // last restores, assignments and initialisations replaced. NOT_FOUND: there
  // is none. FAILED_PRECONDITION: the files of its checkpoint have changed.
  absl::StatusOr<RollbackResult> Rollback(std::optional<int64_t> to_generation,
                                          int64_t expected_generation,
                                          CallContext& call) EXCLUDES(mu_);

  // Writes a checkpoint of the newest generation; see FORMAT.md for how. Saves
  // into one folder wait for each other.
  // FAILED_PRECONDITION: no variables, some without a value, or two that the
  // saver would keep under one name.
  absl::StatusOr<SaveResult> Save(const SaveOptions& options,
                                  const ProgressCallback& progress,
                                  CallContext& call) EXCLUDES(mu_);

  // Runs initializers, and those of tables unless variables are listed.
  // NOT_FOUND: no such variable. FAILED_PRECONDITION: one has no initializer.
  absl::StatusOr<InitializeResult> InitializeVariables(
      InitializeScope scope, const std::vector<std::string>& names,
      bool dry_run, int64_t expected_generation, CallContext& call);

  // Writes values by variable name ("W1" or "W1:0"), all or none, and returns
  // the new generation. NOT_FOUND: no such variable. INVALID_ARGUMENT: another
  // dtype, a shape that the graph does not allow, a variable named twice.
  // ABORTED: another generation.
  absl::StatusOr<int64_t> AssignVariables(
      std::vector<std::pair<std::string, Tensor>> values,
      int64_t expected_generation, CallContext& call);

  // Adds nodes to the graph, with the collections, signatures and the saver
  // that come with them. Runs under way end on the graph that they began with;
  // values stay, new variables have none. INVALID_ARGUMENT: a node that is
  // there already, but differs, or an unknown input. ABORTED: another version
  // of the graph, or another generation.
  absl::StatusOr<ExtendResult> ExtendGraph(const ExtendOptions& options,
                                           tensorflow::MetaGraphDef more,
                                           CallContext& call)
      EXCLUDES(extend_mu_, mu_);

  // Whether a checkpoint could give it anything: a frozen graph has nothing to
  // restore.
  bool takes_checkpoints() const;
  // Which checkpoints are no news to this model.
  const SeenCheckpoints& seen() const { return seen_; }

  std::optional<Outcome> last_restore() const EXCLUDES(mu_);
  // What the last restore that succeeded found; null: there was none.
  std::shared_ptr<const CheckpointReport> last_report() const EXCLUDES(mu_);
  std::optional<Outcome> last_save() const EXCLUDES(mu_);

 private:
  Model(std::string name, ModelFolder folder, ModelEnvironment environment,
        ModelOptions options);

  absl::Status LoadGraph();
  // What is to be said of a model whose variables have no values; or empty.
  std::string WithoutValues(const Generation& now) const;
  // The folder's graph; if that is damaged, an older one, and note() says so.
  absl::StatusOr<MetaGraph> ReadGraph();
  // Serves the folder's newest checkpoint; if that is damaged, the newest one
  // that is whole, and note() says so.
  absl::Status RestoreNewest(CallContext& call);
  // Runs what must run before the graph is ready: a SavedModel's main op,
  // local_init_op, tables. What of a `.meta` fails is told by note(), and runs
  // that need it fail.
  absl::Status Initialize(CallContext& call);
  absl::Status RunMainOp(CallContext& call, std::set<int>& done);
  // Runs the operations, each by itself, but for what `done` holds; adds what
  // they reach to it. Returns what is to be said: other places of files that
  // were taken, and what failed.
  std::string RunInitializers(const std::vector<std::string>& operations,
                              std::set<int>& done, CallContext& call)
      EXCLUDES(mu_);
  absl::Status RunInitializer(const std::string& operation, CallContext& call,
                              std::string& note);
  std::string InitializeLocals(CallContext& call);
  // Adds to a run's error why a table is not ready.
  absl::Status ExplainTables(const absl::Status& status) const EXCLUDES(mu_);
  // The mapping of a restore: its own, or the model's.
  RestoreMapping MappingOf(const RestoreOptions& options) const;
  // Whether a mapping that is the model's own would leave values of the
  // checkpoint before among those of this one.
  absl::Status CheckNoMix(const ModelGraph& graph,
                          const CheckpointReport& report) const EXCLUDES(mu_);
  absl::StatusOr<RestoreResult> DoRestore(const std::string& prefix,
                                          const RestoreOptions& options,
                                          const ProgressCallback& progress,
                                          CallContext& call);
  absl::StatusOr<std::vector<std::pair<int, Tensor>>> ReadItems(
      const CheckpointReader& reader, const std::vector<RestoreItem>& items,
      bool keep_values, const ProgressCallback& progress, CallContext& call);
  absl::Status RestoreByRunning(const tensorflow::SaverDef& saver,
                                const std::string& prefix, VariableView& step,
                                CallContext& call);
  absl::StatusOr<SaveResult> DoSave(const SaveOptions& options,
                                    const ProgressCallback& progress,
                                    CallContext& call);
  // What a save is called, and whether that can be.
  absl::StatusOr<std::string> ChoosePrefix(
      const SaveOptions& options, const std::string& folder,
      const Generation& generation, std::optional<int64_t> global_step) const;
  // Writes the tensors; while it does, the checkpoint counts as seen, and
  // afterwards as that of the generation.
  absl::StatusOr<int64_t> WriteCheckpoint(
      const std::vector<TensorToSave>& tensors, int format, int shards,
      const std::string& prefix, int64_t generation,
      const ProgressCallback& progress, CallContext& call) EXCLUDES(mu_);
  // What makes a written checkpoint the newest: meta graph, state file.
  absl::Status Finish(const SaveOptions& options, const ModelGraph& graph,
                      SaveResult& result) EXCLUDES(mu_);
  // Names the checkpoint in the state file and removes what falls off it.
  absl::Status NameNewest(const SaveOptions& options,
                          const tensorflow::SaverDef& saver, SaveResult& result)
      EXCLUDES(mu_);
  // Where the values of an earlier generation are, as far as is known.
  struct RollbackTarget {
    int64_t generation = -1;                   // -1: there is none
    std::shared_ptr<const Generation> values;  // in memory, or null
    std::optional<SeenCheckpoints::Origin> origin;
  };
  RollbackTarget FindTarget(std::optional<int64_t> to_generation,
                            int64_t newest) const EXCLUDES(mu_);
  // ABORTED: the model is not at that generation; -1: any will do.
  absl::Status CheckExpected(int64_t expected) const;
  static absl::Status CheckExpected(int64_t expected, int64_t number);
  void Retain(std::shared_ptr<const Generation> previous) EXCLUDES(mu_);
  void Tell(ModelEvent::Kind kind, const std::string& checkpoint,
            absl::Status status) const;

  // Constant after Load.
  const std::string name_;
  const ModelFolder folder_;
  const ModelEnvironment environment_;
  const ModelOptions options_;
  absl::Time load_time_;
  std::string note_;
  SeenCheckpoints seen_;
  std::unique_ptr<ConfinedFileSystem> confined_files_;
  std::unique_ptr<Session> session_;
  std::atomic<bool> serving_{false};  // loaded; for events

  Mutex extend_mu_;  // one extension at a time; taken before mu_
  mutable Mutex mu_;
  std::shared_ptr<const ModelGraph> graph_ GUARDED_BY(mu_);
  std::deque<std::shared_ptr<const Generation>> retained_ GUARDED_BY(mu_);
  std::vector<std::string> saved_ GUARDED_BY(mu_);  // that may still be there
  std::optional<Outcome> last_restore_ GUARDED_BY(mu_);
  std::optional<Outcome> last_save_ GUARDED_BY(mu_);
  std::shared_ptr<const CheckpointReport> last_report_ GUARDED_BY(mu_);
  // Why tables are not ready, by initializer.
  std::map<std::string, std::string> unready_ GUARDED_BY(mu_);
};

}  // namespace metagraph
