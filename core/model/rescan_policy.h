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
  bool failed = false;  // kEnd because it could not be loaded
};

// What a model's path holds now and what is served of it.
struct RescanSnapshot {
  std::vector<ServedVersion> served;
  // Whether the path can be read and holds a model at all.
  bool found = false;
  int64_t newest_version = 0;
  std::string newest_checkpoint;  // in that version's folder; empty: none
  // Restored, refused or saved before, as it is now: not to be tried again.
  bool checkpoint_seen = false;
  // Somebody asked, so that what failed is tried once more.
  bool retry_failed = false;
};

struct RescanAction {
  enum class Kind { kNothing, kLoad, kRestore, kUnload };
  Kind kind = Kind::kNothing;
  int64_t version = 0;
  std::string checkpoint;
};

// The next step that brings what is served closer to what the folder holds, at
// most one. A new version is loaded before an old one is unloaded.
RescanAction NextAction(const RescanSnapshot& snapshot);

}  // namespace metagraph
