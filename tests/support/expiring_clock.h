#pragma once

#include <atomic>

#include "core/base/clock.h"

namespace metagraph {

// Passes every deadline once it was asked `asks` times: a test that counts up
// from 0 ends a call at each place where it can end.
class ExpiringClock final : public Clock {
 public:
  explicit ExpiringClock(int asks) : left_(asks) {}
  absl::Time Now() override {
    return left_.fetch_sub(1) > 0 ? absl::UnixEpoch() : absl::InfiniteFuture();
  }
  // A deadline before which the clock is at first.
  static absl::Time Deadline() { return absl::UnixEpoch() + absl::Hours(1); }

 private:
  std::atomic<int> left_;
};

}  // namespace metagraph
