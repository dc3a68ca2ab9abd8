#pragma once

#include <algorithm>
#include <chrono>

#include "core/base/call_context.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace metagraph {

// Waiting for something that others change, but not beyond a call's limits:
//
//   CallWait wait(call, mu_, changed_);  // before mu_ is locked
//   MutexLock lock(mu_);
//   while (!there_) RETURN_IF_ERROR(wait.Wait(mu_));
//
// A cancellation wakes the waiter, as a notification of `changed` does.
class CallWait {
 public:
  CallWait(CallContext& call, Mutex& mu, CondVar& changed)
      : call_(call), changed_(changed), token_(call.OnCancel([&mu, &changed] {
          MutexLock lock(mu);  // or it comes before the waiter waits
          changed.NotifyAll();
        })) {}
  // Not under the lock, which a callback under way may be waiting for.
  ~CallWait() { call_.RemoveCallback(token_); }
  CallWait(const CallWait&) = delete;
  CallWait& operator=(const CallWait&) = delete;

  // Returns after a notification, or now and then without; CANCELLED or
  // DEADLINE_EXCEEDED instead, as the call says.
  absl::Status Wait(Mutex& mu) REQUIRES(mu) {
    absl::Status status = call_.Check();
    if (!status.ok()) return status;
    if (!call_.has_deadline()) {
      changed_.Wait(mu);
      return status;
    }
    // A clock that is not the machine's is asked again before long.
    const absl::Duration left =
        std::clamp(call_.deadline() - Clock::Real().Now(),
                   absl::Milliseconds(1), absl::Hours(1));
    changed_.WaitFor(mu, absl::ToChronoNanoseconds(left));
    return status;
  }

 private:
  CallContext& call_;
  CondVar& changed_;
  const int64_t token_;
};

}  // namespace metagraph
