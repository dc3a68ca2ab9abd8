#pragma once

// The file `checkpoint` of a folder, which names the newest checkpoint, as
// people really have it: absolute paths of another machine, folders that were
// moved, entries whose files are gone.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/io/file_system.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {

inline constexpr char kCheckpointStateFile[] = "checkpoint";

// The file as it stands; paths are not resolved. NOT_FOUND: there is none.
// INVALID_ARGUMENT: not a text proto, or no model_checkpoint_path.
absl::StatusOr<tensorflow::CheckpointState> ReadCheckpointState(
    FileSystem& fs, const std::string& folder);

// A checkpoint that was found, and how.
struct FoundCheckpoint {
  std::string prefix;
  // For people; says what was passed over, e.g. "folder was moved".
  std::string explanation;
};

// The newest checkpoint of a folder whose files exist. Looked at in turn: the
// path that the state file names; the same name inside the folder; the older
// entries of the state file, newest first, the same two ways; every
// checkpoint in the folder, by time of change and then global step.
// NOT_FOUND: none; the message says where was looked.
absl::StatusOr<FoundCheckpoint> LatestCheckpoint(FileSystem& fs,
                                                 const std::string& folder);

// Whether there is a checkpoint under that prefix: `<prefix>.index`, or files
// that fit the pattern `prefix` (format V1).
bool CheckpointExists(FileSystem& fs, const std::string& prefix);

// Whether a checkpoint of format V1, which is one file without an ending of its
// own, may have this name: not the state file's, nor that of other files of a
// model.
bool IsV1Name(absl::string_view name);

// Of several files of format V1: "1 of 2 files are there". Empty if all are,
// and for other prefixes.
std::string MissingShards(FileSystem& fs, const std::string& prefix);

struct CheckpointInfo {
  std::string prefix;        // of several files of format V1: a pattern
  int format = 2;            // 1 or 2
  int64_t global_step = -1;  // the number at the end of the name; -1: none
  absl::Time modified;       // of the index, or of the newest V1 file
  uint64_t size = 0;         // of index and data files
  bool in_state_file = false;
  bool latest = false;  // what the state file names
};

// Every checkpoint in the folder, oldest first. Format V1 has no index to be
// known by: files count that the state file names or that have a `.meta` beside
// them.
absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(
    FileSystem& fs, const std::string& folder);

// Which checkpoints stay: the two fields of a SaverDef.
struct Retention {
  int max_to_keep = 0;  // 0: all
  // Of those beyond max_to_keep, one in so many hours stays for good, though
  // the state file does not name it any more; 0: none does.
  double keep_every_n_hours = 0;
};

// Makes `prefix` the newest entry of the state file in `folder`, durably.
// Paths inside the folder are written relative to it, so that it can be moved.
// Returns the prefixes that fell off and have files in the folder, which the
// caller may remove.
absl::StatusOr<std::vector<std::string>> UpdateCheckpointState(
    FileSystem& fs, const std::string& folder, const std::string& prefix,
    const Retention& retention);

// Removes the files of a checkpoint but those of `spare`: first what it is
// found by (index, `.meta` of V1), so that no half of it counts as one. Missing
// files are fine.
absl::Status RemoveCheckpoint(FileSystem& fs, const std::string& prefix,
                              absl::Span<const std::string> spare = {});

// Removes the temporary files and folders in `folder` that were last changed
// before `before`: what a process that was killed while it saved left there.
void RemoveStaleTempFiles(FileSystem& fs, const std::string& folder,
                          absl::Time before);

// "model-20" → 20; -1 if the name has no such end. Not minding the shards of
// format V1.
int64_t GlobalStepOf(absl::string_view prefix);

// "model.ckpt-20" → "model.ckpt"; without the shards of format V1, too.
absl::string_view WithoutGlobalStep(absl::string_view prefix);

}  // namespace metagraph
