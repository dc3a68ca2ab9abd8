#include "core/model/rescan_log.h"

#include "absl/strings/str_cat.h"
#include "core/model/seen_checkpoints.h"

namespace metagraph {

void RescanLog::BeginLook() {
  report_ = {};
  current_.clear();
}

RescanReport RescanLog::EndLook() {
  std::erase_if(causes_, [this](const auto& entry) {
    return current_.count(entry.first) == 0;
  });
  return std::exchange(report_, {});
}

void RescanLog::ReportState(const std::string& model, const std::string& topic,
                            const std::string& text, bool warning,
                            const std::string& cause) {
  const Key key(model, topic);
  current_.insert(key);
  const std::string& now = cause.empty() ? text : cause;
  std::string& before = causes_[key];
  if (before == now) return;
  before = now;
  report_.notes.push_back({model, text, warning});
}

void RescanLog::ReportEvent(const std::string& model, std::string text,
                            bool warning, bool has_event) {
  report_.notes.push_back({model, std::move(text), warning, has_event});
}

std::string CauseOf(absl::string_view text, absl::string_view what,
                    const absl::Status& status) {
  if (WouldEndAlike(status)) return std::string(text);
  return absl::StrCat(what, ": ", absl::StatusCodeToString(status.code()));
}

}  // namespace metagraph
