#include "core/io/glob.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(GlobTest, Wildcards) {
  EXPECT_TRUE(GlobMatches("model-?-of-2", "model-1-of-2"));
  EXPECT_FALSE(GlobMatches("model-?-of-2", "model-10-of-2"));
  EXPECT_TRUE(GlobMatches("*.index", "model.ckpt.index"));
  EXPECT_TRUE(GlobMatches("a*b*c", "aXbYbc"));
  EXPECT_FALSE(GlobMatches("a*b*c", "aXbYb"));
  // What looked like the rest begins anew.
  EXPECT_TRUE(GlobMatches("a*bc", "abbc"));
  EXPECT_TRUE(GlobMatches("*-00?", "m-00-001"));
  EXPECT_TRUE(GlobMatches("", ""));
  EXPECT_TRUE(GlobMatches("*", ""));
  EXPECT_FALSE(GlobMatches("", "a"));
  EXPECT_FALSE(GlobMatches("?", ""));
}

TEST(GlobTest, WildcardsStayInOneFolder) {
  EXPECT_FALSE(GlobMatches("a*c", "a/c"));
  EXPECT_FALSE(GlobMatches("a?c", "a/c"));
  EXPECT_TRUE(GlobMatches("a/*", "a/c"));
}

TEST(GlobTest, BackslashMakesLiteral) {
  EXPECT_TRUE(GlobMatches("a\\?", "a?"));
  EXPECT_FALSE(GlobMatches("a\\?", "ab"));
}

// Backtracking from every star would take exponential time.
TEST(GlobTest, ManyStarsAreCheap) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(5000, 'a')));
}

TEST(GlobTest, ListsPathsThatFit) {
  FakeFileSystem fs({"m"});
  fs.Put("m/x-00000-of-00002", "");
  fs.Put("m/x-00001-of-00002", "");
  fs.Put("m/y", "");
  EXPECT_THAT(*Glob(fs, "m/x-\?\?\?\?\?-of-00002"),
              ElementsAre("m/x-00000-of-00002", "m/x-00001-of-00002"));
  EXPECT_THAT(*Glob(fs, "m/z*"), IsEmpty());
  EXPECT_THAT(*Glob(fs, "none/z*"), IsEmpty());
}

}  // namespace
}  // namespace metagraph
