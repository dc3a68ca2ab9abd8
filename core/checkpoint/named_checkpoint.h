#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/io/file_system.h"

namespace metagraph {

// The prefix of the checkpoint that people mean by a path: its prefix, also one
// that ends in a slash; one of its files (`.index`, `.meta`, `.data-…`, a file
// of format V1 in several); a folder or its state file, for the newest in it.
// NOT_FOUND: none, with the nearest names, or what is missing of it.
absl::StatusOr<std::string> CheckpointOfPath(FileSystem& fs,
                                             const std::string& path);

}  // namespace metagraph
