#include "server/start_models.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/call_context.h"
#include "core/base/status.h"
#include "core/checkpoint/name_map.h"
#include "glog/logging.h"
#include "server/apply_models.h"

namespace metagraph {
namespace {

// What is served under the name, in this version; nothing if there is none.
std::optional<ManagedModel> FindManaged(const ModelManager& models,
                                        const std::string& name,
                                        std::optional<int64_t> version = {}) {
  for (ManagedModel& model : models.List()) {
    if (model.name != name || model.state == ModelState::kStart) continue;
    if (!version || *version == model.version) return std::move(model);
  }
  return std::nullopt;
}

}  // namespace

ModelOptions OptionsOf(const ServerOptions::Model& model) {
  ModelOptions out;
  out.mapping = model.mapping;
  out.command = absl::StrCat("metagraphd --model ",
                             ShellWord(model.name + "=" + model.path));
  return out;
}

absl::Status LoadModels(const std::vector<ServerOptions::Model>& wanted,
                        bool serve_on_error, ModelManager& models,
                        CallContext& call) {
  std::vector<std::pair<const ServerOptions::Model*, int64_t>> loading;
  for (const ServerOptions::Model& model : wanted) {
    const ModelOptions own = OptionsOf(model);
    std::vector<std::optional<int64_t>> versions(model.versions.numbers.begin(),
                                                 model.versions.numbers.end());
    if (versions.empty()) versions.emplace_back(std::nullopt);
    for (const std::optional<int64_t> number : versions) {
      const auto version = models.Load(model.name, model.path, number, own);
      if (version.ok()) {
        loading.emplace_back(&model, *version);
      } else if (!FindManaged(models, model.name)) {
        if (!serve_on_error) return version.status();
        models.SetFailed(model.name, model.path, version.status());
      }
    }
  }
  for (const auto& [model, version] : loading) {
    absl::Status loaded = models.WaitUntilLoaded(model->name, version, call);
    RETURN_IF_ERROR(call.Check());
    if (loaded.ok()) continue;
    const auto now = FindManaged(models, model->name, version);
    if (now && now->path == model->path && !now->error.ok() &&
        !serve_on_error) {
      return loaded;
    }
  }
  for (const ServerOptions::Model& model : wanted) {
    if (model.versions == VersionPolicy() && model.labels.empty()) continue;
    absl::Status configured = ConfigureVersions(model, models, call);
    if (configured.ok()) continue;
    if (!serve_on_error) return configured;
    LOG(WARNING) << "model \"" << model.name
                 << "\": not all versions and labels are served: "
                 << configured.ToString();
  }
  return absl::OkStatus();
}

}  // namespace metagraph
