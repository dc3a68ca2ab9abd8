#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/event_bus.h"

namespace metagraph {

// One version of a model, as it is served.
struct ServedVersion {
  int64_t version = 0;
  ModelState state = ModelState::kStart;
  bool pinned = false;  // asked for by its number: it stays
  // Its folder is gone, and not only for the moment.
  bool gone = false;
  // A whole checkpoint in its folder that is news; empty: none.
  std::string new_checkpoint;
  // Another graph in its folder, whole, with its weights, and wanted.
  bool new_graph = false;
};

// One version as it lies on the disk.
struct FoundVersion {
  int64_t version = 0;
  // It is whole, nobody is writing to it, and nothing says that loading it
  // would fail or is not wanted.
  bool loadable = false;
};

// What a model's path holds now and what is served of it.
struct RescanSnapshot {
  std::vector<ServedVersion> served;
  std::vector<FoundVersion> found;  // nothing if the path cannot be read
  bool follows_newest = true;       // else only pinned versions are wanted
  std::vector<int64_t> pinned;
  int64_t newest_kept = 1;  // as many, if it follows them
};

struct RescanAction {
  enum class Kind { kNothing, kLoad, kRestore, kReplaceGraph, kUnload };
  Kind kind = Kind::kNothing;
  int64_t version = 0;
  std::string checkpoint;

  bool operator==(const RescanAction& other) const = default;
};

// The next step that brings what is served closer to what the folder holds, at
// most one. The version that takes over is loaded before another is unloaded;
// if no version is left on the disk, what is served stays.
RescanAction NextAction(const RescanSnapshot& snapshot);

}  // namespace metagraph
