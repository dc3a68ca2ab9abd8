#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace metagraph {

// Calls back at a time, for any number of waits with one thread. Thread-safe.
class Timers {
 public:
  // Nanoseconds of a steady clock, as SteadyNanos.
  using ClockFn = std::function<int64_t()>;
  using Token = std::pair<int64_t, int64_t>;

  // Without Start only RunDue looks at the time.
  explicit Timers(ClockFn now = SteadyNanos) : now_(std::move(now)) {}
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // Begins to look by itself, on a thread of its own.
  void Start();

  int64_t now() const { return now_(); }
  // `fire` must return at once, and not come back here.
  Token Set(int64_t when, std::function<void()> fire) EXCLUDES(mu_);
  // After this returns it does not run, now or ever. Tokens of what has run are
  // none any more.
  void Cancel(Token token) EXCLUDES(mu_);
  // Calls all that are due.
  void RunDue() EXCLUDES(mu_);
  int64_t waiting() const EXCLUDES(mu_);

 private:
  void Work() EXCLUDES(mu_);
  void RunDueLocked() REQUIRES(mu_);

  const ClockFn now_;
  mutable Mutex mu_;
  CondVar wake_;
  int64_t next_ GUARDED_BY(mu_) = 0;
  std::map<Token, std::function<void()>> set_ GUARDED_BY(mu_);  // by time
  bool stopping_ GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;  // one, once started
};

}  // namespace metagraph
