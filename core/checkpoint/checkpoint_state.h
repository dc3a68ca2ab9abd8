#pragma once

// The file `checkpoint` of a folder, which names the newest checkpoint and
// those that are kept.

#include <string>

#include "absl/status/statusor.h"
#include "core/io/file_system.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {

// The file as it stands; paths are not resolved. NOT_FOUND: there is none.
// INVALID_ARGUMENT: not a text proto, or no model_checkpoint_path.
absl::StatusOr<tensorflow::CheckpointState> ReadCheckpointState(
    FileSystem& fs, const std::string& folder);

// Replaces it, durably; a crash leaves the old one or the new one.
absl::Status WriteCheckpointState(FileSystem& fs, const std::string& folder,
                                  const tensorflow::CheckpointState& state);

}  // namespace metagraph
