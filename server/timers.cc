#include "server/timers.h"

#include <chrono>

#include "core/base/start_threads.h"

namespace metagraph {

Timers::~Timers() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Timers::Start() {
  threads_ = StartThreads("timers", 1, [this] { Work(); });
}

Timers::Token Timers::Set(int64_t when, std::function<void()> fire) {
  MutexLock lock(mu_);
  const Token token(when, next_++);
  const auto it = set_.emplace(token, std::move(fire)).first;
  if (it == set_.begin()) wake_.NotifyAll();
  return token;
}

void Timers::Cancel(Token token) {
  MutexLock lock(mu_);
  set_.erase(token);
}

void Timers::RunDue() {
  MutexLock lock(mu_);
  RunDueLocked();
}

int64_t Timers::waiting() const {
  MutexLock lock(mu_);
  return static_cast<int64_t>(set_.size());
}

void Timers::RunDueLocked() {
  // Under the lock, so that Cancel can promise silence.
  while (!set_.empty() && set_.begin()->first.first <= now_()) {
    const std::function<void()> fire = std::move(set_.begin()->second);
    set_.erase(set_.begin());
    fire();
  }
}

void Timers::Work() {
  constexpr std::chrono::hours kLong(1);  // until there is anything to wait for
  MutexLock lock(mu_);
  while (!stopping_) {
    RunDueLocked();
    std::chrono::nanoseconds pause = kLong;
    if (!set_.empty()) {
      pause = std::chrono::nanoseconds(set_.begin()->first.first - now_());
    }
    wake_.WaitFor(mu_, pause);
  }
}

}  // namespace metagraph
