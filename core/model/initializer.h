#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/model/confined_file_system.h"
#include "core/model/history.h"
#include "core/model/model_context.h"
#include "core/model/model_events.h"
#include "core/model/served_graph.h"

namespace metagraph {

enum class InitializeScope { kAll, kUninitialized, kListed };

struct InitializeResult {
  int64_t generation = 0;
  std::vector<std::string> initialized;  // in the order of the graph
  std::vector<std::string> overwritten;
  std::vector<std::string> tables;  // initializers that ran
  std::string note;                 // for people: tables that are not ready
};

// Runs what a graph wants to be run before it is ready, and the initializers of
// variables. Thread-safe.
class Initializer {
 public:
  // All outlive this; `files` are those that ops may touch.
  Initializer(const ModelContext& context, ServedGraph& graph,
              ConfinedFileSystem& files, History& history,
              const ModelEvents& events)
      : context_(context),
        graph_(graph),
        files_(files),
        history_(history),
        events_(events) {}

  // What a load runs: a SavedModel's main op, local_init_op, tables. What of a
  // `.meta` fails is added to `note`, and runs that need it fail.
  absl::Status MakeReady(CallContext& call, std::string* note) EXCLUDES(mu_);

  // Runs initializers, and those of tables unless variables are listed.
  // NOT_FOUND: no such variable. FAILED_PRECONDITION: one has no initializer.
  absl::StatusOr<InitializeResult> InitializeVariables(
      InitializeScope scope, const std::vector<std::string>& names,
      bool dry_run, int64_t expected_generation, CallContext& call)
      EXCLUDES(mu_);

  // Runs the operations, each by itself. Returns what is to be said: other
  // places of files that were taken, and what failed.
  std::string Run(const std::vector<std::string>& operations, CallContext& call)
      EXCLUDES(mu_) {
    std::set<int> done;
    return RunUnlessDone(operations, &done, call);
  }

  // Adds to a run's error why a table is not ready.
  absl::Status ExplainTables(const absl::Status& status) const EXCLUDES(mu_);

 private:
  absl::Status RunMainOp(CallContext& call, std::set<int>* done,
                         std::string* note);
  // As Run, but leaves out what `done` holds, and adds what was run to it.
  std::string RunUnlessDone(const std::vector<std::string>& operations,
                            std::set<int>* done, CallContext& call)
      EXCLUDES(mu_);
  absl::Status RunOne(const std::string& operation, CallContext& call,
                      std::string* note);
  std::string InitializeLocals(CallContext& call);

  const ModelContext& context_;
  ServedGraph& graph_;
  ConfinedFileSystem& files_;
  History& history_;
  const ModelEvents& events_;

  mutable Mutex mu_;
  // Why tables are not ready, by initializer.
  std::map<std::string, std::string> unready_ GUARDED_BY(mu_);
};

}  // namespace metagraph
