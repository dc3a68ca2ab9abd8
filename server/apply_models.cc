#include "server/apply_models.h"

#include <algorithm>
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

absl::Status LoadAnew(const Configured& model, ModelManager& models,
                      CallContext& call) {
  for (const ManagedModel& served : models.List()) {
    if (served.name != model.name || served.state != ModelState::kAvailable) {
      continue;
    }
    ASSIGN_OR_RETURN(const ModelFolder folder,
                     FindWholeModel(*models.environment().files, model.path,
                                    {served.version}));
    RETURN_IF_ERROR(models.Replace(served, folder, call));
    LOG(INFO) << "model \"" << model.name << "\" is loaded anew, with the new "
              << "mapping of names";
  }
  return absl::OkStatus();
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
  if (before.path != wanted.path) {
    models.Announce(wanted.name, wanted.path);
    UnloadConfigured(before, models);
    return LoadModels({wanted}, /*serve_on_error=*/false, models);
  }
  if (!SourceOf(models, wanted.name)) return absl::OkStatus();  // unloaded
  if (before.mapping != wanted.mapping) {
    RETURN_IF_ERROR(models.SetMapping(wanted.name, wanted.mapping));
    RETURN_IF_ERROR(LoadAnew(wanted, models, call));
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
  if (absl::Status loaded = LoadModels(added, /*serve_on_error=*/false, models);
      !loaded.ok()) {
    for (const Configured& model : added) TakeBack(model, models);
    return loaded;
  }
  absl::Status first;
  for (const auto& [old, model] : changed) {
    first.Update(Change(*old, *model, models, call));
  }
  for (const Configured& model : before) {
    if (FindConfigured(wanted, model.name) != nullptr) continue;
    UnloadConfigured(model, models);
  }
  return Annotate(first, "the other changes are applied, but not this: ");
}

}  // namespace metagraph
