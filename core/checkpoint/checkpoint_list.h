#pragma once

// The checkpoints of a folder: all of them, and the newest.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/io/file_system.h"

namespace metagraph {

// A checkpoint that was found, and how.
struct FoundCheckpoint {
  std::string prefix;
  // For people; says what was passed over, e.g. "folder was moved".
  std::string explanation;
};

// The newest checkpoint of a folder whose files exist. Looked at in turn: the
// path that the state file names; the same name inside the folder; the older
// entries of the state file, newest first, the same two ways; every
// checkpoint in the folder, by time of change and then global step; last those
// that are alone (see CheckpointInfo).
// NOT_FOUND: none; the message says where was looked.
absl::StatusOr<FoundCheckpoint> LatestCheckpoint(FileSystem& fs,
                                                 const std::string& folder);

struct CheckpointInfo {
  std::string prefix;        // of several files of format V1: a pattern
  int format = 2;            // 1 or 2
  int64_t global_step = -1;  // the number at the end of the name; -1: none
  absl::Time modified;       // of the index, or of the newest V1 file
  uint64_t size = 0;         // of index and data files
  bool in_state_file = false;
  bool latest = false;  // what the state file names
  // Of format V1 and known by its content only: neither the state file nor a
  // `.meta` tells of it.
  bool alone = false;
  CheckpointStamp stamp;
};

// Every checkpoint in the folder, oldest first.
absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(
    FileSystem& fs, const std::string& folder);

}  // namespace metagraph
