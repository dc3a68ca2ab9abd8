#include "core/model/folder_locks.h"

#include "core/base/call_wait.h"
#include "core/base/status.h"

namespace metagraph {

absl::StatusOr<std::unique_ptr<FolderLocks::Held>> FolderLocks::Acquire(
    const std::string& folder_key, CallContext& call) {
  CallWait wait(call, mu_, released_);
  MutexLock lock(mu_);
  while (held_.contains(folder_key)) RETURN_IF_ERROR(wait.Wait(mu_));
  held_.insert(folder_key);
  return std::make_unique<Held>(*this, folder_key);
}

void FolderLocks::Release(const std::string& folder) {
  MutexLock lock(mu_);
  held_.erase(folder);
  released_.NotifyAll();
}

}  // namespace metagraph
