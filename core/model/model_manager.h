#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/model/event_bus.h"
#include "core/model/model.h"
#include "core/model/rescan_policy.h"

namespace metagraph {

// One version of a model and where it stands.
struct ManagedModel {
  std::string name;
  int64_t version = 0;
  std::string path;  // as the user named it
  ModelState state = ModelState::kStart;
  absl::Status error;            // why it ended, if it failed to load
  std::shared_ptr<Model> model;  // while kAvailable
};

// The models by name and version. Loads in the background; hands models out by
// shared_ptr, which keeps them alive; frees them in the background, after the
// last run has let go. Thread-safe; locks are held for map operations only.
class ModelManager {
 public:
  // Without a lifecycle pool everything happens on the caller's thread. The
  // pools outlive every model that was handed out.
  explicit ModelManager(ModelEnvironment environment);
  // Waits for loads under way.
  ~ModelManager();
  ModelManager(const ModelManager&) = delete;
  ModelManager& operator=(const ModelManager&) = delete;

  // Looks at the path at once and loads in the background. Returns the version
  // being loaded. NOT_FOUND as FindModel; FAILED_PRECONDITION: the name is in
  // use; INVALID_ARGUMENT: no name.
  absl::StatusOr<int64_t> Load(const std::string& name, const std::string& path,
                               std::optional<int64_t> version = {});
  // Until it is available, or has failed: then the reason.
  absl::Status WaitUntilLoaded(absl::string_view name, int64_t version,
                               CallContext& call);
  // Stops handing it out. ABORTED unless at the expected generation (-1: any).
  // Returns the last generation. NOT_FOUND: nothing of that name and version.
  absl::StatusOr<int64_t> Unload(absl::string_view name,
                                 std::optional<int64_t> version,
                                 int64_t expected_generation);

  // The version, or the newest one available. NOT_FOUND: no such model, with
  // similar names; UNAVAILABLE: it is loading or unloading;
  // FAILED_PRECONDITION: it could not be loaded.
  absl::StatusOr<std::shared_ptr<Model>> Find(
      absl::string_view name, std::optional<int64_t> version = {}) const;
  // Every version, by name and number.
  std::vector<ManagedModel> List() const;

  // Looks at the folders and loads, restores or unloads what differs, on the
  // caller's thread. `retry_failed`: also what failed before.
  void Rescan(bool retry_failed, CallContext& call);

  EventBus& events() { return state_->events; }
  const ModelEnvironment& environment() const { return environment_; }

 private:
  using Key = std::pair<std::string, int64_t>;
  struct Entry {
    ManagedModel shown;
    // What the last load found, to see whether another may end differently.
    std::string tried_checkpoint;
    CheckpointStamp tried_stamp;
    CheckpointStamp tried_graph;
  };
  struct Source {
    std::string path;
    std::optional<int64_t> pinned;  // the only version wanted
  };
  // Shared with the models' deleters, which may run after the manager.
  struct State {
    EventBus events;
    mutable Mutex mu;
    CondVar changed;
    int loading GUARDED_BY(mu) = 0;
    std::map<Key, Entry> entries GUARDED_BY(mu);
    std::map<std::string, Source> sources GUARDED_BY(mu);
    // What Find answers without a version.
    absl::flat_hash_map<std::string, std::shared_ptr<Model>> newest
        GUARDED_BY(mu);

    void UpdateNewest(const std::string& name) REQUIRES(mu);
  };

  absl::Status Start(const std::string& name, const std::string& path,
                     const ModelFolder& folder);
  void LoadNow(const Key& key, const ModelFolder& folder);
  std::shared_ptr<Model> Share(std::unique_ptr<Model> model);
  void Tell(const Key& key, ModelState state, const absl::Status& status);
  void RescanOne(const std::string& name, const Source& source,
                 bool retry_failed, CallContext& call);
  absl::Status NotServed(absl::string_view name,
                         std::optional<int64_t> version) const;

  ModelEnvironment environment_;  // constant
  const std::shared_ptr<State> state_;
};

}  // namespace metagraph
