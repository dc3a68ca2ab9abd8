#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/checkpoint/checkpoint_writer.h"
#include "core/model/history.h"
#include "core/model/model_context.h"
#include "core/model/model_events.h"
#include "core/model/progress.h"
#include "core/model/seen_checkpoints.h"
#include "core/model/served_graph.h"

namespace metagraph {

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

// Writes the newest generation as a checkpoint, while runs go on. Thread-safe.
class Checkpointer {
 public:
  // All outlive this.
  Checkpointer(const ModelContext& context, const ServedGraph& graph,
               History& history, SeenCheckpoints& seen,
               const ModelEvents& events)
      : context_(context),
        graph_(graph),
        history_(history),
        seen_(seen),
        events_(events) {}

  // See FORMAT.md for how. Saves into one folder wait for each other.
  // FAILED_PRECONDITION: no variables, some without a value, or two that the
  // saver would keep under one name.
  absl::StatusOr<SaveResult> Save(const SaveOptions& options,
                                  const ProgressCallback& progress,
                                  CallContext& call) EXCLUDES(mu_);

 private:
  // Saves into the folder, which the caller holds.
  absl::StatusOr<SaveResult> SaveInto(const std::string& folder,
                                      const SaveOptions& options,
                                      const ProgressCallback& progress,
                                      CallContext& call) EXCLUDES(mu_);
  // Whether the graph's saver can do what is asked for.
  absl::Status CheckPlan(const SaverPlan& plan, const std::string& folder,
                         const SaveOptions& options) const;
  // Writes the tensors. Meanwhile the checkpoint counts as seen, and afterwards
  // as that of the generation. Returns the bytes written.
  absl::StatusOr<int64_t> WriteTensors(const std::vector<TensorToSave>& tensors,
                                       int format, int shards,
                                       const SaveResult& result,
                                       const ProgressCallback& progress,
                                       CallContext& call);
  // What makes a written checkpoint the newest: meta graph, state file.
  absl::Status MakeNewest(const SaveOptions& options, const ModelGraph& graph,
                          SaveResult* result) EXCLUDES(mu_);
  // Names the checkpoint in the state file and removes those that expire.
  absl::Status UpdateStateFile(const SaveOptions& options,
                               const tensorflow::SaverDef& saver,
                               SaveResult* result) EXCLUDES(mu_);

  const ModelContext& context_;
  const ServedGraph& graph_;
  History& history_;
  SeenCheckpoints& seen_;
  const ModelEvents& events_;

  Mutex mu_;
  std::vector<std::string> saved_ GUARDED_BY(mu_);  // that may still be there
};

}  // namespace metagraph
