#include "core/base/thread_pool.h"

#include <atomic>
#include <vector>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(ThreadPoolTest, RunsWhatWasQueuedBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    ThreadPool pool("test", 3);
    EXPECT_EQ(pool.size(), 3);
    for (int i = 0; i < 100; ++i) pool.Schedule([&] { ++ran; });
  }
  EXPECT_EQ(ran, 100);
}

TEST(ThreadPoolTest, ParallelForCallsEachIndexOnce) {
  ThreadPool pool("test", 4);
  for (int64_t total : {0, 1, 7, 1000}) {
    std::vector<std::atomic<int>> hits(total);
    pool.ParallelFor(total, 3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++hits[i];
    });
    for (const auto& hit : hits) EXPECT_EQ(hit, 1);
  }
}

TEST(ThreadPoolTest, ParallelForRespectsTheSmallestBlock) {
  ThreadPool pool("test", 2);
  std::atomic<int> blocks{0};
  pool.ParallelFor(100, 60, [&](int64_t begin, int64_t end) {
    EXPECT_TRUE(end == 100 || end - begin >= 60);
    ++blocks;
  });
  EXPECT_LE(blocks, 2);
}

TEST(ThreadPoolTest, ParallelForMayBeNestedInItsOwnThreads) {
  ThreadPool pool("test", 2);
  std::atomic<int64_t> sum{0};
  pool.ParallelFor(8, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      pool.ParallelFor(10, 1, [&](int64_t b, int64_t e) { sum += e - b; });
    }
  });
  EXPECT_EQ(sum, 80);
}

}  // namespace
}  // namespace metagraph
