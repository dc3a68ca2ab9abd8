#include "core/base/call_context.h"

#include <utility>

namespace metagraph {

void CallContext::Cancel() {
  // Called under the lock so that RemoveCallback waits for a running one.
  MutexLock lock(mu_);
  if (cancelled_.exchange(true)) return;
  for (auto& [token, callback] : callbacks_) callback();
  callbacks_.clear();
}

absl::Status CallContext::Check() const {
  if (cancelled()) [[unlikely]] {
    return absl::CancelledError("the call was cancelled");
  }
  if (has_deadline() && clock_.Now() >= deadline_) [[unlikely]] {
    return absl::DeadlineExceededError("the call's deadline has passed");
  }
  return absl::OkStatus();
}

int64_t CallContext::OnCancel(std::function<void()> callback) {
  MutexLock lock(mu_);
  if (cancelled()) {
    callback();
    return 0;
  }
  callbacks_.emplace(next_token_, std::move(callback));
  return next_token_++;
}

void CallContext::RemoveCallback(int64_t token) {
  MutexLock lock(mu_);
  callbacks_.erase(token);
}

}  // namespace metagraph
