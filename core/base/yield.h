#pragma once

#include <thread>

#include "core/base/clock.h"

namespace metagraph {

// To be called by long work in the background after each small part of it. A
// thread that goes on working keeps its processor until the next tick of the
// kernel, 4 ms away: that long a call would have to wait.
inline void Yield() {
  // On a busy machine all others come first, so not for every tiny part.
  constexpr int64_t kPart = 100'000;  // nanoseconds
  thread_local int64_t last = 0;
  if (SteadyNanos() - last < kPart) return;
  std::this_thread::yield();
  last = SteadyNanos();
}

}  // namespace metagraph
