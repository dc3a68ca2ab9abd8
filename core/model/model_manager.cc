#include "core/model/model_manager.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// Changes with the files of the graph.
CheckpointStamp GraphStampOf(FileSystem& fs, const ModelFolder& folder) {
  CheckpointStamp stamp;
  std::vector<std::string> paths = {folder.graph_path};
  if (folder.kind == ModelFolder::Kind::kSavedModel) {
    paths = {JoinPath(folder.graph_path, "saved_model.pb"),
             JoinPath(folder.graph_path, "saved_model.pbtxt")};
  }
  for (const std::string& path : paths) {
    const auto info = fs.Stat(path);
    if (!info.ok()) continue;
    stamp.modified = std::max(stamp.modified, info->modified);
    stamp.bytes += info->size;
  }
  return stamp;
}

}  // namespace

ModelManager::ModelManager(ModelEnvironment environment)
    : environment_(std::move(environment)), state_(std::make_shared<State>()) {
  environment_.events = &state_->events;
}

ModelManager::~ModelManager() {
  std::map<Key, Entry> entries;  // freed after the lock
  absl::flat_hash_map<std::string, std::shared_ptr<Model>> newest;
  MutexLock lock(state_->mu);
  while (state_->loading > 0) state_->changed.Wait(state_->mu);
  entries.swap(state_->entries);
  newest.swap(state_->newest);
}

void ModelManager::State::UpdateNewest(const std::string& name) {
  // Ascending by version: the last one available wins.
  std::shared_ptr<Model> best;
  for (auto it = entries.lower_bound({name, 0});
       it != entries.end() && it->first.first == name; ++it) {
    if (it->second.shown.state == ModelState::kAvailable) {
      best = it->second.shown.model;
    }
  }
  if (best == nullptr) {
    newest.erase(name);
  } else {
    newest[name] = std::move(best);
  }
}

void ModelManager::Tell(const Key& key, ModelState state,
                        const absl::Status& status) {
  ModelEvent event;
  event.kind = ModelEvent::Kind::kState;
  event.time = environment_.clock->Now();
  event.model = key.first;
  event.version = key.second;
  event.state = state;
  event.status = status;
  state_->events.Publish(event);
}

absl::StatusOr<int64_t> ModelManager::Load(const std::string& name,
                                           const std::string& path,
                                           std::optional<int64_t> version) {
  if (name.empty()) return InvalidArgument("a model needs a name");
  auto folder = FindModel(*environment_.files, path,
                          {version, environment_.checkpoint_alone});
  if (!folder.ok()) {
    return Annotate(folder.status(), "model \"", name, "\": ");
  }
  RETURN_IF_ERROR(Start(name, path, *folder));
  {
    MutexLock lock(state_->mu);
    state_->sources[name] = {path, version};
  }
  return folder->version;
}

absl::Status ModelManager::Start(const std::string& name,
                                 const std::string& path,
                                 const ModelFolder& folder) {
  const Key key(name, folder.version);
  {
    MutexLock lock(state_->mu);
    for (const auto& [known, entry] : state_->entries) {
      if (known.first != name || entry.shown.state == ModelState::kEnd ||
          (entry.shown.path == path && known != key)) {
        continue;
      }
      return FailedPrecondition("the name \"", name, "\" is in use, for \"",
                                entry.shown.path, "\"");
    }
    Entry& entry = state_->entries[key];
    entry = Entry();
    entry.shown.name = name;
    entry.shown.version = folder.version;
    entry.shown.path = path;
    entry.shown.state = ModelState::kLoading;
    ++state_->loading;
  }
  Tell(key, ModelState::kLoading, absl::OkStatus());
  if (environment_.lifecycle_pool == nullptr) {
    LoadNow(key, folder);
  } else {
    environment_.lifecycle_pool->Schedule(
        [this, key, folder] { LoadNow(key, folder); });
  }
  return absl::OkStatus();
}

void ModelManager::LoadNow(const Key& key, const ModelFolder& folder) {
  CallContext call;
  // Before loading: a file that is completed meanwhile has changed.
  const CheckpointStamp tried =
      FindFiles(*environment_.files, folder.checkpoint).stamp;
  const CheckpointStamp graph = GraphStampOf(*environment_.files, folder);
  auto loaded = Model::Load(key.first, folder, environment_, call);
  const absl::Status status =
      Annotate(loaded.status(), "model \"", key.first, "\": ");
  std::shared_ptr<Model> model;
  if (loaded.ok()) model = Share(*std::move(loaded));
  const ModelState state =
      status.ok() ? ModelState::kAvailable : ModelState::kEnd;
  {
    MutexLock lock(state_->mu);
    Entry& entry = state_->entries[key];
    entry.shown.state = state;
    entry.shown.error = status;
    entry.shown.model = std::move(model);
    entry.tried_checkpoint = folder.checkpoint;
    entry.tried_stamp = tried;
    entry.tried_graph = graph;
    state_->UpdateNewest(key.first);
  }
  Tell(key, state, status);
  // Last, since the manager may go when nothing is loading any more.
  MutexLock lock(state_->mu);
  --state_->loading;
  state_->changed.NotifyAll();
}

std::shared_ptr<Model> ModelManager::Share(std::unique_ptr<Model> model) {
  const Key key(model->name(), model->version());
  // The last run that lets go may be on a serving thread, which must not be
  // held up by freeing a gigabyte.
  const auto free = [state = state_, key,
                     clock = environment_.clock](const Model* dead) {
    delete dead;
    {
      MutexLock lock(state->mu);
      const auto it = state->entries.find(key);
      if (it == state->entries.end() ||
          it->second.shown.state != ModelState::kUnloading) {
        return;
      }
      state->entries.erase(it);
      state->changed.NotifyAll();
    }
    ModelEvent event;
    event.time = clock->Now();
    event.model = key.first;
    event.version = key.second;
    event.state = ModelState::kEnd;
    state->events.Publish(event);
  };
  ThreadPool* pool = environment_.lifecycle_pool;
  return std::shared_ptr<Model>(model.release(), [free, pool](Model* dead) {
    if (pool == nullptr) {
      free(dead);
    } else {
      pool->Schedule([free, dead] { free(dead); });
    }
  });
}

absl::Status ModelManager::WaitUntilLoaded(absl::string_view name,
                                           int64_t version, CallContext& call) {
  const Key key(name, version);
  MutexLock lock(state_->mu);
  while (true) {
    const auto it = state_->entries.find(key);
    if (it == state_->entries.end()) {
      return NotFound("model \"", name, "\" was unloaded");
    }
    const ManagedModel& shown = it->second.shown;
    if (shown.state == ModelState::kAvailable) return absl::OkStatus();
    if (shown.state == ModelState::kEnd) return shown.error;
    RETURN_IF_ERROR(call.Check());
    // Wakes now and then for the caller's deadline.
    state_->changed.WaitFor(state_->mu, std::chrono::milliseconds(20));
  }
}

absl::StatusOr<int64_t> ModelManager::Unload(absl::string_view name,
                                             std::optional<int64_t> version,
                                             int64_t expected_generation) {
  std::vector<std::pair<Key, std::shared_ptr<Model>>> unloaded;
  int64_t generation = 0;
  {
    MutexLock lock(state_->mu);
    const std::string key_name(name);
    std::vector<Key> keys;
    for (auto it = state_->entries.lower_bound({key_name, 0});
         it != state_->entries.end() && it->first.first == key_name; ++it) {
      if (version && *version != it->first.second) continue;
      const ManagedModel& shown = it->second.shown;
      if (shown.state == ModelState::kLoading) {
        return absl::UnavailableError(
            absl::StrCat("model \"", name, "\" is loading"));
      }
      if (shown.model != nullptr) {
        generation = shown.model->generation_number();
        if (expected_generation >= 0 && generation != expected_generation) {
          return WrongGeneration(generation, expected_generation);
        }
      }
      keys.push_back(it->first);
    }
    if (!keys.empty()) {
      for (const Key& key : keys) {
        Entry& entry = state_->entries[key];
        unloaded.emplace_back(key, std::move(entry.shown.model));
        if (unloaded.back().second == nullptr) {
          state_->entries.erase(key);
        } else {
          entry.shown.state = ModelState::kUnloading;
        }
      }
      if (!version) state_->sources.erase(key_name);
      state_->UpdateNewest(key_name);
    }
  }
  if (unloaded.empty()) return NotServed(name, version);
  for (auto& [key, model] : unloaded) {
    if (model != nullptr) {
      Tell(key, ModelState::kUnloading, absl::OkStatus());
    }
    model.reset();
  }
  return generation;
}

absl::StatusOr<std::shared_ptr<Model>> ModelManager::Find(
    absl::string_view name, std::optional<int64_t> version) const {
  {
    MutexLock lock(state_->mu);
    if (!version) {
      const auto it = state_->newest.find(name);
      if (it != state_->newest.end()) return it->second;
    } else {
      const auto it = state_->entries.find(Key(name, *version));
      if (it != state_->entries.end() && it->second.shown.model != nullptr) {
        return it->second.shown.model;
      }
    }
  }
  return NotServed(name, version);
}

absl::Status ModelManager::NotServed(absl::string_view name,
                                     std::optional<int64_t> version) const {
  std::vector<std::string> names;
  MutexLock lock(state_->mu);
  for (const auto& [key, entry] : state_->entries) {
    names.push_back(key.first);
    if (key.first != name || (version && *version != key.second)) continue;
    switch (entry.shown.state) {
      case ModelState::kEnd:
        return absl::FailedPreconditionError(
            absl::StrCat("could not be loaded: ", entry.shown.error.message()));
      case ModelState::kUnloading:
        return absl::UnavailableError(
            absl::StrCat("model \"", name, "\" is being unloaded"));
      default:
        return absl::UnavailableError(
            absl::StrCat("model \"", name, "\" is loading"));
    }
  }
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    return NotFound("model \"", name, "\" has no version ", *version,
                    " that is served");
  }
  const std::vector<absl::string_view> known(names.begin(), names.end());
  const std::vector<std::string> nearest = NearestNames(name, known);
  return WithDetails(
      NotFound("no model \"", name, "\" is served", DidYouMean(nearest)),
      {{"name", std::string(name)}, {"nearest", JoinNames(nearest)}});
}

std::vector<ManagedModel> ModelManager::List() const {
  std::vector<ManagedModel> out;
  MutexLock lock(state_->mu);
  for (const auto& [key, entry] : state_->entries) out.push_back(entry.shown);
  return out;
}

void ModelManager::Rescan(bool retry_failed, CallContext& call) {
  std::map<std::string, Source> sources;
  {
    MutexLock lock(state_->mu);
    sources = state_->sources;
  }
  for (const auto& [name, source] : sources) {
    if (call.Check().ok()) RescanOne(name, source, retry_failed, call);
  }
}

void ModelManager::RescanOne(const std::string& name, const Source& source,
                             bool retry_failed, CallContext& call) {
  // One step at a time, each from a fresh look; bounded, since a step that
  // fails may be wanted again.
  for (int step = 0; step < 4; ++step) {
    RescanSnapshot snapshot;
    snapshot.retry_failed = retry_failed && step == 0;
    const auto folder =
        FindModel(*environment_.files, source.path, {source.pinned});
    snapshot.found = folder.ok();
    std::shared_ptr<Model> newest;
    if (folder.ok()) {
      snapshot.newest_version = folder->version;
      snapshot.newest_checkpoint = folder->newest;
      const CheckpointStamp stamp =
          FindFiles(*environment_.files, folder->checkpoint).stamp;
      const CheckpointStamp graph = GraphStampOf(*environment_.files, *folder);
      MutexLock lock(state_->mu);
      for (const auto& [key, entry] : state_->entries) {
        if (key.first != name) continue;
        const ManagedModel& shown = entry.shown;
        snapshot.served.push_back({key.second, shown.state, !shown.error.ok()});
        if (key.second != folder->version) continue;
        newest = shown.model;
        snapshot.checkpoint_seen =
            entry.tried_checkpoint == folder->checkpoint &&
            entry.tried_stamp == stamp && entry.tried_graph == graph;
      }
    }
    if (newest != nullptr && !newest->takes_checkpoints()) {
      snapshot.newest_checkpoint.clear();
    } else if (newest != nullptr) {
      const auto last = newest->last_restore();
      const bool failed = last.has_value() && !last->status.ok() &&
                          last->checkpoint == snapshot.newest_checkpoint;
      snapshot.checkpoint_seen =
          newest->seen().HasSeen(snapshot.newest_checkpoint) &&
          !(failed && snapshot.retry_failed);
    }
    const RescanAction action = NextAction(snapshot);
    {
      // Unloaded meanwhile, or loaded from elsewhere.
      MutexLock lock(state_->mu);
      const auto now = state_->sources.find(name);
      if (now == state_->sources.end() || now->second.path != source.path) {
        return;
      }
    }
    switch (action.kind) {
      case RescanAction::Kind::kNothing:
        return;
      case RescanAction::Kind::kLoad:
        if (!Start(name, source.path, *folder).ok()) return;
        WaitUntilLoaded(name, action.version, call).IgnoreError();
        break;
      case RescanAction::Kind::kUnload:
        Unload(name, action.version, -1).IgnoreError();
        break;
      case RescanAction::Kind::kRestore: {
        // How it ends is told by an event and kept as the last restore.
        RestoreOptions options;
        options.checkpoint = action.checkpoint;
        newest->Restore(options, nullptr, call).IgnoreError();
        break;
      }
    }
  }
}

}  // namespace metagraph
