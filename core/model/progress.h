#pragma once

#include <cstdint>
#include <functional>

#include "core/base/mutex.h"

namespace metagraph {

// How far a restore or a save is.
struct Progress {
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  int64_t tensors_done = 0;
  int64_t tensors_total = 0;
};
// Called by several threads, by one at a time. May be null.
using ProgressCallback = std::function<void(const Progress&)>;

// Adds up what several threads have done and reports it. Thread-safe.
class ProgressMeter {
 public:
  // Reports that nothing is done yet. `callback` outlives this.
  ProgressMeter(const ProgressCallback& callback, int64_t tensors,
                int64_t bytes)
      : callback_(callback) {
    progress_.tensors_total = tensors;
    progress_.bytes_total = bytes;
    if (callback_) callback_(progress_);
  }
  ProgressMeter(const ProgressMeter&) = delete;
  ProgressMeter& operator=(const ProgressMeter&) = delete;

  // One more tensor is done.
  void Add(int64_t bytes) EXCLUDES(mu_) {
    if (!callback_) return;
    MutexLock lock(mu_);
    progress_.bytes_done += bytes;
    ++progress_.tensors_done;
    callback_(progress_);
  }

 private:
  const ProgressCallback& callback_;
  Mutex mu_;
  Progress progress_ GUARDED_BY(mu_);
};

}  // namespace metagraph
