#pragma once

// Which checkpoints of a folder stay when another is written.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/io/file_system.h"

namespace metagraph {

// The two fields of a SaverDef.
struct Retention {
  int max_to_keep = 0;  // 0: all
  // Of those beyond max_to_keep, one in so many hours stays for good, though
  // the state file does not name it any more; 0: none does.
  double keep_every_n_hours = 0;
};

// An entry of a state file and what is known of it.
struct StateEntry {
  std::string path;      // as in the file
  double timestamp = 0;  // as in the file
  std::string prefix;    // of its checkpoint in the folder; empty: none there
  double written = 0;    // seconds since 1970
  // Of the same series as the newest. Savers may share a folder, and none gives
  // up what is another's.
  bool counts = true;
};

struct Retained {
  std::vector<StateEntry> entries;   // that stay in the state file
  std::vector<std::string> expired;  // prefixes whose files may go
  double last_preserved = 0;         // seconds since 1970; 0: none
};

// What becomes of `entries`, oldest first, of which the last one is new.
// `last_preserved` is when the last checkpoint was written that stays for good.
// Without any (0) the first one that falls off sets this mark, and goes.
Retained ApplyRetention(std::vector<StateEntry> entries,
                        const Retention& retention, double last_preserved);

// Makes `prefix` the newest entry of the state file in `folder`, durably.
// Paths inside the folder are written relative to it, so that it can be moved.
// Counted are checkpoints whose names differ in the global step only, and
// `own`: prefixes that the same saver wrote, whatever they are called. Returns
// those that fell off and have files in the folder, which the caller may
// remove.
absl::StatusOr<std::vector<std::string>> UpdateCheckpointState(
    FileSystem& fs, const std::string& folder, const std::string& prefix,
    const Retention& retention, absl::Span<const std::string> own = {});

}  // namespace metagraph
