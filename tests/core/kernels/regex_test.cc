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

}  // namespace metagraph::regex_test
