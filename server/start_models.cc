#include "server/start_models.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/call_context.h"
#include "core/checkpoint/name_map.h"

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

absl::Status LoadModels(const std::vector<ServerOptions::Model>& wanted,
                        bool serve_on_error, ModelManager& models) {
  std::vector<std::pair<const ServerOptions::Model*, int64_t>> loading;
  for (const ServerOptions::Model& model : wanted) {
    ModelOptions own;
    own.mapping = model.mapping;
    own.command = absl::StrCat("metagraphd --model ",
                               ShellWord(model.name + "=" + model.path));
    const auto version =
        models.Load(model.name, model.path, {}, std::move(own));
    if (version.ok()) {
      loading.emplace_back(&model, *version);
    } else if (!FindManaged(models, model.name)) {
      if (!serve_on_error) return version.status();
      models.SetFailed(model.name, model.path, version.status());
    }
  }
  CallContext call;
  for (const auto& [model, version] : loading) {
    absl::Status loaded = models.WaitUntilLoaded(model->name, version, call);
    if (loaded.ok()) continue;
    const auto now = FindManaged(models, model->name, version);
    if (now && now->path == model->path && !now->error.ok() &&
        !serve_on_error) {
      return loaded;
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
