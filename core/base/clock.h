#pragma once

#include "absl/time/time.h"

namespace metagraph {

// Time is handed in, so that tests can fake it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;

  // The machine's clock. Lives as long as the process.
  static Clock& Real();
};

// Nanoseconds of a steady clock, for measuring durations.
int64_t SteadyNanos();

}  // namespace metagraph
