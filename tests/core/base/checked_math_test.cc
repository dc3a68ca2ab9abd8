#include "core/base/checked_math.h"

#include <limits>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(CheckedMathTest, MultipliesAndAddsWhatFits) {
  EXPECT_EQ(CheckedMul(6, 7), 42);
  EXPECT_EQ(CheckedMul(kMax, 1), kMax);
  EXPECT_EQ(CheckedMul(0, kMax), 0);
  EXPECT_EQ(CheckedAdd(kMax - 1, 1), kMax);
}

TEST(CheckedMathTest, RefusesOverflowAndNegatives) {
  EXPECT_EQ(CheckedMul(int64_t{1} << 32, int64_t{1} << 31), std::nullopt);
  EXPECT_EQ(CheckedMul(-1, 2), std::nullopt);
  EXPECT_EQ(CheckedMul(2, -1), std::nullopt);
  EXPECT_EQ(CheckedAdd(kMax, 1), std::nullopt);
  EXPECT_EQ(CheckedAdd(-1, 5), std::nullopt);
}

TEST(CheckedMathTest, RangeWithinDoesNotWrapAround) {
  EXPECT_TRUE(RangeWithin(0, 10, 10));
  EXPECT_TRUE(RangeWithin(10, 0, 10));
  EXPECT_FALSE(RangeWithin(1, 10, 10));
  EXPECT_FALSE(RangeWithin(11, 0, 10));
  EXPECT_FALSE(RangeWithin(5, std::numeric_limits<uint64_t>::max(), 10));
}

}  // namespace
}  // namespace metagraph
