#include "core/base/regex_cost.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

std::string Times(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(RegexCostTest, CountsWhatMakesAPatternLarge) {
  EXPECT_EQ(RegexCompileBytes(""), 0);
  const int64_t plain = RegexCompileBytes("abc");
  EXPECT_EQ(RegexCompileBytes("\\dL"), plain);
  EXPECT_GT(RegexCompileBytes("\\pL"), plain + 30000);
  EXPECT_EQ(RegexCompileBytes("\\PL"), RegexCompileBytes("\\pL"));
  // The larger number counts, and no more than RE2 takes.
  const int64_t repeat = RegexCompileBytes("a{0,1000}");
  EXPECT_GT(repeat, 1000 * 150);
  EXPECT_EQ(RegexCompileBytes("a{1000,0}"), repeat);
  EXPECT_EQ(RegexCompileBytes("a{0,9999}"), repeat);
  EXPECT_LT(RegexCompileBytes("a{0,10}"), repeat / 10);
  EXPECT_EQ(RegexCompileBytes("a{"), RegexCompileBytes("a\\"));
}

TEST(RegexCostTest, TakesPatternsThatPeopleWrite) {
  EXPECT_OK(CheckRegexSize("([\\pL\\pN]+)[^a-z]{2,5}"));
  EXPECT_OK(CheckRegexSize(Times(10000, "some word|")));
}

TEST(RegexCostTest, RefusesPatternsThatTakeAllMemory) {
  for (const char* part : {"\\pL", "\\PL", "a{0,1000}", ".", "a"}) {
    EXPECT_THAT(
        CheckRegexSize(Times(400000, part)),
        HasCode(absl::StatusCode::kInvalidArgument, "pattern too large"))
        << part;
  }
}

TEST(RegexCostTest, WorkIsInstructionsTimesBytes) {
  EXPECT_EQ(RegexWork(7, 9), 70);
  EXPECT_EQ(RegexWork(0, 9), 10);
  EXPECT_EQ(RegexWork(1000, INT64_MAX), INT64_MAX);
  EXPECT_EQ(RegexWork(1000, INT64_MAX / 1000), INT64_MAX);
}

}  // namespace
}  // namespace metagraph
