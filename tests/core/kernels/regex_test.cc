#include "tests/core/tensor/memory_limit.h"
#include "tests/support/expiring_clock.h"
#include "tests/support/op_tester.h"

namespace metagraph::regex_test {

using absl::StatusCode;

TEST(RegexFullMatchTest, MatchesWholeStrings) {
  OpTester op("RegexFullMatch");
  op.Input<std::string>({3}, {"s3://a", "a s3://", ""});
  op.Scalar<std::string>("^s3://.*");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bool>(op.output(0), {3}, {true, false, false});
  OpTester fixed("StaticRegexFullMatch");
  fixed.Attr("pattern", "a+").Input<std::string>({2}, {"aa", "ab"});
  ASSERT_OK(fixed.Run());
  ExpectTensorEqual<bool>(fixed.output(0), {2}, {true, false});
}

TEST(RegexReplaceTest, ReplacesOneOrAll) {
  OpTester op("RegexReplace");
  op.Input<std::string>({2}, {"a1b2", "c"}).Scalar<std::string>("([0-9])");
  op.Scalar<std::string>("<\\1>");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"a<1>b<2>", "c"});
  OpTester fixed("StaticRegexReplace");
  fixed.Attr("pattern", "a").Attr("rewrite", "b").Attr("replace_global", false);
  fixed.Scalar<std::string>("aa");
  ASSERT_OK(fixed.Run());
  ExpectTensorEqual<std::string>(fixed.output(0), {}, {"ba"});
}

// Expected values are TensorFlow's.
TEST(RegexTest, DoesWithoutAGroupThatThereIsNot) {
  const auto replaced = [](const char* pattern, const char* rewrite) {
    OpTester op("StaticRegexReplace");
    op.Attr("pattern", pattern).Attr("rewrite", rewrite);
    op.Scalar<std::string>("xay");
    EXPECT_OK(op.Run());
    return op.output(0).scalar<std::string>();
  };
  EXPECT_EQ(replaced("a", "\\1"), "xay");
  EXPECT_EQ(replaced("(a)", "\\2"), "xay");
  EXPECT_EQ(replaced("(a)", "\\1\\1"), "xaay");
  EXPECT_EQ(replaced("a", "b\\"), "xby");
}

// Expected values are TensorFlow's.
TEST(RegexTest, ReplacesEmptyMatchesBetweenCharacters) {
  const auto replaced = [](const char* pattern, const char* rewrite,
                           const char* text) {
    OpTester op("StaticRegexReplace");
    op.Attr("pattern", pattern).Attr("rewrite", rewrite);
    op.Scalar<std::string>(text);
    EXPECT_OK(op.Run());
    return op.output(0).scalar<std::string>();
  };
  EXPECT_EQ(replaced("x*", "-", "abc"), "-a-b-c-");
  EXPECT_EQ(replaced("x*", "-", "axb"), "-a-b-");
  EXPECT_EQ(replaced("b*", "-", "abbc"), "-a-c-");
  EXPECT_EQ(replaced("a*", "<\\0>", "baac"), "<>b<aa>c<>");
  EXPECT_EQ(replaced("$", "!", "ab"), "ab!");
  EXPECT_EQ(replaced("(?m)^", "!", "a\nb"), "!a\n!b");
  EXPECT_EQ(replaced("\\b", "|", "ab cd"), "|ab| |cd|");
  EXPECT_EQ(replaced("(a)|b", "[\\1]", "abc"), "[a][]c");
  EXPECT_EQ(replaced("", "-", ""), "-");
  // Characters are kept whole; what is none goes byte by byte.
  EXPECT_EQ(replaced("", ".", "\xf0\x9f\x98\x80"), ".\xf0\x9f\x98\x80.");
  EXPECT_EQ(replaced("", "-", "\xc3\xa9\xff\xf4\x8f\xbf\xbf\xf4\x90\x80\x80"),
            "-\xc3\xa9-\xff-\xf4\x8f\xbf\xbf-\xf4-\x90-\x80-\x80-");
  EXPECT_EQ(replaced("x*", "-",
                     "\xed\xa0\x80"
                     "a"),
            "-\xed\xa0\x80-a-");
  EXPECT_EQ(replaced("", "-", "\xe2\x82"), "-\xe2-\x82-");
  EXPECT_EQ(replaced("", "-", "\xc0\x80\xe0\x80\x80"),
            "-\xc0-\x80-\xe0-\x80-\x80-");
}

TEST(RegexTest, RefusesBadPatterns) {
  OpTester pattern("RegexFullMatch");
  pattern.Scalar<std::string>("a").Scalar<std::string>("(");
  EXPECT_THAT(pattern.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Invalid pattern: (, error: missing ): ("));
  OpTester fixed("StaticRegexFullMatch");
  fixed.Attr("pattern", "(").Scalar<std::string>("a");
  EXPECT_THAT(fixed.Run(),
              HasCode(StatusCode::kInvalidArgument, "Invalid pattern: ("));
  OpTester vector("RegexReplace");
  vector.Scalar<std::string>("a").Input<std::string>({1}, {"a"});
  vector.Scalar<std::string>("b");
  EXPECT_THAT(vector.Run(),
              HasCode(StatusCode::kInvalidArgument, "Pattern must be scalar"));
}

TEST(RegexTest, RefusesReplacementsThatExplode) {
  OpTester op("RegexReplace");
  op.Scalar<std::string>(std::string(1 << 18, 'a')).Scalar<std::string>("");
  op.Scalar<std::string>(std::string(1 << 18, 'b'));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "too long"));
}

std::string Times(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(RegexTest, RefusesPatternsThatTakeAllMemory) {
  // RE2 would take gigabytes before it refuses this.
  const std::string large = Times(200000, "\\pL");
  OpTester fed("RegexFullMatch");
  fed.Scalar<std::string>("a").Scalar<std::string>(large);
  EXPECT_THAT(fed.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "error: pattern too large"));
  OpTester fixed("StaticRegexReplace");
  fixed.Attr("pattern", large.c_str()).Attr("rewrite", "");
  fixed.Scalar<std::string>("a");
  EXPECT_THAT(fixed.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "error: pattern too large"));
  OpTester smaller("RegexFullMatch");
  smaller.Scalar<std::string>("a").Scalar<std::string>(Times(2000, "\\pL"));
  EXPECT_THAT(smaller.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "error: pattern too large - compile failed"));
}

TEST(RegexTest, CountsWhatAPatternTakesAgainstTheBudget) {
  OpTester op("RegexFullMatch");
  op.Scalar<std::string>("a").Scalar<std::string>(Times(100, "\\pL"));
  const MemoryLimit limit(1 << 20);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, ""));
}

TEST(RegexTest, RefusesSearchesThatTakeTooLong) {
  const std::string pattern = "(?:.*a" + Times(20, ".{900}") + "b)";
  const std::string text = Times(100000, "ab");
  OpTester match("RegexFullMatch");
  match.Input<std::string>({2}, {"a", text}).Scalar<std::string>(pattern);
  EXPECT_THAT(match.Run(),
              HasCode(StatusCode::kResourceExhausted, "may take too long"));
  OpTester replace("RegexReplace");
  replace.Input<std::string>({2}, {"a", text}).Scalar<std::string>(pattern);
  replace.Scalar<std::string>("");
  EXPECT_THAT(replace.Run(),
              HasCode(StatusCode::kResourceExhausted, "may take too long"));
}

// Each match looks through the rest of the text.
TEST(RegexTest, ADeadlineEndsReplacing) {
  const std::string text(1 << 15, 'a');
  OpTester op("StaticRegexReplace");
  op.Attr("pattern", "a.*z|a").Attr("rewrite", "b").Scalar<std::string>(text);
  ExpiringClock clock(20);
  op.SetDeadline(ExpiringClock::Deadline(), clock);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
}

TEST(RegexTest, ADeadlineEndsMatching) {
  const std::string pattern = "(?:.*a.{900}b)";
  OpTester op("RegexFullMatch");
  op.Input<std::string>({100},
                        std::vector<std::string>(100, Times(1 << 13, "ab")));
  op.Scalar<std::string>(pattern);
  ExpiringClock clock(2);
  op.SetDeadline(ExpiringClock::Deadline(), clock);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
}

}  // namespace metagraph::regex_test
