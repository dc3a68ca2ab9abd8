#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "core/base/mutex.h"

namespace metagraph {

// A fixed set of threads. Made where the process is composed and handed down.
class ThreadPool {
 public:
  // `name` shows in debuggers. `threads` >= 1.
  ThreadPool(const std::string& name, int threads);
  // Runs what is queued, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }

  void Schedule(absl::AnyInvocable<void()> task) EXCLUDES(mu_);

  // Splits [0, total) into blocks of at least `min_block` and calls
  // fn(begin, end) for each, the caller's thread included, until all are done.
  // Never waits for a queued block that the caller could run itself, so it may
  // be called from the pool's own threads.
  void ParallelFor(int64_t total, int64_t min_block,
                   absl::FunctionRef<void(int64_t, int64_t)> fn);

 private:
  void Work() EXCLUDES(mu_);

  Mutex mu_;
  CondVar wake_;
  std::deque<absl::AnyInvocable<void()>> queue_ GUARDED_BY(mu_);
  bool stopping_ GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // constant after construction
};

}  // namespace metagraph
