#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/name_map.h"
#include "core/model/checkpoint_match.h"
#include "core/model/history.h"
#include "core/model/model_context.h"
#include "core/model/model_events.h"
#include "core/model/progress.h"
#include "core/model/seen_checkpoints.h"
#include "core/model/served_graph.h"

namespace metagraph {

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

struct RollbackResult {
  int64_t generation = 0;
  int64_t restored_generation = 0;
  std::string checkpoint;
  std::optional<int64_t> global_step;
  bool from_checkpoint = false;
  // The values are those of `checkpoint`: nothing was written to them since.
  bool as_restored = false;
};

// Serves the values of a checkpoint, or of an earlier generation, as a new
// generation. Thread-safe.
class Restorer {
 public:
  // All outlive this.
  Restorer(const ModelContext& context, ServedGraph& graph, History& history,
           SeenCheckpoints& seen, const ModelEvents& events)
      : context_(context),
        graph_(graph),
        history_(history),
        seen_(seen),
        events_(events) {}

  // Checks the checkpoint against the graph, reads it and then serves it.
  // Until then, and after any failure, the old values are served.
  // NOT_FOUND: no checkpoint, or variables missing; INVALID_ARGUMENT: dtype or
  // shape differ; DATA_LOSS: damaged; ABORTED: another generation.
  absl::StatusOr<RestoreResult> Restore(const RestoreOptions& options,
                                        const ProgressCallback& progress,
                                        CallContext& call);

  // Serves the values of an earlier generation (default: the newest that is
  // kept) again under a new number: from memory, or else from its checkpoint;
  // variables that this does not hold then keep theirs. In memory is what the
  // last restores, assignments and initialisations replaced. NOT_FOUND: there
  // is none. FAILED_PRECONDITION: the files of its checkpoint have changed.
  absl::StatusOr<RollbackResult> Rollback(std::optional<int64_t> to_generation,
                                          int64_t expected_generation,
                                          CallContext& call);

 private:
  // `given_up`: generations that it needed the memory of, also if it fails.
  absl::StatusOr<RestoreResult> RestoreFrom(const std::string& prefix,
                                            const RestoreOptions& options,
                                            const ProgressCallback& progress,
                                            CallContext& call,
                                            std::vector<int64_t>* given_up);
  // Where the values do not fit into memory, gives up what is kept for
  // rollbacks, and waits a moment for its memory. The generations given up.
  std::vector<int64_t> MakeRoom(const std::vector<RestoreItem>& items,
                                CallContext& call);
  // The mapping of a restore: its own, or the model's.
  RestoreMapping MappingOf(const RestoreOptions& options) const;
  // Whether the options allow what was found. Errors as Restore.
  absl::Status CheckAllowed(const ModelGraph& graph,
                            const CheckpointReader& reader,
                            const CheckpointMatch& match,
                            const RestoreMapping& mapping,
                            const RestoreOptions& options) const;
  // Whether a mapping that is the model's own would leave values of the
  // checkpoint before among those of this one.
  absl::Status CheckNoMix(const ModelGraph& graph,
                          const CheckpointReport& report) const;
  // Serves the values, in one step: nobody sees a part of it.
  absl::Status Serve(const ModelGraph& graph,
                     std::vector<std::pair<int, Tensor>> values,
                     int64_t expected_generation, CallContext& call,
                     RestoreResult* result);
  absl::Status RunRestoreOp(const tensorflow::SaverDef& saver,
                            const std::string& prefix, VariableView& step,
                            CallContext& call);
  absl::StatusOr<RollbackResult> RollbackInMemory(
      const History::RollbackTarget& target, int64_t expected_generation,
      CallContext& call);
  absl::StatusOr<RollbackResult> RollbackToCheckpoint(
      const History::Origin& origin, int64_t expected_generation,
      CallContext& call);

  const ModelContext& context_;
  ServedGraph& graph_;
  History& history_;
  SeenCheckpoints& seen_;
  const ModelEvents& events_;
};

}  // namespace metagraph
