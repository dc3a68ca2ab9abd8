#include "core/model/model_manager.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/error_details.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

int64_t GenerationOf(const std::shared_ptr<Model>& model) {
  return model == nullptr ? 0 : model->generation_number();
}

absl::Status Ending() {
  return absl::UnavailableError("not loaded, since the server is ending");
}

}  // namespace

ModelManager::ModelManager(ModelEnvironment environment)
    : environment_(std::move(environment)), state_(std::make_shared<State>()) {
  environment_.events = &state_->events;
}

ModelManager::~ModelManager() {
  StopLoads();
  std::map<Key, ManagedModel> entries;  // freed after the lock
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
    if (it->second.state == ModelState::kAvailable) best = it->second.model;
  }
  if (best == nullptr) {
    newest.erase(name);
  } else {
    newest[name] = std::move(best);
  }
}

ModelEvent ModelManager::EventOf(const ManagedModel& entry, int64_t generation,
                                 absl::Time now) {
  ModelEvent event;
  event.kind = ModelEvent::Kind::kState;
  event.time = now;
  event.model = entry.name;
  event.version = entry.version;
  event.state = entry.state;
  event.generation = generation;
  event.status = entry.error;
  event.by_rescan = entry.by_rescan;
  return event;
}

void ModelManager::Publish(const ManagedModel& entry, int64_t generation) {
  state_->events.Publish(EventOf(entry, generation, environment_.clock->Now()));
}

void ModelManager::Announce(const std::string& name, const std::string& path) {
  MutexLock lock(state_->mu);
  state_->announced[name] = path;
}

void ModelManager::SetFailed(const std::string& name, const std::string& path,
                             absl::Status error) {
  ManagedModel failed;
  {
    MutexLock lock(state_->mu);
    state_->announced.erase(name);
    const auto first = state_->entries.lower_bound({name, 0});
    if (first != state_->entries.end() && first->first.first == name) return;
    failed.name = name;
    failed.path = path;
    failed.state = ModelState::kEnd;
    failed.error = std::move(error);
    state_->entries[{name, 0}] = failed;
  }
  Publish(failed, 0);
}

void ModelManager::ForgetAnnounced(const std::string& name) {
  MutexLock lock(state_->mu);
  state_->announced.erase(name);
}

absl::StatusOr<int64_t> ModelManager::Load(const std::string& name,
                                           const std::string& path,
                                           std::optional<int64_t> version,
                                           ModelOptions options,
                                           Patience patience) {
  if (name.empty()) return InvalidArgument("a model needs a name");
  if (loads_.cancelled()) return Ending();
  RETURN_IF_ERROR(NameMap::Parse(options.mapping).status());
  auto folder = FindWholeModel(*environment_.files, path,
                               {version, environment_.checkpoint_alone});
  if (!folder.ok()) {
    return Annotate(folder.status(), "model \"", name, "\": ");
  }
  RETURN_IF_ERROR(
      Start(name, path, *folder, options, /*by_rescan=*/false, patience));
  MutexLock lock(state_->mu);
  ModelSource& source = state_->sources[name];
  if (source.path != path) source = ModelSource();
  source.name = name;
  source.path = path;
  source.options = std::move(options);
  source.dropped.erase(folder->version);
  if (version) {
    source.pinned.insert(*version);
  } else {
    source.follows_newest = true;
  }
  return folder->version;
}

absl::Status ModelManager::Start(const std::string& name,
                                 const std::string& path,
                                 const ModelFolder& folder,
                                 const ModelOptions& options, bool by_rescan,
                                 Patience patience) {
  const Key key(name, folder.version);
  ManagedModel loading;
  {
    MutexLock lock(state_->mu);
    for (const auto& [known, entry] : state_->entries) {
      if (known.first != name || entry.state == ModelState::kEnd ||
          (entry.path == path && known != key)) {
        continue;
      }
      return FailedPrecondition("the name \"", name, "\" is in use, for \"",
                                entry.path, "\"");
    }
    ManagedModel& entry = state_->entries[key];
    entry = ManagedModel();
    entry.name = name;
    entry.version = folder.version;
    entry.path = path;
    entry.state = ModelState::kLoading;
    entry.serial = ++state_->last_serial;
    entry.by_rescan = by_rescan;
    loading = entry;
    state_->announced.erase(name);
    ++state_->loading;
    if (patience == Patience::kWaitForMemory) {
      PatientLoad& patient = state_->patient[key];
      patient.folder = folder;
      patient.options = options;
    }
  }
  Publish(loading, 0);
  ScheduleLoad(key, loading.serial, folder, options);
  return absl::OkStatus();
}

void ModelManager::ScheduleLoad(const Key& key, int64_t serial,
                                const ModelFolder& folder,
                                const ModelOptions& options) {
  if (environment_.lifecycle_pool == nullptr) {
    LoadNow(key, serial, folder, options);
    return;
  }
  environment_.lifecycle_pool->Schedule([this, key, serial, folder, options] {
    LoadNow(key, serial, folder, options);
  });
}

void ModelManager::LoadNow(const Key& key, int64_t serial,
                           const ModelFolder& folder,
                           const ModelOptions& options) {
  const int64_t start = SteadyNanos();
  // Before loading: a file that is completed meanwhile has changed.
  const ModelStamp tried = StampOf(*environment_.files, folder);
  int64_t freed_before = 0;
  {
    MutexLock lock(state_->mu);
    freed_before = state_->freed;
  }
  auto held = Hold(serial);
  auto loaded = loads_.cancelled()
                    ? Ending()
                    : Model::Load(key.first, folder, EnvironmentWith(held),
                                  loads_, options);
  if (absl::IsCancelled(loaded.status())) loaded = Ending();
  const absl::Status status =
      Annotate(loaded.status(), "model \"", key.first, "\": ");
  std::shared_ptr<Model> model;
  if (loaded.ok()) model = Share(*std::move(loaded), held);
  held.reset();
  ManagedModel now;
  {
    MutexLock lock(state_->mu);
    const auto patient = state_->patient.find(key);
    if (patient != state_->patient.end() && absl::IsResourceExhausted(status) &&
        (state_->WillFree() || state_->freed > freed_before)) {
      patient->second.waits = true;
      patient->second.error = status;
      patient->second.freed = freed_before;
      --state_->loading;
      state_->changed.NotifyAll();
      return;
    }
    state_->patient.erase(key);
    ManagedModel& entry = state_->entries[key];
    entry.state = status.ok() ? ModelState::kAvailable : ModelState::kEnd;
    entry.error = status;
    entry.model = std::move(model);
    entry.tried = tried;
    now = entry;
    state_->UpdateNewest(key.first);
  }
  ModelEvent event =
      EventOf(now, GenerationOf(now.model), environment_.clock->Now());
  event.duration = absl::Nanoseconds(SteadyNanos() - start);
  state_->events.Publish(event);
  now.model.reset();
  // Last, since the manager may go when nothing is loading any more.
  MutexLock lock(state_->mu);
  --state_->loading;
  state_->changed.NotifyAll();
}

absl::StatusOr<int64_t> ModelManager::Unload(absl::string_view name,
                                             std::optional<int64_t> version,
                                             int64_t expected_generation) {
  std::string known(name);
  if (!version && !ResolveLabel(&known, &version) &&
      absl::StrContains(known, '@')) {
    const absl::Status state = Find(known).status();
    if (!state.ok()) return state;
  }
  return TakeOut(known, version, expected_generation, /*for_good=*/true);
}

void ModelManager::Retire(const std::string& name, int64_t version) {
  TakeOut(name, version, -1, /*for_good=*/false).IgnoreError();
}

absl::StatusOr<int64_t> ModelManager::TakeOut(absl::string_view name,
                                              std::optional<int64_t> version,
                                              int64_t expected_generation,
                                              bool for_good) {
  const std::string key_name(name);
  std::vector<ManagedModel> out;
  int64_t generation = 0;
  {
    MutexLock lock(state_->mu);
    for (auto it = state_->entries.lower_bound({key_name, 0});
         it != state_->entries.end() && it->first.first == key_name; ++it) {
      if (version && *version != it->first.second) continue;
      const ManagedModel& entry = it->second;
      if (entry.state == ModelState::kLoading) {
        return absl::UnavailableError(
            absl::StrCat("model \"", name, "\" is loading"));
      }
      if (entry.model != nullptr) {
        generation = GenerationOf(entry.model);
        if (expected_generation >= 0 && generation != expected_generation) {
          return WrongGeneration(generation, expected_generation);
        }
      }
      out.push_back(entry);
    }
    for (ManagedModel& entry : out) {
      state_->entries.erase({key_name, entry.version});
      if (entry.model == nullptr) continue;
      entry.state = ModelState::kUnloading;
      ManagedModel& leaving = state_->leaving[entry.serial];
      leaving = entry;
      leaving.model.reset();
    }
    if (!out.empty() && for_good) {
      if (!version) {
        state_->sources.erase(key_name);
        state_->awaited.erase(key_name);
      } else if (const auto at = state_->sources.find(key_name);
                 at != state_->sources.end()) {
        at->second.pinned.erase(*version);
        at->second.dropped.insert(*version);
      }
    }
    state_->UpdateNewest(key_name);
  }
  if (out.empty()) return NotServed(name, version);
  for (ManagedModel& entry : out) {
    if (entry.model == nullptr) entry.error = absl::OkStatus();  // had failed
    Publish(entry, GenerationOf(entry.model));
  }
  return generation;
}

absl::Status ModelManager::LoadVersion(const ModelSource& source,
                                       const ModelFolder& folder,
                                       CallContext& call) {
  RETURN_IF_ERROR(Start(source.name, source.path, folder, source.options,
                        /*by_rescan=*/true));
  return WaitUntilLoaded(source.name, folder.version, call);
}

absl::StatusOr<ModelAside> ModelManager::LoadAside(const std::string& name,
                                                   const ModelFolder& folder,
                                                   const ModelOptions& options,
                                                   CallContext& call) {
  ModelAside out;
  const int64_t start = SteadyNanos();
  out.folder = folder;
  out.tried = StampOf(*environment_.files, folder);
  {
    MutexLock lock(state_->mu);
    out.serial = ++state_->last_serial;
  }
  auto held = Hold(out.serial);
  ASSIGN_OR_RETURN(auto loaded, Model::Load(name, folder, EnvironmentWith(held),
                                            call, options));
  out.model = Share(std::move(loaded), std::move(held));
  out.duration = absl::Nanoseconds(SteadyNanos() - start);
  return out;
}

absl::Status ModelManager::Replace(const ManagedModel& served,
                                   const ModelFolder& folder,
                                   CallContext& call) {
  ModelOptions options;
  {
    MutexLock lock(state_->mu);
    const auto source = state_->sources.find(served.name);
    if (source != state_->sources.end()) options = source->second.options;
  }
  ASSIGN_OR_RETURN(ModelAside loaded,
                   LoadAside(served.name, folder, options, call));
  ManagedModel now;
  std::shared_ptr<Model> old;  // let go after the lock
  {
    MutexLock lock(state_->mu);
    const auto it = state_->entries.find({served.name, served.version});
    if (it == state_->entries.end() || it->second.serial != served.serial) {
      return absl::AbortedError("it was unloaded meanwhile");
    }
    old = std::exchange(it->second.model, std::move(loaded.model));
    state_->replaced.insert(it->second.serial);
    it->second.serial = loaded.serial;
    it->second.tried = loaded.tried;
    it->second.by_rescan = true;
    now = it->second;
    state_->UpdateNewest(served.name);
  }
  Publish(now, GenerationOf(now.model));
  return absl::OkStatus();
}

absl::Status ModelManager::TakeOver(const ModelSource& source,
                                    const std::string& old_path,
                                    std::vector<ModelAside> versions) {
  const std::string& name = source.name;
  std::vector<ManagedModel> now;
  for (ModelAside& version : versions) {
    ManagedModel& entry = now.emplace_back();
    entry.name = name;
    entry.version = version.folder.version;
    entry.path = source.path;
    entry.state = ModelState::kAvailable;
    entry.model = std::move(version.model);
    entry.serial = version.serial;
    entry.tried = version.tried;
  }
  for (const auto& [label, version] : source.labels) {
    const bool is_loaded = std::any_of(
        now.begin(), now.end(),
        [v = version](const auto& entry) { return entry.version == v; });
    if (!is_loaded) {
      return FailedPrecondition("label \"", label, "\" is for version ",
                                version, ", which is not loaded");
    }
  }
  std::vector<ManagedModel> old;  // let go after the lock
  {
    MutexLock lock(state_->mu);
    const auto begin = state_->entries.lower_bound({name, 0});
    auto end = begin;
    for (; end != state_->entries.end() && end->first.first == name; ++end) {
      const ManagedModel& entry = end->second;
      if (entry.state == ModelState::kEnd) continue;
      if (entry.path != old_path || entry.state == ModelState::kLoading) {
        return absl::AbortedError(
            absl::StrCat("the name \"", name, "\" is in use, for \"",
                         entry.path, "\", which somebody else has loaded"));
      }
      old.push_back(entry);
    }
    state_->entries.erase(begin, end);
    for (ManagedModel& entry : old) {
      entry.state = ModelState::kUnloading;
      ManagedModel& leaving = state_->leaving[entry.serial];
      leaving = entry;
      leaving.model.reset();
    }
    for (const ManagedModel& entry : now) {
      state_->entries[{name, entry.version}] = entry;
    }
    state_->announced.erase(name);
    state_->awaited.erase(name);
    state_->sources[name] = source;
    state_->UpdateNewest(name);
  }
  for (size_t i = 0; i < now.size(); ++i) {
    ModelEvent event =
        EventOf(now[i], GenerationOf(now[i].model), environment_.clock->Now());
    event.duration = versions[i].duration;
    state_->events.Publish(event);
  }
  for (const ManagedModel& entry : old) {
    Publish(entry, GenerationOf(entry.model));
  }
  return absl::OkStatus();
}

void ModelManager::SetPolicy(const std::string& name,
                             const VersionPolicy& policy) {
  MutexLock lock(state_->mu);
  const auto source = state_->sources.find(name);
  if (source == state_->sources.end()) return;
  source->second.follows_newest = policy.newest > 0;
  source->second.newest_kept = policy.newest;
  source->second.pinned = policy.numbers;
}

absl::Status ModelManager::SetLabels(
    const std::string& name, const std::map<std::string, int64_t>& labels) {
  MutexLock lock(state_->mu);
  for (const auto& [label, version] : labels) {
    const auto entry = state_->entries.find({name, version});
    if (entry != state_->entries.end() &&
        entry->second.state == ModelState::kAvailable) {
      continue;
    }
    return FailedPrecondition("model \"", name, "\": label \"", label,
                              "\" is for version ", version,
                              ", which is not loaded");
  }
  const auto source = state_->sources.find(name);
  if (source != state_->sources.end()) source->second.labels = labels;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ModelManager::VersionOf(absl::string_view name,
                                                absl::string_view label) const {
  std::vector<std::string> labels;
  {
    MutexLock lock(state_->mu);
    const auto source = state_->sources.find(std::string(name));
    if (source != state_->sources.end()) {
      for (const auto& [known, version] : source->second.labels) {
        if (known == label) return version;
        labels.push_back(known);
      }
    }
  }
  const std::vector<absl::string_view> known(labels.begin(), labels.end());
  return NotFound("model \"", name, "\" has no label \"", label, "\"",
                  DidYouMean(NearestNames(label, known)));
}

bool ModelManager::ResolveLabel(std::string* name,
                                std::optional<int64_t>* version) const {
  const size_t at = name->rfind('@');
  if (at == std::string::npos || at == 0) return false;
  const absl::string_view whole = *name;
  const auto found = VersionOf(whole.substr(0, at), whole.substr(at + 1));
  if (!found.ok()) return false;
  *version = *found;
  name->resize(at);
  return true;
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
      if (it != state_->entries.end() && it->second.model != nullptr) {
        return it->second.model;
      }
    }
  }
  if (const size_t at = name.rfind('@');
      !version && at != absl::string_view::npos &&
      IsNamed(name.substr(0, at)) && !IsNamed(name)) {
    const absl::string_view base = name.substr(0, at);
    return FindLabelled(base, name.substr(at + 1));
  }
  return NotServed(name, version);
}

absl::StatusOr<std::shared_ptr<Model>> ModelManager::FindLabelled(
    absl::string_view name, absl::string_view label) const {
  {
    // Label and version at once: a version may be unloaded as soon as its label
    // is another's.
    const std::string key(name);
    MutexLock lock(state_->mu);
    if (const auto source = state_->sources.find(key);
        source != state_->sources.end()) {
      const auto known = source->second.labels.find(std::string(label));
      if (known != source->second.labels.end()) {
        const auto entry = state_->entries.find({key, known->second});
        if (entry != state_->entries.end() && entry->second.model != nullptr) {
          return entry->second.model;
        }
      }
    }
  }
  const auto version = VersionOf(name, label);
  if (version.ok()) return NotServed(name, *version);
  // Labels are set when the model is loaded: before, that is what is wrong.
  RETURN_IF_ERROR(Find(name, {}).status());
  return version.status();
}

bool ModelManager::IsNamed(absl::string_view name) const {
  const std::string key(name);
  MutexLock lock(state_->mu);
  if (state_->announced.contains(key) || state_->sources.contains(key)) {
    return true;
  }
  const auto entry = state_->entries.lower_bound({key, 0});
  return entry != state_->entries.end() && entry->first.first == key;
}

absl::Status ModelManager::NotServed(absl::string_view name,
                                     std::optional<int64_t> version) const {
  const auto unavailable = [&](absl::string_view what) {
    return WithDetails(absl::UnavailableError(absl::StrCat(
                           "model \"", name, "\" is ", what, ": try again")),
                       {{"name", std::string(name)}});
  };
  std::vector<std::string> names;
  absl::Status failed;
  MutexLock lock(state_->mu);
  for (const auto& [known, path] : state_->announced) {
    if (known == name) return unavailable("loading");
    names.push_back(known);
  }
  for (const auto& [key, entry] : state_->entries) {
    names.push_back(key.first);
    if (key.first != name || (version && *version != key.second)) continue;
    // Loaded between two looks at the map, if it is available.
    if (entry.state != ModelState::kEnd) return unavailable("loading");
    const std::string why =
        absl::StrCat("could not be loaded: ", entry.error.message());
    failed = absl::IsUnavailable(entry.error)
                 ? absl::UnavailableError(why)
                 : absl::FailedPreconditionError(why);
  }
  for (const auto& [serial, entry] : state_->leaving) {
    names.push_back(entry.name);
    if (entry.name != name || (version && *version != entry.version)) continue;
    return unavailable("being unloaded");
  }
  RETURN_IF_ERROR(failed);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    return NotFound("model \"", name, "\" has no version ", version.value_or(0),
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
  {
    MutexLock lock(state_->mu);
    for (const auto& [name, path] : state_->announced) {
      out.emplace_back();
      out.back().name = name;
      out.back().path = path;
    }
    for (const auto& [key, entry] : state_->entries) {
      out.push_back(entry);
      const auto awaited = state_->awaited.find(key.first);
      if (awaited != state_->awaited.end()) {
        out.back().awaited = awaited->second;
      }
      const auto source = state_->sources.find(key.first);
      if (source == state_->sources.end()) continue;
      for (const auto& [label, version] : source->second.labels) {
        if (version == key.second) out.back().labels.push_back(label);
      }
    }
    for (const auto& [serial, entry] : state_->leaving) out.push_back(entry);
  }
  std::stable_sort(
      out.begin(), out.end(), [](const ManagedModel& a, const ManagedModel& b) {
        return std::tie(a.name, a.version) < std::tie(b.name, b.version);
      });
  return out;
}

std::vector<ModelSource> ModelManager::Sources() const {
  std::vector<ModelSource> out;
  MutexLock lock(state_->mu);
  for (const auto& [name, source] : state_->sources) out.push_back(source);
  return out;
}

void ModelManager::SetAwaited(const std::string& name, std::string awaited) {
  MutexLock lock(state_->mu);
  if (awaited.empty()) {
    state_->awaited.erase(name);
  } else {
    state_->awaited[name] = std::move(awaited);
  }
}

}  // namespace metagraph
