#pragma once

#include <cstdint>
#include <map>
#include <string>
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

// How many streams callers of one host may have, so that some are left for
// others. Thread-safe.
class HostBound {
 public:
  explicit HostBound(int64_t max) : max_(max) {}
  HostBound(const HostBound&) = delete;
  HostBound& operator=(const HostBound&) = delete;

  // The host of a peer as gRPC names it, "ipv4:127.0.0.1:50000".
  static std::string HostOf(const std::string& peer) {
    return peer.substr(0, peer.rfind(':'));
  }

  // RESOURCE_EXHAUSTED: it has as many as it may.
  absl::Status Enter(const std::string& host) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    const auto it = streams_.emplace(host, 0).first;
    if (it->second >= max_) {
      return WithRetryAfter(
          ResourceExhausted("more than ", max_,
                            " streams of values and graphs of one host are "
                            "under way: try again when some have ended"),
          absl::Milliseconds(50));
    }
    ++it->second;
    return absl::OkStatus();
  }
  // REQUIRES: it has entered.
  void Leave(const std::string& host) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    const auto it = streams_.find(host);
    if (--it->second == 0) streams_.erase(it);
  }

 private:
  const int64_t max_;
  Mutex mu_;
  std::map<std::string, int64_t> streams_ GUARDED_BY(mu_);
};

// What all streams share whose callers may be slow.
struct StreamBounds {
  StreamBounds(int64_t limit_bytes, int64_t limit_of_host,
               Timers::ClockFn now = SteadyNanos)
      : bytes(limit_bytes), hosts(limit_of_host), timers(std::move(now)) {}

  ByteBound bytes;
  HostBound hosts;
  Timers timers;  // end the patience with readers
};

}  // namespace metagraph
