#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/name_map.h"
#include "core/io/file_system.h"
#include "core/model/checkpoint_match.h"
#include "core/state/variable_store.h"

namespace metagraph {

// How the last restore or save ended.
struct Outcome {
  std::string checkpoint;
  absl::Time time;
  absl::Status status;
  int64_t generation = 0;
};

// What a model served before and how its restores and saves ended: earlier
// generations in memory, and the checkpoints that hold generations.
// Thread-safe.
class History {
 public:
  // `files` outlives this.
  History(FileSystem& files, size_t max_retained)
      : files_(files), max_retained_(max_retained) {}
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // Keeps a generation that another one replaced, in whatever order they come.
  // Only the newest are kept, and none without values: nobody wants to go back
  // to before the first weights.
  void Retain(std::shared_ptr<const Generation> replaced) EXCLUDES(mu_);
  // Keeps none of them any more; their numbers.
  std::vector<int64_t> GiveUpRetained() EXCLUDES(mu_);
  // Oldest first.
  std::vector<std::shared_ptr<const Generation>> Retained() const EXCLUDES(mu_);

  // The checkpoint that holds a generation's values, as its files were then.
  struct Origin {
    int64_t generation = 0;
    std::string checkpoint;
    CheckpointStamp stamp;
    RestoreMapping mapping = {};  // that it was restored with
  };
  // Only the newest are remembered.
  void AddOrigin(Origin origin) EXCLUDES(mu_);
  std::vector<Origin> Origins() const EXCLUDES(mu_);  // newest last
  // Whether the files still are as they were.
  bool IsUnchanged(const Origin& origin) const;

  // Where the values of an earlier generation are, as far as is known. Of
  // several checkpoints the last one whose files are unchanged; else the last.
  struct RollbackTarget {
    int64_t generation = -1;                   // -1: there is none
    std::shared_ptr<const Generation> values;  // in memory, or null
    std::optional<Origin> origin;
    // What the restore that its values come from found; null: none is known.
    std::shared_ptr<const CheckpointReport> report;
  };
  // That generation, or else the last one before `newest` that can be had.
  RollbackTarget FindRollbackTarget(std::optional<int64_t> generation,
                                    int64_t newest) const EXCLUDES(mu_);

  // `report` is what a restore that succeeded found; null: it failed. One that
  // another restore has overtaken, and made a later generation than, is not the
  // last any more; one that failed counts by when it is recorded.
  void RecordRestore(Outcome outcome,
                     std::shared_ptr<const CheckpointReport> report)
      EXCLUDES(mu_);
  // The values of `target` are served again, from memory.
  void RecordRollback(int64_t generation, const RollbackTarget& target)
      EXCLUDES(mu_);
  void RecordSave(Outcome outcome) EXCLUDES(mu_);
  std::optional<Outcome> last_restore() const EXCLUDES(mu_);
  // What the restore that the newest values come from found; null: there was
  // none.
  std::shared_ptr<const CheckpointReport> last_report() const EXCLUDES(mu_);
  std::optional<Outcome> last_save() const EXCLUDES(mu_);

 private:
  void KeepReport(int64_t generation,
                  std::shared_ptr<const CheckpointReport> report) REQUIRES(mu_);

  FileSystem& files_;
  const size_t max_retained_;
  mutable Mutex mu_;
  std::deque<std::shared_ptr<const Generation>> retained_
      GUARDED_BY(mu_);  // by number
  std::deque<Origin> origins_ GUARDED_BY(mu_);
  std::optional<Outcome> last_restore_ GUARDED_BY(mu_);
  int64_t last_restored_ GUARDED_BY(mu_) = -1;  // of those that succeeded
  std::optional<Outcome> last_save_ GUARDED_BY(mu_);
  // By the first generation that each describes; null where the values come
  // from no restore.
  std::map<int64_t, std::shared_ptr<const CheckpointReport>> reports_
      GUARDED_BY(mu_);
};

}  // namespace metagraph
