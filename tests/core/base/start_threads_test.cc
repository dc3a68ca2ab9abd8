#include "core/base/start_threads.h"

#include <pthread.h>

#include <atomic>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(StartThreadsTest, AllDoTheWork) {
  std::atomic<int> done{0};
  std::vector<std::thread> threads =
      StartThreads("a name that is too long", 3, [&] { ++done; });
  EXPECT_EQ(threads.size(), 3u);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 3);
}

TEST(StartThreadsTest, ThereIsOneAtLeast) {
  std::vector<std::thread> threads = StartThreads("none", 0, [] {});
  EXPECT_EQ(threads.size(), 1u);
  threads[0].join();
}

}  // namespace
}  // namespace metagraph
