#include "core/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "core/base/flush_denormals.h"
#include "core/base/start_threads.h"

namespace metagraph {
namespace {

// Whether the thread's last task was a part of split work: runs split one
// kernel after the other, so that more of it is likely to come.
thread_local bool was_split_work = false;

// Asks again for a little while before a thread goes to sleep: to wake it takes
// as long as many kernels. Others who want the processor get it.
constexpr int kLooks = 64;
template <typename F>
bool LookForAWhile(F found) {
  for (int i = 0; i < kLooks; ++i) {
    if (found()) return true;
    for (int pause = 0; pause < 16; ++pause) __builtin_ia32_pause();
    sched_yield();
  }
  return false;
}

}  // namespace

ThreadPool::ThreadPool(const std::string& name, int threads)
    : threads_(StartThreads(name, threads, [this] { Work(); })) {}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Schedule(absl::AnyInvocable<void()> task) {
  {
    MutexLock lock(mu_);
    queue_.push_back(std::move(task));
  }
  wake_.NotifyOne();
}

void ThreadPool::Work() {
  const ScopedFlushDenormals flush_denormals;  // as on the callers' threads
  const auto has_work = [this] {
    MutexLock lock(mu_);
    return !queue_.empty() || stopping_;
  };
  for (;;) {
    absl::AnyInvocable<void()> task;
    if (was_split_work) LookForAWhile(has_work);
    was_split_work = false;
    {
      MutexLock lock(mu_);
      while (queue_.empty() && !stopping_) wake_.Wait(mu_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

void ThreadPool::ParallelFor(int64_t total, int64_t min_block,
                             absl::FunctionRef<void(int64_t, int64_t)> fn) {
  if (total <= 0) return;
  min_block = std::max<int64_t>(1, min_block);
  // A few blocks per thread even out uneven work.
  const int64_t max_blocks = 4 * (static_cast<int64_t>(size()) + 1);
  const int64_t block =
      std::max(min_block, (total + max_blocks - 1) / max_blocks);
  const int64_t blocks = (total + block - 1) / block;
  if (blocks == 1) return fn(0, total);

  // Helpers that start late find no block left and never touch `fn`, so only
  // the shared counters must outlive this call.
  struct Shared {
    std::atomic<int64_t> next{0};
    Mutex mu;
    CondVar done_cv;
    int64_t done GUARDED_BY(mu) = 0;
  };
  auto shared = std::make_shared<Shared>();
  auto run = [shared, total, block, blocks, fn] {
    int64_t mine = 0;
    for (int64_t i; (i = shared->next.fetch_add(1)) < blocks; ++mine) {
      fn(i * block, std::min(total, (i + 1) * block));
    }
    if (mine == 0) return;
    was_split_work = true;
    MutexLock lock(shared->mu);
    shared->done += mine;
    if (shared->done == blocks) shared->done_cv.NotifyAll();
  };
  const int64_t helpers = std::min<int64_t>(size(), blocks - 1);
  for (int64_t i = 0; i < helpers; ++i) Schedule(run);
  run();
  LookForAWhile([&] {
    MutexLock lock(shared->mu);
    return shared->done == blocks;
  });
  MutexLock lock(shared->mu);
  while (shared->done < blocks) shared->done_cv.Wait(shared->mu);
}

}  // namespace metagraph
