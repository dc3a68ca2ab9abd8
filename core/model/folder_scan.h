#pragma once

// What a model's path holds at this moment, and whether it is whole.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/io/file_system.h"
#include "core/model/model_folder.h"

namespace metagraph {

// Changes with the files of a model, also while they are being copied.
struct ModelStamp {
  std::string graph_path;
  CheckpointStamp graph;    // its files, and the assets of a SavedModel
  std::string checkpoint;   // the newest
  CheckpointStamp weights;  // its files, and those of the one to begin with

  bool operator==(const ModelStamp& other) const = default;
  bool SameGraph(const ModelStamp& other) const {
    return graph_path == other.graph_path && graph == other.graph;
  }
  bool SameWeights(const ModelStamp& other) const {
    return checkpoint == other.checkpoint && weights == other.weights;
  }
  // When the newest file was changed.
  absl::Time modified() const {
    return std::max(graph.modified, weights.modified);
  }
};

ModelStamp StampOf(FileSystem& fs, const ModelFolder& folder);

// The checkpoint that the state file names as the newest, if it is not there
// and an older one is taken; else empty.
std::string NamedButMissing(FileSystem& fs, const ModelFolder& folder);

// What the checkpoint lacks: an index that cannot be read, data files that are
// not there or too short. Empty if nothing. Reads the index only.
std::string MissingOfCheckpoint(FileSystem& fs, const std::string& prefix);

// What the model lacks, for people; empty if it is whole: its graph can be
// read, its checkpoint has all files at full size, a SavedModel has its assets.
// `needs_weights`: a graph with variables must have a checkpoint. Reads the
// whole graph.
std::string MissingOfModel(FileSystem& fs, const ModelFolder& folder,
                           bool needs_weights);

// A version as it lies on the disk.
struct VersionOnDisk {
  int64_t version = 0;
  std::string path;
  absl::StatusOr<ModelFolder> folder;  // an error: there is no model in it yet
  ModelStamp stamp;
};

// All versions in `path`, the newest first; one, 0, if it holds none. An error
// if the path cannot be read, or holds nothing that could become a model.
absl::StatusOr<std::vector<VersionOnDisk>> ScanFolder(FileSystem& fs,
                                                      const std::string& path);

// As FindModel, but of several versions takes the newest that is whole; if none
// is, the newest that holds a model. The note says what was passed over.
absl::StatusOr<ModelFolder> FindWholeModel(FileSystem& fs,
                                           const std::string& path,
                                           const FindOptions& options);

}  // namespace metagraph
