#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/io/file_system.h"

namespace metagraph {

// What a path that a user names as a model holds.
struct ModelFolder {
  enum class Kind { kCheckpoints, kSavedModel, kFrozenGraph };
  Kind kind = Kind::kCheckpoints;

  // Of the version that was chosen; 0 without version folders.
  int64_t version = 0;
  // Where checkpoints lie and are saved, and where relative paths start.
  std::string directory;
  // What ReadMetaGraph takes: a file, or a SavedModel's folder.
  std::string graph_path;
  bool graph_is_named = false;  // by the caller; not chosen from the folder
  // Prefix of the newest checkpoint; empty if there is none.
  std::string checkpoint;
  // For people: why there is no checkpoint, or what was passed over.
  std::string note;
};

// Looks into `path`: a `.meta` file or a frozen graph; or a folder with `.meta`
// files and checkpoints, with a SavedModel, with one frozen graph, or with
// version folders ("1", "2", …), of which `version`, or else the newest that
// holds a model, is taken.
// NOT_FOUND: no such path or version, or nothing in it to serve; the message
// says what was looked for.
absl::StatusOr<ModelFolder> FindModel(FileSystem& fs, const std::string& path,
                                      std::optional<int64_t> version = {});

// What is wrong with the state file of a folder: it cannot be read, or what it
// names is not there, and what is taken instead. Empty if nothing, or if there
// is no such file.
std::string StateFileProblem(FileSystem& fs, const std::string& directory);

// The numbers of the version folders in `path`, ascending.
std::vector<int64_t> ListVersions(FileSystem& fs, const std::string& path);

// What a caller means by a checkpoint of the model: an absolute prefix, one
// relative to the folder, or, if empty, the newest. NOT_FOUND: there is none.
absl::StatusOr<std::string> ResolveCheckpoint(FileSystem& fs,
                                              const ModelFolder& folder,
                                              const std::string& checkpoint);

}  // namespace metagraph
