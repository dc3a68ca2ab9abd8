#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/model/event_bus.h"
#include "core/model/folder_scan.h"
#include "core/model/model.h"

namespace metagraph {

// One version of a model and where it stands.
struct ManagedModel {
  std::string name;
  int64_t version = 0;
  std::string path;  // as the user named it
  ModelState state = ModelState::kStart;
  absl::Status error;            // why it ended, if it failed to load
  std::shared_ptr<Model> model;  // while kAvailable
  // For people: what its path holds that is not served yet, and why.
  std::string awaited;
  std::vector<std::string> labels;  // that stand for it; List() tells
  int64_t serial = 0;               // of the load, over all models
  ModelStamp tried;                 // the files just before that
  bool by_rescan = false;           // loaded by a look at its folder
};

// Which versions of a model are loaded, and kept loaded.
struct VersionPolicy {
  static constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  int64_t newest = 1;         // as many; 0: none but `numbers`
  std::set<int64_t> numbers;  // besides

  bool operator==(const VersionPolicy& other) const = default;
};

// Where versions of a model come from, and which are wanted.
struct ModelSource {
  std::string name;
  std::string path;
  bool follows_newest = false;
  int64_t newest_kept = 1;   // while it follows them
  std::set<int64_t> pinned;  // loaded by number
  // Names of versions, which stay loaded for them.
  std::map<std::string, int64_t> labels = {};
  std::set<int64_t> dropped;  // unloaded by number
  ModelOptions options = {};  // of all versions
};

// A version that is loaded and that nobody is served yet.
struct ModelAside {
  ModelFolder folder;
  ModelStamp tried;
  int64_t serial = 0;
  std::shared_ptr<Model> model;
  absl::Duration duration;  // of the load
};

// The models by name and version. Loads in the background; hands models out by
// shared_ptr, which keeps them alive; frees them in the background, after the
// last run has let go. Thread-safe; locks are held for map operations only.
class ModelManager {
 public:
  // Without a lifecycle pool everything happens on the caller's thread. The
  // pools outlive every model that was handed out.
  explicit ModelManager(ModelEnvironment environment);
  // Stops loads under way, and waits for them.
  ~ModelManager();
  ModelManager(const ModelManager&) = delete;
  ModelManager& operator=(const ModelManager&) = delete;

  // This name will be loaded: until then it is loading, not unknown.
  void Announce(const std::string& name, const std::string& path);
  // It will not.
  void ForgetAnnounced(const std::string& name);
  // Looks at the path at once and loads in the background. Without a version:
  // the newest that is whole, and later ones that Rescanner finds. Returns the
  // version being loaded. The options hold for all versions, and whenever one
  // is loaded again. NOT_FOUND as FindModel; FAILED_PRECONDITION: the name is
  // in use; INVALID_ARGUMENT: no name, or a name map that is none.
  // kWaitForMemory: as long as somebody is in WaitUntilLoaded for it, it waits
  // where there is no memory for models that were unloaded and are still held.
  enum class Patience { kNone, kWaitForMemory };
  absl::StatusOr<int64_t> Load(const std::string& name, const std::string& path,
                               std::optional<int64_t> version = {},
                               ModelOptions options = {},
                               Patience patience = Patience::kNone);
  // What was announced cannot even begin to load: the name has failed, unless
  // somebody has loaded it meanwhile.
  void SetFailed(const std::string& name, const std::string& path,
                 absl::Status error);
  // Until it is available, or has failed: then the reason.
  absl::Status WaitUntilLoaded(absl::string_view name, int64_t version,
                               CallContext& call);
  // Stops handing it out; the name is free at once, whatever runs still hold
  // the model. ABORTED unless at the expected generation (-1: any). Returns the
  // last generation. NOT_FOUND: nothing of that name and version.
  absl::StatusOr<int64_t> Unload(absl::string_view name,
                                 std::optional<int64_t> version,
                                 int64_t expected_generation);

  // Loads a version beside what is served, on this thread. Errors as
  // Model::Load.
  absl::StatusOr<ModelAside> LoadAside(const std::string& name,
                                       const ModelFolder& folder,
                                       const ModelOptions& options,
                                       CallContext& call);
  // In one step serves these versions in place of all that `source.name` had
  // from `old_path`, and follows `source`. ABORTED: somebody else has loaded
  // the name meanwhile; FAILED_PRECONDITION: a label of another version. Then
  // nothing changes.
  absl::Status TakeOver(const ModelSource& source, const std::string& old_path,
                        std::vector<ModelAside> versions);
  // Loads under way end soon, as UNAVAILABLE, and none begins any more.
  void StopLoads();

  // From now on these versions are wanted; Rescanner loads and unloads.
  // REQUIRES: the model is loaded.
  void SetPolicy(const std::string& name, const VersionPolicy& policy);
  // What Find, Unload and VersionOf take as NAME@LABEL from now on, in place of
  // what was. FAILED_PRECONDITION: a version is not available; nothing changes.
  absl::Status SetLabels(const std::string& name,
                         const std::map<std::string, int64_t>& labels);
  // What a label stands for. NOT_FOUND: the model has none of that name.
  absl::StatusOr<int64_t> VersionOf(absl::string_view name,
                                    absl::string_view label) const;
  // The version that has the label now. Errors as Find and VersionOf.
  absl::StatusOr<std::shared_ptr<Model>> FindLabelled(
      absl::string_view name, absl::string_view label) const;
  // If `name` is NAME@LABEL of a model that is served, splits it.
  bool ResolveLabel(std::string* name, std::optional<int64_t>* version) const;

  // The version, or the newest one available; NAME@LABEL is the version that
  // has the label now. NOT_FOUND: no such model, with
  // similar names; UNAVAILABLE: it is loading or unloading;
  // FAILED_PRECONDITION: it could not be loaded.
  absl::StatusOr<std::shared_ptr<Model>> Find(
      absl::string_view name, std::optional<int64_t> version = {}) const;
  // Every version, by name and number.
  std::vector<ManagedModel> List() const;

  // --- for Rescanner ---

  std::vector<ModelSource> Sources() const;
  // Loads a version of what is a source already, and waits for it.
  absl::Status LoadVersion(const ModelSource& source, const ModelFolder& folder,
                           CallContext& call);
  // Loads it anew while it serves, and then serves that. After any failure it
  // goes on as it is. ABORTED: it was unloaded meanwhile.
  absl::Status Replace(const ManagedModel& served, const ModelFolder& folder,
                       CallContext& call);
  // Unload, but a later look may load it again.
  void Retire(const std::string& name, int64_t version);
  void SetAwaited(const std::string& name, std::string awaited);

  EventBus& events() { return state_->events; }
  const ModelEnvironment& environment() const { return environment_; }

 private:
  using Key = std::pair<std::string, int64_t>;
  // A load that may wait for memory.
  struct PatientLoad {
    ModelFolder folder;
    ModelOptions options;
    bool waits = false;  // and if so:
    absl::Status error;  // what it has found
    int64_t freed = 0;   // as in State, when it began
  };
  enum class NextStep { kWait, kTryAgain, kGiveUp };
  // Shared with the models' deleters, which may run after the manager.
  struct State {
    EventBus events;
    mutable Mutex mu;
    CondVar changed;
    int loading GUARDED_BY(mu) = 0;
    int64_t last_serial GUARDED_BY(mu) = 0;
    std::map<Key, ManagedModel> entries GUARDED_BY(mu);
    // Unloaded, but runs still hold them; by serial.
    std::map<int64_t, ManagedModel> leaving GUARDED_BY(mu);
    // The same for those in whose place another serves, of which nobody is
    // told; their serials.
    std::set<int64_t> replaced GUARDED_BY(mu);
    // Models of which something is in memory; by serial.
    std::set<int64_t> held GUARDED_BY(mu);
    int64_t freed GUARDED_BY(mu) = 0;  // that were leaving or replaced
    std::map<Key, PatientLoad> patient GUARDED_BY(mu);  // while kLoading
    std::map<std::string, std::string> announced GUARDED_BY(mu);  // paths
    std::map<std::string, ModelSource> sources GUARDED_BY(mu);
    std::map<std::string, std::string> awaited GUARDED_BY(mu);
    // What Find answers without a version.
    absl::flat_hash_map<std::string, std::shared_ptr<Model>> newest
        GUARDED_BY(mu);

    void UpdateNewest(const std::string& name) REQUIRES(mu);
    // Whether models that do not serve any more will give memory back.
    bool WillFree() const REQUIRES(mu) {
      return !leaving.empty() || !replaced.empty();
    }
    // `ending`: no load is tried again.
    NextStep NextOf(const Key& key, int64_t serial, bool ending) const
        REQUIRES(mu);
  };
  class Held;

  absl::Status Start(const std::string& name, const std::string& path,
                     const ModelFolder& folder, const ModelOptions& options,
                     bool by_rescan, Patience patience = Patience::kNone);
  void ScheduleLoad(const Key& key, int64_t serial, const ModelFolder& folder,
                    const ModelOptions& options);
  // With memory that has been given back since.
  void LoadAgain(const Key& key);
  void GiveUpLoad(const Key& key);
  void LoadNow(const Key& key, int64_t serial, const ModelFolder& folder,
               const ModelOptions& options);
  // For what is loaded as this serial.
  std::shared_ptr<Held> Hold(int64_t serial);
  ModelEnvironment EnvironmentWith(std::shared_ptr<Held> held) const;
  std::shared_ptr<Model> Share(std::unique_ptr<Model> model,
                               std::shared_ptr<Held> held);
  static ModelEvent EventOf(const ManagedModel& entry, int64_t generation,
                            absl::Time now);
  void Publish(const ManagedModel& entry, int64_t generation);
  absl::StatusOr<int64_t> TakeOut(absl::string_view name,
                                  std::optional<int64_t> version,
                                  int64_t expected_generation, bool for_good);
  // Whether a model of that name is served, or will be.
  bool IsNamed(absl::string_view name) const;
  absl::Status NotServed(absl::string_view name,
                         std::optional<int64_t> version) const;

  ModelEnvironment environment_;  // constant
  CallContext loads_;             // for whom all loads are done
  const std::shared_ptr<State> state_;
};

}  // namespace metagraph
