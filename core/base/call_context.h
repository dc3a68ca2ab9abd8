#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace metagraph {

// What the caller of a run or a restore is willing to wait for: a deadline
// and a flag that another thread may raise. Handed down by reference to the
// executor and to long kernels, which ask between steps. Thread-safe.
class CallContext {
 public:
  explicit CallContext(absl::Time deadline = absl::InfiniteFuture(),
                       Clock& clock = Clock::Real())
      : deadline_(deadline), clock_(clock) {}
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;

  // Raises the flag and runs the callbacks; later calls do nothing.
  void Cancel() EXCLUDES(mu_);

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  absl::Time deadline() const { return deadline_; }
  bool has_deadline() const { return deadline_ != absl::InfiniteFuture(); }

  // OK, CANCELLED or DEADLINE_EXCEEDED. Reads the clock only if there is a
  // deadline; `cancelled()` is the cheap test.
  absl::Status Check() const;

  // Runs `callback` once when Cancel() is called (at once if it was). For
  // blocking operations. Returns a token for RemoveCallback.
  int64_t OnCancel(std::function<void()> callback) EXCLUDES(mu_);
  // After this returns the callback will not start any more.
  void RemoveCallback(int64_t token) EXCLUDES(mu_);

 private:
  const absl::Time deadline_;
  Clock& clock_;
  std::atomic<bool> cancelled_{false};
  Mutex mu_;
  int64_t next_token_ GUARDED_BY(mu_) = 1;
  std::map<int64_t, std::function<void()>> callbacks_ GUARDED_BY(mu_);
};

}  // namespace metagraph
