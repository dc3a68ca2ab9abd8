#pragma once

#include <cstdint>
#include <thread>

#include "core/base/clock.h"

namespace metagraph {

// Long work in the background calls this after each small part of it. Without
// it the work keeps its processor until the next tick of the kernel, up to 4 ms
// later, and a call that needs the processor waits as long.
inline void Yield() {
  // On a busy machine each yield lets all other threads run first, so there is
  // none before this much time has passed since the last one.
  constexpr int64_t kPart = 100'000;  // nanoseconds
  thread_local int64_t last = 0;
  if (SteadyNanos() - last < kPart) return;
  std::this_thread::yield();
  last = SteadyNanos();
}

}  // namespace metagraph
