#include "server/reader_patience.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMiB = 1 << 20;

// How many messages a reader gets that takes one each `seconds`, at most 1000.
int Taken(int64_t bytes, double seconds) {
  ReaderPatience patience;
  int64_t now = 77;
  for (int taken = 0; taken < 1000; ++taken) {
    const int64_t end = patience.StartWaiting(now, bytes);
    now += static_cast<int64_t>(seconds * kSecond);
    if (now >= end) return taken;
    patience.StopWaiting(now);
  }
  return 1000;
}

TEST(ReaderPatienceTest, IsAMinuteAndFourSecondsForEachMiB) {
  EXPECT_EQ(ReaderPatience().StartWaiting(5, 0), 5 + 60 * kSecond);
  EXPECT_NEAR(ReaderPatience().StartWaiting(5, 64 * kMiB),
              5 + (60 + 64 * 4) * kSecond, 0.01 * kSecond);
}

TEST(ReaderPatienceTest, GoesOnWithWhoReadsAQuarterOfAMiBPerSecond) {
  EXPECT_EQ(Taken(kMiB, 3.9), 1000);
  EXPECT_EQ(Taken(64 * kMiB, 250), 1000);
  EXPECT_EQ(Taken(100, 0), 1000);
}

TEST(ReaderPatienceTest, EndsWithWhoTakesALittleNowAndThen) {
  EXPECT_EQ(Taken(kMiB, 59), 1);
  EXPECT_EQ(Taken(100, 59), 1);
  EXPECT_EQ(Taken(kMiB, 10), 9);
  EXPECT_LT(Taken(100, 0.5), 130);
}

TEST(ReaderPatienceTest, IsNotSavedUpByReadingFast) {
  ReaderPatience patience;
  for (int i = 0; i < 1000; ++i) {
    patience.StartWaiting(0, kMiB);
    patience.StopWaiting(0);
  }
  EXPECT_LT(patience.StartWaiting(0, kMiB), 65 * kSecond);
}

}  // namespace
}  // namespace metagraph
