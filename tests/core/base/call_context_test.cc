#include "core/base/call_context.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

TEST(CallContextTest, IsOkWithoutDeadlineAndCancellation) {
  CallContext call;
  EXPECT_FALSE(call.has_deadline());
  EXPECT_OK(call.Check());
}

TEST(CallContextTest, ReportsThePassedDeadline) {
  FakeClock clock;
  CallContext call(clock.Now() + absl::Seconds(5), clock);
  EXPECT_OK(call.Check());
  clock.Advance(absl::Seconds(5));
  EXPECT_THAT(call.Check(),
              HasCode(absl::StatusCode::kDeadlineExceeded, "deadline"));
}

TEST(CallContextTest, CancelRaisesTheFlagAndRunsCallbacksOnce) {
  CallContext call;
  int ran = 0;
  call.OnCancel([&] { ++ran; });
  call.Cancel();
  call.Cancel();
  EXPECT_EQ(ran, 1);
  EXPECT_THAT(call.Check(), HasCode(absl::StatusCode::kCancelled, ""));
}

TEST(CallContextTest, ACallbackAddedAfterCancelRunsAtOnce) {
  CallContext call;
  call.Cancel();
  bool ran = false;
  call.OnCancel([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(CallContextTest, ARemovedCallbackDoesNotRun) {
  CallContext call;
  bool ran = false;
  call.RemoveCallback(call.OnCancel([&] { ran = true; }));
  call.Cancel();
  EXPECT_FALSE(ran);
}

TEST(CallContextTest, CancelFromAnotherThreadIsSeen) {
  CallContext call;
  std::thread other([&] { call.Cancel(); });
  while (!call.cancelled()) std::this_thread::yield();
  other.join();
  EXPECT_FALSE(call.Check().ok());
}

}  // namespace
}  // namespace metagraph
