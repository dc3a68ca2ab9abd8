#include "server/apply_models.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/model/folder_scan.h"
#include "glog/logging.h"
#include "server/start_models.h"

namespace metagraph {
namespace {

using Configured = ServerOptions::Model;

const Configured* FindConfigured(const std::vector<Configured>& models,
                                 const std::string& name) {
  const auto at =
      std::find_if(models.begin(), models.end(),
                   [&](const Configured& model) { return model.name == name; });
  return at == models.end() ? nullptr : &*at;
}

bool IsServed(const ModelManager& models, const std::string& name,
              int64_t version) {
  return models.Find(name, version).ok();
}

// Whether each label is of a version that is loaded, or is wanted.
absl::Status CheckLabels(const Configured& model, const ModelManager& models) {
  if (model.labels.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto disk,
                   ScanFolder(*models.environment().files, model.path));
  std::set<int64_t> wanted = model.versions.numbers;
  for (const VersionOnDisk& version : disk) {
    if (static_cast<int64_t>(wanted.size()) >= model.versions.newest) break;
    if (version.folder.ok()) wanted.insert(version.version);
  }
  for (const auto& [label, version] : model.labels) {
    if (wanted.contains(version) || IsServed(models, model.name, version)) {
      continue;
    }
    return FailedPrecondition("model \"", model.name, "\": label \"", label,
                              "\" is for version ", version,
                              ", which is not loaded and not among the "
                              "versions that are wanted");
  }
  return absl::OkStatus();
}

// Whether its path holds what is wanted of it.
absl::Status CheckFolders(const Configured& model, ModelManager& models) {
  FileSystem& files = *models.environment().files;
  std::vector<std::optional<int64_t>> versions(model.versions.numbers.begin(),
                                               model.versions.numbers.end());
  if (model.versions.newest > 0) versions.emplace_back(std::nullopt);
  for (const std::optional<int64_t> version : versions) {
    const auto found = FindWholeModel(
        files, model.path, {version, models.environment().checkpoint_alone});
    RETURN_IF_ERROR(Annotate(found.status(), "model \"", model.name, "\": "));
  }
  return CheckLabels(model, models);
}

std::optional<ModelSource> SourceOf(const ModelManager& models,
                                    const std::string& name) {
  for (ModelSource& source : models.Sources()) {
    if (source.name == name) return std::move(source);
  }
  return std::nullopt;
}

absl::Status LoadNumbers(const Configured& model, const ModelSource& source,
                         ModelManager& models, CallContext& call) {
  for (const int64_t version : model.versions.numbers) {
    if (IsServed(models, model.name, version)) continue;
    ASSIGN_OR_RETURN(
        const ModelFolder folder,
        FindWholeModel(*models.environment().files, model.path, {version}));
    RETURN_IF_ERROR(models.LoadVersion(source, folder, call));
    LOG(INFO) << "model \"" << model.name << "\": version " << version
              << " is served";
  }
  return absl::OkStatus();
}

// As many of the newest that are whole; one that cannot be loaded is told of.
absl::Status LoadNewest(const Configured& model, const ModelSource& source,
                        ModelManager& models, CallContext& call) {
  FileSystem& files = *models.environment().files;
  ASSIGN_OR_RETURN(const auto disk, ScanFolder(files, model.path));
  int64_t wanted = model.versions.newest;
  for (const VersionOnDisk& version : disk) {
    if (wanted == 0) break;
    if (!IsServed(models, model.name, version.version)) {
      if (!version.folder.ok() ||
          !MissingOfModel(files, *version.folder, version.version != 0)
               .empty()) {
        continue;
      }
      RETURN_IF_ERROR(call.Check());
      const absl::Status loaded =
          models.LoadVersion(source, *version.folder, call);
      LOG(INFO) << "model \"" << model.name << "\": version " << version.version
                << (loaded.ok() ? " is served"
                                : " could not be loaded: " + loaded.ToString());
      if (!loaded.ok()) continue;
    }
    --wanted;
  }
  return absl::OkStatus();
}

// Versions that the policy no longer wants. Those beyond the newest the next
// look unloads; without newest nobody looks.
void RetireOthers(const Configured& model, ModelManager& models) {
  if (model.versions.newest > 0) return;
  for (const ManagedModel& served : models.List()) {
    if (served.name != model.name || served.state != ModelState::kAvailable ||
        model.versions.numbers.contains(served.version)) {
      continue;
    }
    models.Retire(model.name, served.version);
    LOG(INFO) << "model \"" << model.name << "\": version " << served.version
              << " is unloaded";
  }
}

// Beside what is served, whatever else is wanted of the memory.
absl::StatusOr<ModelAside> LoadBeside(const Configured& model,
                                      const ModelFolder& folder,
                                      ModelManager& models, CallContext& call) {
  auto loaded = models.LoadAside(model.name, folder, OptionsOf(model), call);
  if (loaded.ok() || !absl::IsResourceExhausted(loaded.status())) return loaded;
  return Annotate(loaded.status(),
                  "it and what is served do not fit into the memory together "
                  "(unload the model first, or give more): ");
}

// The versions that are wanted of a path that is not served yet.
absl::StatusOr<std::vector<ModelAside>> LoadWanted(const Configured& model,
                                                   ModelManager& models,
                                                   CallContext& call) {
  FileSystem& files = *models.environment().files;
  std::vector<ModelAside> out;
  std::set<int64_t> loaded;
  const auto load = [&](const ModelFolder& folder) -> absl::Status {
    ASSIGN_OR_RETURN(ModelAside version,
                     LoadBeside(model, folder, models, call));
    loaded.insert(folder.version);
    out.push_back(std::move(version));
    return absl::OkStatus();
  };
  for (const int64_t version : model.versions.numbers) {
    ASSIGN_OR_RETURN(const ModelFolder folder,
                     FindWholeModel(files, model.path, {version}));
    RETURN_IF_ERROR(load(folder));
  }
  if (model.versions.newest == 0) return out;
  // The newest that is whole must load; of more, those that can.
  ASSIGN_OR_RETURN(const ModelFolder newest,
                   FindWholeModel(files, model.path, {std::nullopt}));
  if (!loaded.contains(newest.version)) RETURN_IF_ERROR(load(newest));
  ASSIGN_OR_RETURN(const auto disk, ScanFolder(files, model.path));
  int64_t wanted = model.versions.newest;
  for (const VersionOnDisk& version : disk) {
    if (wanted == 0) break;
    if (!loaded.contains(version.version)) {
      if (!version.folder.ok() ||
          !MissingOfModel(files, *version.folder, version.version != 0)
               .empty()) {
        continue;
      }
      RETURN_IF_ERROR(call.Check());
      if (const absl::Status status = load(*version.folder); !status.ok()) {
        LOG(WARNING) << "model \"" << model.name << "\": version "
                     << version.version
                     << " could not be loaded: " << status.ToString();
        continue;
      }
    }
    --wanted;
  }
  return out;
}

// What is served, with other options, in one step.
absl::Status LoadAnew(const Configured& model, ModelSource source,
                      ModelManager& models, CallContext& call) {
  std::vector<ModelAside> versions;
  std::map<std::string, int64_t> labels;  // of what a caller has not unloaded
  for (const ManagedModel& served : models.List()) {
    if (served.name != model.name || served.state != ModelState::kAvailable) {
      continue;
    }
    ASSIGN_OR_RETURN(const ModelFolder folder,
                     FindWholeModel(*models.environment().files, model.path,
                                    {served.version}));
    ASSIGN_OR_RETURN(ModelAside version,
                     LoadBeside(model, folder, models, call));
    for (const auto& [label, labelled] : source.labels) {
      if (labelled == served.version) labels[label] = labelled;
    }
    versions.push_back(std::move(version));
  }
  source.labels = std::move(labels);
  source.options = OptionsOf(model);
  return models.TakeOver(source, source.path, std::move(versions));
}

// The model from another path, in one step.
absl::Status Move(const Configured& before, const Configured& wanted,
                  ModelManager& models, CallContext& call) {
  if (!models.Find(wanted.name).ok()) {
    models.Announce(wanted.name, wanted.path);
  }
  auto versions = LoadWanted(wanted, models, call);
  absl::Status moved = versions.status();
  if (moved.ok()) {
    ModelSource source;
    source.name = wanted.name;
    source.path = wanted.path;
    source.follows_newest = wanted.versions.newest > 0;
    source.newest_kept = wanted.versions.newest;
    source.pinned = wanted.versions.numbers;
    source.labels = wanted.labels;
    source.options = OptionsOf(wanted);
    moved = models.TakeOver(source, before.path, *std::move(versions));
  }
  models.ForgetAnnounced(wanted.name);
  return moved;
}

void UnloadConfigured(const Configured& model, ModelManager& models) {
  const auto source = SourceOf(models, model.name);
  if (!source || source->path != model.path) return;  // a caller's by now
  const absl::Status unloaded = models.Unload(model.name, {}, -1).status();
  if (unloaded.ok()) {
    LOG(INFO) << "model \"" << model.name << "\" is unloaded";
  } else {
    LOG(WARNING) << "model \"" << model.name
                 << "\" could not be unloaded: " << unloaded.ToString();
  }
}

// Undoes an addition that was not the only one.
void TakeBack(const Configured& model, ModelManager& models) {
  models.ForgetAnnounced(model.name);
  CallContext call;
  for (const ManagedModel& managed : models.List()) {
    if (managed.name != model.name || managed.path != model.path) continue;
    models.WaitUntilLoaded(managed.name, managed.version, call).IgnoreError();
  }
  UnloadConfigured(model, models);
}

absl::Status Change(const Configured& before, const Configured& wanted,
                    ModelManager& models, CallContext& call) {
  const auto source = SourceOf(models, wanted.name);
  if (before.path != wanted.path) {
    return Move(before, wanted, models, call);
  }
  if (!source) return absl::OkStatus();  // unloaded by a caller
  if (before.mapping != wanted.mapping) {
    RETURN_IF_ERROR(LoadAnew(wanted, *source, models, call));
  }
  RETURN_IF_ERROR(ConfigureVersions(wanted, models, call));
  RetireOthers(wanted, models);
  return absl::OkStatus();
}

}  // namespace

absl::Status ConfigureVersions(const ServerOptions::Model& model,
                               ModelManager& models, CallContext& call) {
  const auto source = SourceOf(models, model.name);
  if (!source || source->path != model.path) return absl::OkStatus();
  RETURN_IF_ERROR(LoadNumbers(model, *source, models, call));
  RETURN_IF_ERROR(LoadNewest(model, *source, models, call));
  RETURN_IF_ERROR(models.SetLabels(model.name, model.labels));
  models.SetPolicy(model.name, model.versions);
  return absl::OkStatus();
}

absl::Status ApplyModels(const std::vector<ServerOptions::Model>& before,
                         const std::vector<ServerOptions::Model>& wanted,
                         ModelManager& models, CallContext& call) {
  std::vector<Configured> added;
  std::vector<std::pair<const Configured*, const Configured*>> changed;
  for (const Configured& model : wanted) {
    const Configured* const old = FindConfigured(before, model.name);
    if (old != nullptr && *old == model) continue;
    RETURN_IF_ERROR(CheckFolders(model, models));
    if (old == nullptr) {
      added.push_back(model);
    } else {
      changed.emplace_back(old, &model);
    }
  }
  for (const Configured& model : added) {
    models.Announce(model.name, model.path);
  }
  if (absl::Status loaded =
          LoadModels(added, /*serve_on_error=*/false, models, call);
      !loaded.ok()) {
    for (const Configured& model : added) TakeBack(model, models);
    return loaded;
  }
  absl::Status first;
  for (const auto& [old, model] : changed) {
    first.Update(Annotate(Change(*old, *model, models, call), "model \"",
                          model->name, "\" goes on as it is: "));
  }
  for (const Configured& model : before) {
    if (FindConfigured(wanted, model.name) != nullptr) continue;
    UnloadConfigured(model, models);
  }
  return Annotate(first, "the other changes are applied, but not this: ");
}

}  // namespace metagraph
