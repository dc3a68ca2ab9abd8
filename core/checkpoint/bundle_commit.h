#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/call_context.h"
#include "core/io/file_system.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {

// What an index holds beside its header, in the order of the file.
using BundleEntries = std::map<std::string, tensorflow::BundleEntryProto>;

// Those that were made, the outermost first.
using CreatedFolders = std::vector<std::string>;

// Makes the folder of `prefix` if it is missing. `parents`: also those above
// it; without, as TensorFlow does, NOT_FOUND if more than one is missing.
absl::StatusOr<CreatedFolders> CreateFolderOf(FileSystem& fs,
                                              absl::string_view prefix,
                                              bool parents = false);

// Takes them back, as far as they are empty.
void RemoveFolders(FileSystem& fs, const CreatedFolders& folders);

// Makes data files that are complete and synced, shard i being data_files[i],
// the checkpoint `prefix`: renames them, writes the index, removes the data
// files of a checkpoint that was there before. Commits in one folder wait for
// each other as long as `call` lasts (WaitForFolder); of a call that has ended
// nothing is committed. After an error the data files are where they were, and
// so is the old checkpoint; unless it was the last sync: then the new one is
// there, and a crash may still bring the old one back, whose data files stay.
absl::Status CommitBundle(FileSystem& fs, const std::string& prefix,
                          absl::Span<const std::string> data_files,
                          const BundleEntries& entries, CallContext& call);

// Removes the data files that belong to an index of so many shards; 0: all.
void RemoveDataFiles(FileSystem& fs, const std::string& prefix, int shards);

}  // namespace metagraph
