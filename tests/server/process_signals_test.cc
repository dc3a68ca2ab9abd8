#include "server/process_signals.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

// Each in a process of its own.
class ProcessSignalsDeathTest : public testing::Test {
 protected:
  ProcessSignalsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  static void Send(int number) { kill(getpid(), number); }
};

TEST_F(ProcessSignalsDeathTest, ReloadsUntilTheEnd) {
  EXPECT_EXIT(
      {
        ProcessSignals signals;
        signals.Start([] { return absl::Hours(1); });
        Send(SIGHUP);
        const bool reload = signals.WaitForReload();
        Send(SIGTERM);
        const bool end = !signals.WaitForReload();
        std::_Exit(reload && end ? 7 : 1);
      },
      testing::ExitedWithCode(7), "asked to end by signal 15");
}

TEST_F(ProcessSignalsDeathTest, EndsInTimeWhateverHoldsItUp) {
  EXPECT_EXIT(
      {
        ProcessSignals signals;
        signals.Start([] { return absl::Milliseconds(1); });
        Send(SIGINT);
        while (true) pause();
      },
      testing::ExitedWithCode(0), "as --drain_timeout says");
}

TEST_F(ProcessSignalsDeathTest, ASecondSignalEndsItAtOnce) {
  EXPECT_EXIT(
      {
        ProcessSignals signals;
        std::atomic<bool> ending{false};
        signals.Start([&] {
          ending = true;
          return absl::Hours(1);
        });
        Send(SIGTERM);
        while (!ending) std::this_thread::yield();
        Send(SIGTERM);
        while (true) pause();
      },
      testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace metagraph
