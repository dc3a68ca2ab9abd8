#pragma once

#include <signal.h>

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace metagraph {

// What the process is asked for by signals: HUP, a reload; TERM or INT, the
// end; a second one, the end at once, whatever is going on. Made before any
// other thread, so that all inherit that the signals are blocked.
class ProcessSignals {
 public:
  ProcessSignals();
  ~ProcessSignals();
  ProcessSignals(const ProcessSignals&) = delete;
  ProcessSignals& operator=(const ProcessSignals&) = delete;

  // Begins to wait for signals, on a thread of its own. `on_end` is called
  // there when the end is asked for; the process ends with exit code 0 after
  // the time that it returns, whatever still holds it up.
  void Start(std::function<absl::Duration()> on_end);

  // Waits. True: a reload; false: the end, as is every later answer.
  bool WaitForReload() EXCLUDES(mu_);

 private:
  void Work(const std::function<absl::Duration()>& on_end) EXCLUDES(mu_);

  sigset_t set_;  // constant after construction
  Mutex mu_;
  CondVar changed_;
  int reloads_ GUARDED_BY(mu_) = 0;
  bool ending_ GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace metagraph
