#include "server/load_log.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"

namespace metagraph {

LoadLog::LoadLog(ModelManager& models)
    : models_(models),
      token_(models.events().Subscribe(
          [this](const ModelEvent& event) { Write(event); })) {}

LoadLog::~LoadLog() { models_.events().Unsubscribe(token_); }

void LoadLog::Write(const ModelEvent& event) const {
  if (event.kind != ModelEvent::Kind::kState || event.by_rescan) return;
  std::string who = absl::StrCat("model \"", event.model, "\"");
  if (event.version != 0) absl::StrAppend(&who, " version ", event.version);
  if (event.state == ModelState::kEnd && !event.status.ok()) {
    LOG(WARNING) << who << " could not be loaded: " << event.status.ToString();
    return;
  }
  if (event.state != ModelState::kAvailable) return;
  const auto model = models_.Find(event.model, event.version);
  if (!model.ok()) return;  // unloaded by a quick client
  const auto restored = (*model)->history().last_restore();
  LOG(INFO) << who << " from " << (*model)->folder().directory
            << (restored ? ", checkpoint " + restored->checkpoint : "");
  if (const std::string note = (*model)->note(); !note.empty()) {
    LOG(WARNING) << who << ": " << note;
  }
}

}  // namespace metagraph
