#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/io/file_system.h"

namespace metagraph {

// What a path that a user names as a model holds.
struct ModelFolder {
  enum class Kind {
    kCheckpoints,  // a graph, and checkpoints beside it, if there are any
    kSavedModel,   // its variables are in the folder "variables"
  };
  Kind kind = Kind::kCheckpoints;

  // Of the version that was chosen; 0 without version folders.
  int64_t version = 0;
  // Where checkpoints lie and are saved, and where relative paths start.
  std::string directory;
  // What ReadMetaGraph takes: a file, or a SavedModel's folder. Empty: there is
  // no graph, only a checkpoint.
  std::string graph_path;
  bool graph_is_named = false;  // by the caller; not chosen from the folder
  // Prefix of the checkpoint to begin with; empty if there is none. It may be
  // for another graph: one without variables needs none.
  std::string checkpoint;
  // Of several models in one folder only the checkpoints of this name, with or
  // without a step, are this model's; none: all in the folder are.
  std::optional<std::string> series;
  // Prefix of the newest of the model's checkpoints: what a watcher offers.
  std::string newest;
  // Those of the model that were passed over for `checkpoint`, as they were:
  // no news to a watcher.
  std::vector<CheckpointInfo> passed_over;
  // For people, about the checkpoint: why there is none, or what was passed
  // over.
  std::string note;
};

struct FindOptions {
  std::optional<int64_t> version;
  // Take a checkpoint without a graph, too.
  bool checkpoint_alone = false;
};

// Looks into `path`, which may be
// - a folder with a SavedModel, with `.meta` files and checkpoints, with one
//   other graph, or with version folders ("1", "2", …), of which
//   `options.version`, or else the newest that holds a model, is taken;
// - the file of a graph. It takes the checkpoint of its own name, or else the
//   newest of that name with a step, or else the folder's newest;
// - a checkpoint, as CheckpointOfPath takes it, with the graph of its name or
//   the one graph beside it.
// What a file holds, its content tells, not its name.
// NOT_FOUND: no such path or version, or nothing in it to serve; the message
// says what was looked for.
absl::StatusOr<ModelFolder> FindModel(FileSystem& fs, const std::string& path,
                                      const FindOptions& options = {});

// The prefix of a SavedModel's checkpoint, whether or not it is there.
std::string VariablesOf(absl::string_view saved_model);

// What is wrong with the state file of a folder: it cannot be read, or what it
// names is not there, and what is taken instead. Empty if nothing, or if there
// is no such file.
std::string StateFileProblem(FileSystem& fs, const std::string& directory);

// The numbers of the version folders in `path`, ascending.
std::vector<int64_t> ListVersions(FileSystem& fs, const std::string& path);

// The checkpoints that are this model's, oldest first.
absl::StatusOr<std::vector<CheckpointInfo>> ListOwnCheckpoints(
    FileSystem& fs, const ModelFolder& folder);

// What a caller means by a checkpoint of the model: one as CheckpointOfPath
// takes it, absolute or relative to the folder, or, if empty, the newest of
// this model's. NOT_FOUND: there is none.
absl::StatusOr<std::string> ResolveCheckpoint(FileSystem& fs,
                                              const ModelFolder& folder,
                                              const std::string& checkpoint);

}  // namespace metagraph
