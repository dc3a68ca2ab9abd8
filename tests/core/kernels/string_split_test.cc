#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::string_split_test {

using absl::StatusCode;

TEST(StringSplitTest, SplitsAtAnyDelimiter) {
  OpTester op("StringSplit");
  op.Input<std::string>({3}, {"a b,c", "", ",d"}).Scalar<std::string>(" ,");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {4, 2}, {0, 0, 0, 1, 0, 2, 2, 0});
  ExpectTensorEqual<std::string>(op.output(1), {4}, {"a", "b", "c", "d"});
  ExpectTensorEqual<int64_t>(op.output(2), {2}, {3, 3});
}

// There are more parts than memory: they are counted before any is kept.
TEST(StringSplitTest, RefusesMorePartsThanMemory) {
  for (const char* name : {"StringSplit", "StringSplitV2"}) {
    OpTester op(name);
    op.Input<std::string>({1}, {std::string(1 << 20, ' ')});
    op.Scalar<std::string>(" ");
    if (std::string(name) == "StringSplit") op.Attr("skip_empty", false);
    const MemoryLimit limit(8 << 20);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "memory"))
        << name;
  }
}

TEST(StringSplitTest, KeepsEmptyPartsIfAsked) {
  OpTester op("StringSplit");
  op.Attr("skip_empty", false);
  op.Input<std::string>({1}, {",a,"}).Scalar<std::string>(",");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(1), {3}, {"", "a", ""});
}

TEST(StringSplitTest, WithoutDelimiterGivesBytes) {
  OpTester op("StringSplit");
  op.Input<std::string>({1}, {"abc"}).Scalar<std::string>("");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(1), {3}, {"a", "b", "c"});
}

TEST(StringSplitTest, TakesAnyByteAsDelimiter) {
  OpTester op("StringSplit");
  op.Attr("skip_empty", false).Input<std::string>({1}, {"a\xff\x80z\x7f"});
  op.Scalar<std::string>("\x7f\xff");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(1), {3}, {"a", "\x80z", ""});
}

TEST(StringSplitTest, WantsAVectorAndAScalar) {
  OpTester matrix("StringSplit");
  matrix.Input<std::string>({1, 1}, {"a"}).Scalar<std::string>(",");
  EXPECT_THAT(matrix.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "input must be a vector, got shape: [1,1]"));
  OpTester delimiter("StringSplit");
  delimiter.Input<std::string>({1}, {"a"}).Input<std::string>({1}, {","});
  EXPECT_THAT(delimiter.Run(), HasCode(StatusCode::kInvalidArgument,
                                       "delimiter must be a scalar"));
}

std::vector<std::string> SplitV2(const std::string& text,
                                 const std::string& separator, int max) {
  OpTester op("StringSplitV2");
  op.Attr("maxsplit", max).Input<std::string>({1}, {text});
  op.Scalar<std::string>(separator);
  EXPECT_OK(op.Run());
  return Values<std::string>(op.output(1));
}

TEST(StringSplitV2Test, SplitsAlmostAsPythonDoes) {
  using testing::ElementsAre;
  EXPECT_THAT(SplitV2("a<>b<><>c", "<>", -1), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(SplitV2("a<>b<>c", "<>", 1), ElementsAre("a", "b<>c"));
  EXPECT_THAT(SplitV2("  a  b c ", "", -1), ElementsAre("a", "b", "c"));
  // What is left after the last split comes as it is.
  EXPECT_THAT(SplitV2("  a  b c ", "", 1), ElementsAre("a", "b c "));
  EXPECT_THAT(SplitV2("a", "", 1), ElementsAre("a", ""));
  EXPECT_THAT(SplitV2("a", "", 2), ElementsAre("a"));
  EXPECT_THAT(SplitV2("", "", 1), ElementsAre());
  EXPECT_THAT(SplitV2(" a b", "", 0), ElementsAre(" a b"));
  EXPECT_THAT(SplitV2("", "", -1), ElementsAre());
  EXPECT_THAT(SplitV2("", ",", -1), ElementsAre(""));
}

// Adds the parts of a text as std::string finds the separator.
void AddParts(const std::string& text, const std::string& separator, int max,
              std::vector<std::string>& parts) {
  size_t begin = 0;
  for (size_t end = text.find(separator); end != std::string::npos && max != 0;
       end = text.find(separator, begin), --max) {
    parts.push_back(text.substr(begin, end - begin));
    begin = end + separator.size();
  }
  parts.push_back(text.substr(begin));
}

// In each text of three letters.
TEST(StringSplitV2Test, FindsSeparatorsThatRepeatThemselves) {
  std::vector<std::string> texts;
  for (int number = 0; number < 729; ++number) {
    texts.emplace_back();
    for (int left = number; left > 0; left /= 3) {
      texts.back() += "abc"[left % 3];
    }
  }
  for (const std::string separator : {"a", "aa", "ab", "aab", "aba", "abaab"}) {
    for (const int max : {-1, 0, 1, 2}) {
      std::vector<std::string> parts;
      for (const auto& text : texts) AddParts(text, separator, max, parts);
      OpTester op("StringSplitV2");
      op.Attr("maxsplit", max).Input<std::string>({729}, texts);
      op.Scalar<std::string>(separator);
      ASSERT_OK(op.Run());
      EXPECT_EQ(Values<std::string>(op.output(1)), parts) << separator << max;
    }
  }
}

TEST(StringSplitV2Test, FindsWhatIsFarAhead) {
  const std::string far(50'000, 'x');
  EXPECT_THAT(SplitV2(far + "<>" + far, "<>", -1),
              testing::ElementsAre(far, far));
  // In no more than linear time, although the text repeats the separator.
  const std::string a(1 << 20, 'a');
  EXPECT_THAT(SplitV2(a + a + "ba", a + "b", -1), testing::ElementsAre(a, "a"));
}

}  // namespace metagraph::string_split_test
