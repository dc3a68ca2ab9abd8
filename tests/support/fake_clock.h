#pragma once

#include <atomic>

#include "core/base/clock.h"

namespace metagraph {

// A clock that tests move. Thread-safe.
class FakeClock final : public Clock {
 public:
  absl::Time Now() override { return absl::FromUnixNanos(nanos_); }
  void Advance(absl::Duration by) { nanos_ += absl::ToInt64Nanoseconds(by); }

 private:
  std::atomic<int64_t> nanos_{1'700'000'000'000'000'000};
};

}  // namespace metagraph
