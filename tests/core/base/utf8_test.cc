#include "core/base/utf8.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(IsUtf8Test, RefusesOverlongSurrogatesAndTruncation) {
  EXPECT_TRUE(IsUtf8("größer €😀"));
  EXPECT_FALSE(IsUtf8("\xC0\x80"));
  EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));
  EXPECT_FALSE(IsUtf8("\xE2\x82"));
  EXPECT_FALSE(IsUtf8("\xF5\x80\x80\x80"));
  EXPECT_FALSE(IsUtf8("\x80"));
}

}  // namespace
}  // namespace metagraph
