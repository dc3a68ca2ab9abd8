#include "server/process_signals.h"

#include <pthread.h>

#include <cstdlib>
#include <ctime>
#include <utility>

#include "core/base/clock.h"
#include "glog/logging.h"

namespace metagraph {
namespace {

// The destructor's word to the thread; means nothing to the process.
constexpr int kStop = SIGUSR1;

// As if nobody had waited for the signal. The first process of a container
// gets none that it does not wait for: it ends by itself.
[[noreturn]] void EndAtOnce(int number) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  signal(number, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  raise(number);
  std::_Exit(128 + number);
}

// The next signal; 0: none came before that time (SteadyNanos).
int NextSignal(const sigset_t& set, int64_t until) {
  const int64_t left = until - SteadyNanos();
  if (left <= 0) return 0;
  timespec time{};
  time.tv_sec = left / 1'000'000'000;
  time.tv_nsec = left % 1'000'000'000;
  // -1 also when it was interrupted: then the caller asks again.
  return sigtimedwait(&set, nullptr, &time);
}

}  // namespace

ProcessSignals::ProcessSignals() {
  sigemptyset(&set_);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, kStop}) {
    sigaddset(&set_, number);
  }
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  // A client that goes away is an error code, not the end.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a write that is too large just fails
  signal(SIGCHLD, SIG_IGN);  // as a container's first process: no zombies
}

ProcessSignals::~ProcessSignals() {
  if (!thread_.joinable()) return;
  pthread_kill(thread_.native_handle(), kStop);
  thread_.join();
}

void ProcessSignals::Start(std::function<absl::Duration()> on_end) {
  thread_ = std::thread([this, on_end = std::move(on_end)] { Work(on_end); });
}

void ProcessSignals::Work(const std::function<absl::Duration()>& on_end) {
  int64_t end = SteadyNanos() + absl::ToInt64Nanoseconds(absl::Hours(100000));
  absl::Duration time;
  bool ending = false;
  while (true) {
    const int number = NextSignal(set_, end);
    if (number == kStop) return;
    if (number == 0 && ending) {
      LOG(WARNING) << "ended after " << absl::FormatDuration(time)
                   << ", as --drain_timeout says, though not all had ended";
      google::FlushLogFiles(google::GLOG_INFO);
      std::_Exit(EXIT_SUCCESS);
    }
    if (number == SIGHUP) {
      MutexLock lock(mu_);
      ++reloads_;
      changed_.NotifyAll();
    }
    if (number != SIGTERM && number != SIGINT) continue;
    if (ending) EndAtOnce(number);
    LOG(INFO) << "asked to end by signal " << number;
    ending = true;
    const int64_t now = SteadyNanos();
    time = on_end();
    end = now + absl::ToInt64Nanoseconds(time);
    MutexLock lock(mu_);
    ending_ = true;
    changed_.NotifyAll();
  }
}

bool ProcessSignals::WaitForReload() {
  MutexLock lock(mu_);
  while (reloads_ == 0 && !ending_) changed_.Wait(mu_);
  if (ending_) return false;
  --reloads_;
  return true;
}

}  // namespace metagraph
