#include "server/run_pool.h"

#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/base/start_threads.h"

namespace metagraph {
namespace {

void Answer(std::vector<RunQueue::Refused>& refused) {
  for (RunQueue::Refused& one : refused) one.job.run(one.status);
  refused.clear();
}

RunQueue::Limits LimitsFor(int threads, int64_t max_runs) {
  RunQueue::Limits out;
  out.threads = std::max(1, threads - 1);
  out.threads_of_both = std::max(1, threads - 2);
  // What can wait when all threads are at work.
  const int64_t can_wait = max_runs - threads;
  const auto part = [can_wait](int64_t eighths) {
    return static_cast<size_t>(std::max<int64_t>(1, can_wait * eighths / 8));
  };
  // A model leaves room for others, a host too, and all of them for whoever
  // comes next: the queue, which knows who has the most, is full first.
  out.waiting = part(6);
  out.waiting_in_all = part(7);
  return out;
}

}  // namespace

RunPool::RunPool(int threads, int64_t max_runs)
    : queue_(LimitsFor(threads, max_runs)),
      threads_(StartThreads("requests", threads, [this] { Work(); })) {}

RunPool::~RunPool() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void RunPool::Schedule(RunQueue::Job job) {
  std::vector<RunQueue::Refused> refused;
  {
    MutexLock lock(mu_);
    queue_.Push(std::move(job), SteadyNanos(), refused);
    wake_.NotifyOne();
  }
  Answer(refused);
}

void RunPool::Work() {
  std::vector<RunQueue::Refused> refused;
  std::optional<RunQueue::Job> job;
  int64_t nanos = 0;
  while (true) {
    {
      MutexLock lock(mu_);
      if (job) {
        queue_.Done(*job, nanos);
        // What its limit has held back may be another thread's next.
        if (queue_.waiting() > 0) wake_.NotifyOne();
      }
      while (true) {
        job = queue_.Pop(SteadyNanos(), refused);
        if (job || !refused.empty()) break;
        if (stopping_ && queue_.waiting() == 0) return;
        wake_.Wait(mu_);
      }
    }
    Answer(refused);
    if (!job) continue;
    const int64_t start = SteadyNanos();
    job->run(absl::OkStatus());
    nanos = SteadyNanos() - start;
  }
}

}  // namespace metagraph
