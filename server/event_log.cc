#include "server/event_log.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "glog/logging.h"
#include "server/acting_for.h"
#include "server/log_text.h"

namespace metagraph {
namespace {

std::string WhoIs(const ModelEvent& event) {
  return absl::StrCat(
      "model \"", ForLog(event.model), "\"",
      event.version == 0 ? "" : absl::StrCat(" version ", event.version));
}

std::string By() {
  const std::string& who = ActingFor::Current();
  return who.empty() ? "" : ", by " + who;
}

// "1536 B", "1.5 MiB".
std::string BytesText(int64_t bytes) {
  if (bytes < 10'000) return absl::StrCat(bytes, " B");
  double size = static_cast<double>(bytes);
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(units)) {
    size /= 1024;
    ++unit;
  }
  // One decimal: what comes after is noise to people.
  return absl::StrCat(static_cast<int64_t>(size), ".",
                      static_cast<int64_t>(size * 10) % 10, " ", units[unit]);
}

std::string TimeText(absl::Duration time) {
  return absl::StrCat(", ", absl::ToInt64Milliseconds(time), " ms");
}

// ", 3 variables, 48 B".
std::string SizeText(int64_t variables, int64_t bytes) {
  return absl::StrCat(", ", variables,
                      variables == 1 ? " variable, " : " variables, ",
                      BytesText(bytes));
}

void WriteEnd(const ModelEvent& event, absl::string_view what,
              const std::string& success) {
  const std::string end = TimeText(event.duration) + By();
  if (event.status.ok()) {
    LOG(INFO) << WhoIs(event) << ": " << success << end;
  } else {
    LOG(WARNING) << WhoIs(event) << ": could not be " << what << end << ": "
                 << ForLog(event.status.ToString());
  }
}

void WriteGeneration(const ModelEvent& event) {
  const char* what = nullptr;
  switch (event.change) {
    case ModelEvent::Change::kNone:
    case ModelEvent::Change::kRun:
      VLOG(1) << WhoIs(event) << ": generation " << event.generation;
      return;
    case ModelEvent::Change::kRollback:
      what = "rolled back";
      break;
    case ModelEvent::Change::kAssign:
      what = "variables assigned";
      break;
    case ModelEvent::Change::kInitialize:
      what = "variables initialised";
      break;
    case ModelEvent::Change::kExtend:
      what = "graph extended";
      break;
  }
  // While it loads this is part of the load.
  if (event.state == ModelState::kLoading) return;
  LOG(INFO) << WhoIs(event) << ": " << what << ", generation "
            << event.generation
            << (event.checkpoint.empty()
                    ? ""
                    : absl::StrCat(", checkpoint ", ForLog(event.checkpoint)))
            << By();
}

}  // namespace

EventLog::EventLog(ModelManager& models)
    : models_(models),
      token_(models.events().Subscribe(
          [this](const ModelEvent& event) { Write(event); })) {}

EventLog::~EventLog() { models_.events().Unsubscribe(token_); }

void EventLog::Write(const ModelEvent& event) const {
  switch (event.kind) {
    case ModelEvent::Kind::kState:
      if (!event.by_rescan) WriteState(event);
      return;
    case ModelEvent::Kind::kGeneration:
      WriteGeneration(event);
      return;
    case ModelEvent::Kind::kRestore:
      if (!event.given_up.empty()) {
        LOG(WARNING) << WhoIs(event) << ": no memory for a restore beside what "
                     << "is kept for rollback; given up: generation "
                     << absl::StrJoin(event.given_up, ", ") << By();
      }
      // While it loads this is part of the load. A look at the folder warns
      // once for each cause.
      if (event.state == ModelState::kLoading) return;
      if (!event.status.ok() && ActingFor::IsForALook()) return;
      WriteEnd(event, absl::StrCat("restored from ", ForLog(event.checkpoint)),
               absl::StrCat("restored, generation ", event.previous_generation,
                            "\u2192", event.generation,
                            SizeText(event.variables, event.bytes),
                            ", checkpoint ", ForLog(event.checkpoint)));
      return;
    case ModelEvent::Kind::kSave:
      WriteEnd(event, "saved",
               absl::StrCat("saved, generation ", event.generation,
                            SizeText(event.variables, event.bytes),
                            ", checkpoint ", ForLog(event.checkpoint)));
      return;
  }
}

void EventLog::WriteState(const ModelEvent& event) const {
  switch (event.state) {
    case ModelState::kStart:
      return;
    case ModelState::kLoading:
      LOG(INFO) << WhoIs(event) << ": loading" << By();
      return;
    case ModelState::kUnloading:
      LOG(INFO) << WhoIs(event) << ": unloading, runs under way go on" << By();
      return;
    case ModelState::kEnd:
      if (event.status.ok()) {
        LOG(INFO) << WhoIs(event) << ": unloaded";
      } else {
        LOG(WARNING) << WhoIs(event) << " could not be loaded: "
                     << ForLog(event.status.ToString());
      }
      return;
    case ModelState::kAvailable:
      break;
  }
  const auto model = models_.Find(event.model, event.version);
  if (!model.ok()) return;  // unloaded by a quick client
  const auto restored = (*model)->history().last_restore();
  const auto graph = (*model)->graph();
  LOG(INFO) << WhoIs(event) << ": loaded from "
            << ForLog((*model)->folder().directory) << ", "
            << graph->variables().size() << " variables, "
            << BytesText((*model)->VariableBytes())
            << (restored ? ", checkpoint " + ForLog(restored->checkpoint) : "")
            << TimeText(event.duration);
  if (const std::string note = (*model)->note(); !note.empty()) {
    LOG(WARNING) << WhoIs(event) << ": " << ForLog(note);
  }
}

}  // namespace metagraph
