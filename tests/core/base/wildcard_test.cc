#include "core/base/wildcard.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(WildcardTest, MatchesTheWholeName) {
  EXPECT_TRUE(WildcardMatches("*", ""));
  EXPECT_TRUE(WildcardMatches("a*c", "abc/c"));
  EXPECT_TRUE(WildcardMatches("a?c", "abc"));
  EXPECT_TRUE(WildcardMatches("*/kernel", "layer/1/kernel"));
  EXPECT_FALSE(WildcardMatches("a*c", "abcd"));
  EXPECT_FALSE(WildcardMatches("?", ""));
  EXPECT_FALSE(WildcardMatches("abc", "ABC"));
}

TEST(WildcardTest, ManyStarsTakeNoTime) {
  EXPECT_FALSE(WildcardMatches("*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace metagraph
