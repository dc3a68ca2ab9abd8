#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "server/retry_after.h"
#include "server/timers.h"

namespace metagraph {

// How many bytes the messages of all streams may take that their callers have
// not read yet. Thread-safe.
class ByteBound {
 public:
  explicit ByteBound(int64_t limit) : limit_(limit) {}
  ByteBound(const ByteBound&) = delete;
  ByteBound& operator=(const ByteBound&) = delete;

  // What one stream may take, given back when destroyed.
  class Share {
   public:
    explicit Share(ByteBound& owner) : owner_(owner) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { Release(); }

    // RESOURCE_EXHAUSTED: with what the others have that is too much. Who has
    // none beside him may take any number of bytes, or nobody ever could.
    absl::Status GrowTo(int64_t bytes) { return owner_.Grow(&bytes_, bytes); }
    void Release() { owner_.Give(&bytes_); }

   private:
    ByteBound& owner_;
    int64_t bytes_ = 0;
  };

  int64_t used() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return used_;
  }

 private:
  absl::Status Grow(int64_t* bytes, int64_t to) EXCLUDES(mu_) {
    if (to <= *bytes) return absl::OkStatus();
    MutexLock lock(mu_);
    const int64_t others = used_ - *bytes;
    if (others > 0 && to > limit_ - others) {
      return WithRetryAfter(
          ResourceExhausted(
              "the streams under way may take ", others, " bytes, this one ",
              to, ", which is more than ", limit_,
              " together: try again when some have ended, or ask for smaller "
              "pieces"),
          absl::Milliseconds(100));
    }
    used_ = others + to;
    *bytes = to;
    return absl::OkStatus();
  }
  void Give(int64_t* bytes) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    used_ -= *bytes;
    *bytes = 0;
  }

  const int64_t limit_;
  mutable Mutex mu_;
  int64_t used_ GUARDED_BY(mu_) = 0;
};

// What all streams share whose callers may be slow.
struct StreamBounds {
  explicit StreamBounds(int64_t limit_bytes, Timers::ClockFn now = SteadyNanos)
      : bytes(limit_bytes), timers(std::move(now)) {}

  ByteBound bytes;
  Timers timers;  // end the patience with readers
};

}  // namespace metagraph
