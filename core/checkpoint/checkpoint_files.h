#pragma once

// The files of one checkpoint as they lie in its folder.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/io/file_system.h"

namespace metagraph {

// Changes with the files of a checkpoint, also while they are being copied.
struct CheckpointStamp {
  absl::Time modified = absl::InfinitePast();  // of the newest file
  uint64_t bytes = 0;                          // of all files

  bool operator==(const CheckpointStamp& other) const = default;
};

struct CheckpointFiles {
  int format = 0;  // 1 or 2; 0: there is no checkpoint
  // The index and the data files, or the files of format V1; sorted. Data files
  // without an index are listed all the same.
  std::vector<std::string> paths;
  // When it was finished: of the index, or of the newest file of format V1.
  absl::Time written = absl::InfinitePast();
  CheckpointStamp stamp;
};

// What there is of the checkpoint `prefix`, as a reader would take it: format
// V2 if there is an index, else V1, where `prefix` may be a pattern.
CheckpointFiles FindFiles(FileSystem& fs, const std::string& prefix);
// Of format V2 only, by the sorted `names` of all that is in `folder`. `base`
// is the prefix without the folder.
CheckpointFiles FindV2Files(FileSystem& fs, const std::string& folder,
                            const std::vector<std::string>& names,
                            absl::string_view base);

// As FindFiles, for removing: of format V1 nothing but the number of a file is
// a wildcard, and no file counts that only has the name.
CheckpointFiles FindOwnFiles(FileSystem& fs, const std::string& prefix);

// Whether there is a checkpoint under that prefix.
bool CheckpointExists(FileSystem& fs, const std::string& prefix);

// Of several files of format V1: "1 of 2 files are there". Empty if all are,
// and for other prefixes.
std::string MissingShards(FileSystem& fs, const std::string& prefix);

// Removes the files of a checkpoint but those of `spare`: first what it is
// found by (index, `.meta` of V1), so that no half of it counts as one. Missing
// files are fine.
absl::Status RemoveCheckpoint(FileSystem& fs, const std::string& prefix,
                              absl::Span<const std::string> spare = {});

// Removes the temporary files and folders in `folder` that were last changed
// before `before`: what a process that was killed while it saved left there.
void RemoveStaleTempFiles(FileSystem& fs, const std::string& folder,
                          absl::Time before);

}  // namespace metagraph
