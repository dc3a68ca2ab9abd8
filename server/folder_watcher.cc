#include "server/folder_watcher.h"

#include "core/base/clock.h"

namespace metagraph {

FolderWatcher::FolderWatcher(ModelManager& models, absl::Duration interval)
    : models_(models), interval_(interval), thread_([this] { Work(); }) {}

FolderWatcher::~FolderWatcher() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  looking_.Cancel();
  thread_.join();
}

void FolderWatcher::Ask() {
  MutexLock lock(mu_);
  asked_ = true;
  wake_.NotifyAll();
}

void FolderWatcher::Work() {
  absl::Time next = Clock::Real().Now() + interval_;
  while (true) {
    bool asked = false;
    {
      MutexLock lock(mu_);
      while (!stopping_ && !asked_) {
        if (interval_ <= absl::ZeroDuration()) {
          wake_.Wait(mu_);
          continue;
        }
        const absl::Duration left = next - Clock::Real().Now();
        if (left <= absl::ZeroDuration()) break;
        wake_.WaitFor(mu_, absl::ToChronoNanoseconds(left));
      }
      if (stopping_) return;
      asked = asked_;
      asked_ = false;
    }
    models_.Rescan(/*retry_failed=*/asked, looking_);
    next = Clock::Real().Now() + interval_;
  }
}

}  // namespace metagraph
