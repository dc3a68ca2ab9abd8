#include "server/timers.h"

#include <future>

#include "gmock/gmock.h"

namespace metagraph {
namespace {

using testing::ElementsAre;

TEST(TimersTest, CallBackInTheOrderOfTheirTimes) {
  int64_t now = 0;
  Timers timers([&] { return now; });
  std::vector<int> fired;
  timers.Set(30, [&] { fired.push_back(3); });
  timers.Set(10, [&] { fired.push_back(1); });
  timers.Set(10, [&] { fired.push_back(2); });
  timers.RunDue();
  EXPECT_TRUE(fired.empty());
  now = 10;
  timers.RunDue();
  EXPECT_THAT(fired, ElementsAre(1, 2));
  EXPECT_EQ(timers.waiting(), 1);
  now = 1000;
  timers.RunDue();
  timers.RunDue();
  EXPECT_THAT(fired, ElementsAre(1, 2, 3));
}

TEST(TimersTest, CancelledOnesDoNotCallBack) {
  int64_t now = 0;
  Timers timers([&] { return now; });
  int fired = 0;
  const Timers::Token first = timers.Set(10, [&] { ++fired; });
  const Timers::Token second = timers.Set(10, [&] { fired += 10; });
  timers.Cancel(first);
  now = 10;
  timers.RunDue();
  EXPECT_EQ(fired, 10);
  timers.Cancel(second);  // too late, and no harm
  EXPECT_EQ(timers.waiting(), 0);
}

TEST(TimersTest, LookByThemselvesOnceStarted) {
  Timers timers;
  timers.Start();
  timers.Set(SteadyNanos() + int64_t{3'600'000'000'000},
             [] { ADD_FAILURE() << "an hour too early"; });
  // Set later, due earlier: the thread does not sleep on.
  std::promise<void> fired;
  timers.Set(SteadyNanos(), [&] { fired.set_value(); });
  fired.get_future().wait();
  EXPECT_EQ(timers.waiting(), 1);
}

}  // namespace
}  // namespace metagraph
