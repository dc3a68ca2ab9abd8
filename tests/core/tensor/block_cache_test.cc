#include "core/tensor/block_cache.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

constexpr size_t kLarge = 100'000;

// Sanitizers see every block come and go.
bool KeepsBlocks() {
  BlockCache cache(1 << 20);
  cache.Give(cache.Take(kLarge), kLarge);
  return cache.cached_bytes() > 0;
}

TEST(BlockCacheTest, GivesWhatWasGivenBack) {
  if (!KeepsBlocks()) GTEST_SKIP() << "blocks are not kept under ASan";
  BlockCache cache(1 << 20);
  void* first = cache.Take(kLarge);
  ASSERT_NE(first, nullptr);
  std::memset(first, 1, kLarge);
  cache.Give(first, kLarge);
  EXPECT_GE(cache.cached_bytes(), int64_t{kLarge});
  // A block of about the size will do.
  EXPECT_EQ(cache.Take(kLarge + 1), first);
  EXPECT_EQ(cache.cached_bytes(), 0);
  cache.Give(first, kLarge + 1);
}

TEST(BlockCacheTest, BlocksAreAlignedAndLargeEnough) {
  BlockCache cache(1 << 30);
  for (size_t bytes : {size_t{1}, size_t{63}, size_t{32} << 10, size_t{65535},
                       size_t{65536}, size_t{65537}, size_t{1000000},
                       size_t{64} << 20, (size_t{64} << 20) + 1}) {
    void* block = cache.Take(bytes);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % BlockCache::kAlignment, 0u);
    std::memset(block, 1, bytes);
    cache.Give(block, bytes);
    // What it is taken for next may be as large as its class.
    void* again = cache.Take(bytes);
    std::memset(again, 1, bytes);
    cache.Give(again, bytes);
  }
}

TEST(BlockCacheTest, KeepsNoMoreThanItMay) {
  BlockCache cache(3 * kLarge);
  std::vector<void*> blocks(10);
  for (void*& block : blocks) block = cache.Take(kLarge);
  for (void* block : blocks) cache.Give(block, kLarge);
  EXPECT_LE(cache.cached_bytes(), int64_t{3 * kLarge});
  // Neither what is small nor what is huge.
  BlockCache all(int64_t{1} << 40);
  all.Give(all.Take(100), 100);
  all.Give(all.Take(size_t{65} << 20), size_t{65} << 20);
  EXPECT_EQ(all.cached_bytes(), 0);
}

TEST(BlockCacheTest, KeepsNothingFromWhoCannotHaveIt) {
  if (!KeepsBlocks()) GTEST_SKIP() << "blocks are not kept under ASan";
  BlockCache cache(1 << 20);
  cache.Give(cache.Take(kLarge), kLarge);
  ASSERT_GT(cache.cached_bytes(), 0);
  EXPECT_EQ(cache.Take(SIZE_MAX / 2), nullptr) << "no machine has as much";
  EXPECT_EQ(cache.cached_bytes(), 0) << "all was tried";
}

TEST(BlockCacheTest, ThreadsKeepAFewSmallOnes) {
  if (!KeepsBlocks()) GTEST_SKIP() << "blocks are not kept under ASan";
  std::thread([] {
    BlockCache cache(0);
    void* first = cache.Take(100);
    std::memset(first, 1, 100);
    cache.Give(first, 100);
    EXPECT_EQ(cache.Take(128), first) << "its class is as large";
    std::memset(first, 1, 128);
    std::vector<void*> blocks(100);
    for (void*& block : blocks) block = cache.Take(100);
    for (void* block : blocks) cache.Give(block, 100);
    cache.Give(first, 128);
    std::set<void*> kept;
    for (int i = 0; i < 100; ++i) {
      blocks[i] = cache.Take(100);
      EXPECT_TRUE(kept.insert(blocks[i]).second) << "given out twice";
    }
    for (void* block : blocks) cache.Give(block, 100);
  }).join();
}

TEST(BlockCacheTest, WhatNobodyNeedsIsFreed) {
  if (!KeepsBlocks()) GTEST_SKIP() << "blocks are not kept under ASan";
  BlockCache cache(1 << 20);
  void* first = cache.Take(kLarge);
  void* second = cache.Take(kLarge);
  cache.Give(first, kLarge);
  cache.Give(second, kLarge);
  const int64_t both = cache.cached_bytes();
  cache.FreeIdle();
  EXPECT_EQ(cache.cached_bytes(), both) << "they were needed just now";
  cache.Give(cache.Take(kLarge), kLarge);  // one is enough
  cache.FreeIdle();
  EXPECT_EQ(cache.cached_bytes(), both / 2);
  cache.FreeIdle();
  EXPECT_EQ(cache.cached_bytes(), 0);
}

}  // namespace
}  // namespace metagraph
