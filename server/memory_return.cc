#include "server/memory_return.h"

#include <malloc.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/tensor/block_cache.h"
#include "glog/logging.h"
#include "server/machine.h"

namespace metagraph {
namespace {

// Less is not worth the walk over all that is free.
constexpr int64_t kWorthWhile = int64_t{64} << 20;

}  // namespace

bool BurstEnd::Look(int64_t resident, int64_t in_flight) {
  most_in_flight_ = std::max(most_in_flight_, in_flight);
  return resident > settled_ + kWorthWhile && in_flight * 4 <= most_in_flight_;
}

void BurstEnd::Given(int64_t resident) {
  settled_ = resident;
  most_in_flight_ = 0;
}

MemoryReturn::MemoryReturn(FileSystem& files,
                           std::function<int64_t()> calls_in_flight)
    : files_(files),
      calls_in_flight_(std::move(calls_in_flight)),
      thread_([this] { Watch(); }) {
  pthread_setname_np(thread_.native_handle(), "memory");
}

MemoryReturn::~MemoryReturn() {
  {
    MutexLock lock(mu_);
    ended_ = true;
    ended_changed_.NotifyAll();
  }
  thread_.join();
}

void MemoryReturn::Watch() {
  BurstEnd burst;
  MutexLock lock(mu_);
  while (!ended_) {
    ended_changed_.WaitFor(mu_, std::chrono::seconds(1));
    BlockCache::Process().FreeIdle();
    const int64_t before = ResidentMemory(files_);
    if (ended_ || !burst.Look(before, calls_in_flight_())) continue;
    malloc_trim(0);
    const int64_t after = ResidentMemory(files_);
    burst.Given(after);
    VLOG(1) << "given back to the system: " << (before - after) / 1'000'000
            << " MB of " << before / 1'000'000;
  }
}

}  // namespace metagraph
