#include "server/folder_watcher.h"

#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "glog/logging.h"
#include "server/acting_for.h"

namespace metagraph {
namespace {

// How long files must be left alone before they count as complete, where their
// content does not tell: part of an interval, so that what is complete is
// served before two have passed.
absl::Duration SettlingTime(absl::Duration interval) {
  if (interval <= absl::ZeroDuration()) return absl::Milliseconds(200);
  return std::clamp(interval / 4, absl::Milliseconds(20), absl::Seconds(1));
}

void WriteToLog(const RescanReport& report) {
  for (const RescanNote& note : report.notes) {
    if (note.has_event) continue;  // EventLog knows more of it
    if (note.warning) {
      LOG(WARNING) << "model \"" << note.model << "\": " << note.text;
    } else {
      LOG(INFO) << "model \"" << note.model << "\": " << note.text;
    }
  }
}

}  // namespace

FolderWatcher::FolderWatcher(ModelManager& models, absl::Duration interval,
                             bool watch_graph)
    : interval_(interval),
      settle_(SettlingTime(interval)),
      rescanner_(models, {watch_graph, settle_}),
      thread_([this] { Work(); }) {}

FolderWatcher::~FolderWatcher() {
  Stop();
  thread_.join();
}

void FolderWatcher::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  looking_.Cancel();
}

void FolderWatcher::Ask(std::function<void(CallContext&)> first) {
  MutexLock lock(mu_);
  if (first) first_.push_back(std::move(first));
  asked_ = true;
  wake_.NotifyAll();
}

bool FolderWatcher::WaitUntil(absl::Time next, bool* asked) {
  MutexLock lock(mu_);
  while (!stopping_ && !asked_) {
    if (next == absl::InfiniteFuture()) {
      wake_.Wait(mu_);
      continue;
    }
    const absl::Duration left = next - Clock::Real().Now();
    if (left <= absl::ZeroDuration()) break;
    wake_.WaitFor(mu_, absl::ToChronoNanoseconds(left));
  }
  *asked = asked_;
  asked_ = false;
  return !stopping_;
}

void FolderWatcher::DoFirst() {
  std::vector<std::function<void(CallContext&)>> todo;
  {
    MutexLock lock(mu_);
    todo.swap(first_);
  }
  for (const auto& first : todo) first(looking_);
}

void FolderWatcher::Work() {
  const absl::Duration interval =
      interval_ > absl::ZeroDuration() ? interval_ : absl::InfiniteDuration();
  absl::Time next = Clock::Real().Now() + interval;
  bool retry = false;  // also in the second look at what was unsettled
  bool asked = false;
  while (WaitUntil(next, &asked)) {
    retry = retry || asked;
    const RescanReport report = [&] {
      const ActingFor who(retry ? kReload : kFolderWatch);
      DoFirst();
      return rescanner_.Look(retry, looking_, /*is_second=*/!asked);
    }();
    WriteToLog(report);
    if (!report.unsettled) retry = false;
    next = Clock::Real().Now() +
           (report.unsettled ? std::min(settle_, interval) : interval);
  }
}

}  // namespace metagraph
