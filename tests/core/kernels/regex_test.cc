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

TEST(RegexTest, RefusesBadPatternsAndRewrites) {
  OpTester pattern("RegexFullMatch");
  pattern.Scalar<std::string>("a").Scalar<std::string>("(");
  EXPECT_THAT(pattern.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Invalid pattern: (, error: missing ): ("));
  OpTester fixed("StaticRegexFullMatch");
  fixed.Attr("pattern", "(").Scalar<std::string>("a");
  EXPECT_THAT(fixed.Run(),
              HasCode(StatusCode::kInvalidArgument, "Invalid pattern: ("));
  OpTester rewrite("RegexReplace");
  rewrite.Scalar<std::string>("a").Scalar<std::string>("a");
  rewrite.Scalar<std::string>("\\1");
  EXPECT_THAT(rewrite.Run(),
              HasCode(StatusCode::kInvalidArgument, "Invalid rewrite"));
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
