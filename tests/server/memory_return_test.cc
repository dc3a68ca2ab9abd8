#include "server/memory_return.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

constexpr int64_t kMiB = 1 << 20;

TEST(BurstEndTest, IsWhenTheCallsHaveGone) {
  BurstEnd burst;
  burst.Given(40 * kMiB);
  EXPECT_FALSE(burst.Look(900 * kMiB, 64));
  EXPECT_FALSE(burst.Look(900 * kMiB, 32)) << "it goes on";
  EXPECT_TRUE(burst.Look(900 * kMiB, 1)) << "one caller is no burst";
  burst.Given(300 * kMiB);
  EXPECT_FALSE(burst.Look(300 * kMiB, 0)) << "the rest is needed";
  EXPECT_TRUE(burst.Look(365 * kMiB, 0));
}

TEST(BurstEndTest, AFewPagesAreNotWorthIt) {
  BurstEnd burst;
  burst.Given(40 * kMiB);
  EXPECT_FALSE(burst.Look(100 * kMiB, 0));
}

// What the test can see of the thread: that it ends.
TEST(MemoryReturnTest, EndsAtOnce) {
  const MemoryReturn memory(FileSystem::Posix(), [] { return 0; });
}

}  // namespace
}  // namespace metagraph
