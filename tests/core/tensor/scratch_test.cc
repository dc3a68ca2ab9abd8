#include "core/tensor/scratch.h"

#include <limits>

#include "absl/container/flat_hash_map.h"
#include "gtest/gtest.h"
#include "tests/core/tensor/memory_limit.h"

namespace metagraph {
namespace {

constexpr int64_t kCounted = ScratchAllocator<char>::kCountedFrom;

int64_t Used() { return MemoryBudget::Process().used(); }

TEST(ScratchTest, CountsWhatIsNotSmall) {
  const int64_t before = Used();
  {
    const Scratch<char> small(kCounted - 1);
    EXPECT_EQ(Used(), before);
    const Scratch<int64_t> counted(kCounted);
    EXPECT_EQ(Used(), before + 8 * kCounted);
  }
  EXPECT_EQ(Used(), before);
}

TEST(ScratchTest, ThrowsOverTheBudgetAndLeavesNothingCounted) {
  const int64_t before = Used();
  const MemoryLimit limit(2 * kCounted);
  Scratch<char> first(kCounted);
  try {
    first.resize(2 * kCounted);
    ADD_FAILURE() << "there was memory";
  } catch (const ScratchRefused& error) {
    EXPECT_EQ(error.bytes(), size_t{2 * kCounted});
  }
  EXPECT_EQ(Used(), before + kCounted);
}

TEST(ScratchTest, ThrowsWhereTheMachineHasNoSuchMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the process in place of throwing";
#endif
  const int64_t before = Used();
  EXPECT_THROW(Scratch<char>(int64_t{1} << 60), std::bad_alloc);
  EXPECT_EQ(Used(), before);
}

TEST(ScratchTest, CountsTheTablesOfAbseil) {
  const int64_t before = Used();
  {
    absl::flat_hash_map<int64_t, int64_t, absl::Hash<int64_t>,
                        std::equal_to<int64_t>,
                        ScratchAllocator<std::pair<const int64_t, int64_t>>>
        table;
    table.reserve(kCounted);
    EXPECT_GE(Used(), before + 16 * kCounted);
  }
  EXPECT_EQ(Used(), before);
}

TEST(ScratchChargeTest, CountsWhileItLives) {
  const int64_t before = Used();
  const MemoryLimit limit(100);
  {
    const ScratchCharge charge(100);
    EXPECT_EQ(Used(), before + 100);
    EXPECT_THROW(ScratchCharge(1), ScratchRefused);
  }
  EXPECT_EQ(Used(), before);
}

}  // namespace
}  // namespace metagraph
