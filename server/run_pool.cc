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

RunQueue::Limits LimitsFor(int threads, int64_t max_waiting) {
  RunQueue::Limits out;
  out.threads_per_model = std::max(1, threads - 1);
  // A model leaves room for others.
  out.waiting_per_model =
      static_cast<size_t>(std::max<int64_t>(1, max_waiting / 4 * 3));
  return out;
}

}  // namespace

RunPool::RunPool(int threads, int64_t max_waiting)
    : queue_(LimitsFor(threads, max_waiting)),
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
  std::string model;
  int64_t nanos = -1;
  while (true) {
    std::optional<RunQueue::Job> job;
    {
      MutexLock lock(mu_);
      if (nanos >= 0) {
        queue_.Done(model, nanos);
        nanos = -1;
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
    model = job->model;
    const int64_t start = SteadyNanos();
    job->run(absl::OkStatus());
    nanos = SteadyNanos() - start;
  }
}

}  // namespace metagraph
