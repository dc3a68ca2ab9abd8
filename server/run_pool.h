#pragma once

#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "server/run_queue.h"

namespace metagraph {

// Threads that do runs in the order of a RunQueue.
class RunPool {
 public:
  // `threads` >= 2: one is always left to models that have none at work, and to
  // hosts. From 3 on a host also leaves another one to others' runs of a model.
  // `max_runs`: that are admitted, all models together.
  RunPool(int threads, int64_t max_runs);
  // Does what waits, then joins.
  ~RunPool();
  RunPool(const RunPool&) = delete;
  RunPool& operator=(const RunPool&) = delete;

  void Schedule(RunQueue::Job job) EXCLUDES(mu_);

 private:
  void Work() EXCLUDES(mu_);

  Mutex mu_;
  CondVar wake_;
  RunQueue queue_ GUARDED_BY(mu_);
  bool stopping_ GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // constant after construction
};

}  // namespace metagraph
