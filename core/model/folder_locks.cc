#include "core/model/folder_locks.h"

#include <chrono>

#include "core/base/status.h"
#include "core/model/confined_file_system.h"

namespace metagraph {

absl::StatusOr<std::unique_ptr<FolderLocks::Held>> FolderLocks::Acquire(
    const std::string& folder, CallContext& call) {
  const std::string path = NormalizePath("/", folder);
  MutexLock lock(mu_);
  while (held_.contains(path)) {
    // Wakes now and then for the caller's deadline and cancellation.
    RETURN_IF_ERROR(call.Check());
    released_.WaitFor(mu_, std::chrono::milliseconds(5));
  }
  held_.insert(path);
  return std::make_unique<Held>(*this, path);
}

void FolderLocks::Release(const std::string& folder) {
  MutexLock lock(mu_);
  held_.erase(folder);
  released_.NotifyAll();
}

}  // namespace metagraph
