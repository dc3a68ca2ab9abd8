#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/io/file_system.h"
#include "core/model/model_folder.h"

namespace metagraph {

// Where a save goes. `wanted` is a prefix relative to the model's folder, or
// absolute; "folder/" and "" leave the name to the model.

// The folder; the model's own is known by one name only.
std::string FolderOfSave(FileSystem& fs, const std::string& wanted,
                         const ModelFolder& folder);

// The prefix, of a file in `save_folder`. A model names its checkpoints as the
// one that it serves ("" if there is none). INVALID_ARGUMENT: the name would be
// that of one file of a checkpoint, a pattern, or a temporary file's.
absl::StatusOr<std::string> PrefixOfSave(const std::string& wanted,
                                         const std::string& save_folder,
                                         const ModelFolder& folder,
                                         const std::string& serving,
                                         std::optional<int64_t> global_step);

}  // namespace metagraph
