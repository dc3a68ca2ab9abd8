#include "core/model/folder_locks.h"

#include <chrono>

#include "core/base/status.h"

namespace metagraph {

absl::StatusOr<std::unique_ptr<FolderLocks::Held>> FolderLocks::Acquire(
    const std::string& folder_key, CallContext& call) {
  MutexLock lock(mu_);
  while (held_.contains(folder_key)) {
    // Wakes now and then for the caller's deadline and cancellation.
    RETURN_IF_ERROR(call.Check());
    released_.WaitFor(mu_, std::chrono::milliseconds(5));
  }
  held_.insert(folder_key);
  return std::make_unique<Held>(*this, folder_key);
}

void FolderLocks::Release(const std::string& folder) {
  MutexLock lock(mu_);
  held_.erase(folder);
  released_.NotifyAll();
}

}  // namespace metagraph
