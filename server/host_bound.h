#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "server/retry_after.h"

namespace metagraph {

// How many calls of a kind callers of one host may have under way, so that some
// are left for others. Thread-safe.
class HostBound {
 public:
  // `what` is counted, for the error: "calls".
  HostBound(int64_t max, const char* what) : max_(max), what_(what) {}
  HostBound(const HostBound&) = delete;
  HostBound& operator=(const HostBound&) = delete;

  // The host of a peer as gRPC names it, "ipv4:127.0.0.1:50000".
  static std::string HostOf(const std::string& peer) {
    return peer.substr(0, peer.rfind(':'));
  }

  // RESOURCE_EXHAUSTED: it has as many as it may.
  absl::Status Enter(const std::string& host) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    const auto it = calls_.emplace(host, 0).first;
    if (it->second >= max_) {
      return WithRetryAfter(
          ResourceExhausted("more than ", max_, " ", what_,
                            " of one host are under way: try again when some "
                            "have ended"),
          absl::Milliseconds(50));
    }
    ++it->second;
    return absl::OkStatus();
  }
  // REQUIRES: it has entered.
  void Leave(const std::string& host) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    const auto it = calls_.find(host);
    if (--it->second == 0) calls_.erase(it);
  }

 private:
  const int64_t max_;
  const char* const what_;
  Mutex mu_;
  std::map<std::string, int64_t> calls_ GUARDED_BY(mu_);
};

}  // namespace metagraph
