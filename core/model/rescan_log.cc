#include "core/model/rescan_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/model/seen_checkpoints.h"

namespace metagraph {

void RescanLog::BeginLook() {
  report_ = {};
  unsure_ = {};
  current_.clear();
}

RescanReport RescanLog::EndLook() {
  Keep();
  std::erase_if(causes_, [this](const auto& entry) {
    return current_.count(entry.first) == 0;
  });
  return std::exchange(report_, {});
}

void RescanLog::ReportState(const std::string& model, const std::string& topic,
                            const std::string& text, bool warning,
                            const std::string& cause) {
  unsure_.states.push_back(
      {{model, topic}, cause.empty() ? text : cause, {model, text, warning}});
}

void RescanLog::Keep() {
  for (State& state : unsure_.states) {
    current_.insert(state.key);
    std::string& before = causes_[state.key];
    if (before == state.cause) continue;
    before = std::move(state.cause);
    report_.notes.push_back(std::move(state.note));
  }
  report_.unsettled = report_.unsettled || unsure_.unsettled;
  unsure_ = {};
}

void RescanLog::ReportEvent(const std::string& model, std::string text,
                            bool warning, bool has_event) {
  Keep();
  report_.notes.push_back({model, std::move(text), warning, has_event});
}

std::string CauseOf(absl::string_view text, absl::string_view what,
                    const absl::Status& status) {
  if (WouldEndAlike(status)) return std::string(text);
  return absl::StrCat(what, ": ", absl::StatusCodeToString(status.code()));
}

}  // namespace metagraph
