#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace metagraph {

// What the world sees of a model's life.
enum class ModelState { kStart, kLoading, kAvailable, kUnloading, kEnd };

// Something that happened to a model.
struct ModelEvent {
  enum class Kind { kState, kGeneration, kRestore, kSave };
  // What made a generation.
  enum class Change { kNone, kRun, kRollback, kAssign, kInitialize, kExtend };
  Kind kind = Kind::kState;
  absl::Time time;
  std::string model;
  int64_t version = 0;
  ModelState state = ModelState::kStart;
  int64_t generation = 0;
  std::string checkpoint;  // restored or saved
  absl::Status status;     // how it ended
  // Loaded by a look at its folder, which reports it itself.
  bool by_rescan = false;
  Change change = Change::kNone;
  // Of restores and saves that succeeded, and of loads where it is known.
  int64_t previous_generation = 0;
  int64_t variables = 0;
  int64_t bytes = 0;
  // Generations that a restore had no room beside, so that no rollback finds
  // them in memory any more.
  std::vector<int64_t> given_up = {};
  absl::Duration duration;  // of whatever ended, failures too
};

// Hands events to whoever listens. Thread-safe.
class EventBus {
 public:
  // Must return at once: it runs on the thread where the event happened.
  using Listener = std::function<void(const ModelEvent&)>;

  int64_t Subscribe(Listener listener) EXCLUDES(mu_);
  // After this returns the listener will not be called any more.
  void Unsubscribe(int64_t token) EXCLUDES(mu_);
  void Publish(const ModelEvent& event) EXCLUDES(mu_);
  bool has_listeners() const EXCLUDES(mu_);

 private:
  mutable Mutex mu_;
  int64_t next_token_ GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<int64_t, Listener> listeners_ GUARDED_BY(mu_);
};

}  // namespace metagraph
