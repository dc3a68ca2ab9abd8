#include "core/checkpoint/folder_wait.h"

#include <chrono>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

struct Listener {
  Mutex mu;
  std::function<void(const std::string&)> tell GUARDED_BY(mu);
};
Listener& TheListener() {
  static auto* const listener = new Listener;
  return *listener;
}

void Tell(const std::string& folder) {
  std::function<void(const std::string&)> tell;
  {
    MutexLock lock(TheListener().mu);
    tell = TheListener().tell;
  }
  if (tell) tell(folder);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FolderLock>> WaitForFolder(
    FileSystem& fs, const std::string& folder, CallContext& call,
    const FolderWait& wait) {
  const int64_t start = SteadyNanos();
  bool told = false;
  for (;;) {
    absl::StatusOr<std::unique_ptr<FolderLock>> lock = fs.TryLockFolder(folder);
    const bool held = absl::IsUnavailable(lock.status());
    if (!lock.ok() && !held) return lock;
    if (absl::Status status = call.Check(); !status.ok()) {
      if (!held) return status;
      return Annotate(status, "another process holds the lock of the folder \"",
                      folder, "\": ");
    }
    if (!held) return lock;
    const absl::Duration waited = absl::Nanoseconds(SteadyNanos() - start);
    if (!call.has_deadline() && waited >= wait.limit) {
      return absl::UnavailableError(
          absl::StrCat("another process has held the lock of the folder \"",
                       folder, "\" for ", absl::FormatDuration(wait.limit),
                       ": end it, or save elsewhere"));
    }
    if (!told && waited >= wait.notice) {
      told = true;
      Tell(folder);
    }
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(wait.pause));
  }
}

void TellFolderWaits(std::function<void(const std::string& folder)> listener) {
  MutexLock lock(TheListener().mu);
  TheListener().tell = std::move(listener);
}

}  // namespace metagraph
