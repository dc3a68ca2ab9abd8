#include <limits>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::strings_test {

using absl::StatusCode;
using Strings = std::vector<std::string>;

TEST(StringJoinTest, ScalarsJoinEveryElement) {
  OpTester op("StringJoin");
  op.Attr("separator", "/").Input<std::string>({2}, {"a", "b"});
  op.Scalar<std::string>("x");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"a/x", "b/x"});
  OpTester bad("StringJoin");
  bad.Input<std::string>({2}, {"a", "b"}).Input<std::string>({1}, {"c"});
  EXPECT_THAT(bad.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "Input shapes do not match: [2] vs. [1]"));
}

// What a string owns counts as much as its object.
TEST(StringChangeTest, LongStringsNeedMemory) {
  for (const char* name : {"StringLower", "StringUpper", "StringStrip",
                           "EncodeBase64", "DecodeBase64"}) {
    OpTester op(name);
    op.Scalar<std::string>(std::string(1 << 20, 'a'));
    const MemoryLimit limit(1 << 19);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "memory"))
        << name;
  }
}

TEST(StringChangeTest, StripsAndChangesCase) {
  const auto run = [](const char* name, const std::string& text) {
    OpTester op(name);
    op.Scalar<std::string>(text);
    EXPECT_OK(op.Run());
    return op.output(0).scalar<std::string>();
  };
  EXPECT_EQ(run("StringStrip", " \ta b\n"), "a b");
  EXPECT_EQ(run("StringLower", "AbC"), "abc");
  EXPECT_EQ(run("StringUpper", "AbC"), "ABC");
  OpTester utf8("StringUpper");
  utf8.Attr("encoding", "utf-8").Scalar<std::string>("\xc3\xa9");
  EXPECT_THAT(utf8.Run(), HasCode(StatusCode::kUnimplemented, "ASCII"));
}

TEST(StringLengthTest, CountsBytesOrCharacters) {
  const std::string text = "h\xc3\xa9llo";
  OpTester bytes("StringLength");
  bytes.Input<std::string>({2}, {text, ""});
  ASSERT_OK(bytes.Run());
  ExpectTensorEqual<int32_t>(bytes.output(0), {2}, {6, 0});
  OpTester characters("StringLength");
  characters.Attr("unit", "UTF8_CHAR").Scalar<std::string>(text);
  ASSERT_OK(characters.Run());
  ExpectTensorEqual<int32_t>(characters.output(0), {}, {5});
}

absl::StatusOr<Tensor> Substr(const Strings& texts, int64_t pos, int64_t length,
                              const char* unit) {
  OpTester op("Substr");
  op.Attr("unit", unit);
  op.Input<std::string>({static_cast<int64_t>(texts.size())}, texts);
  op.Scalar<int64_t>(pos).Scalar<int64_t>(length);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(SubstrTest, CutsBytesOrCharacters) {
  ASSERT_OK_AND_ASSIGN(Tensor out, Substr({"hello", "abc"}, 1, 3, "BYTE"));
  ExpectTensorEqual<std::string>(out, {2}, {"ell", "bc"});
  ASSERT_OK_AND_ASSIGN(out, Substr({"hello"}, -2, 9, "BYTE"));
  ExpectTensorEqual<std::string>(out, {1}, {"lo"});
  ASSERT_OK_AND_ASSIGN(out, Substr({"h\xc3\xa9llo"}, 1, 2, "UTF8_CHAR"));
  ExpectTensorEqual<std::string>(out, {1}, {"\xc3\xa9l"});
}

TEST(SubstrTest, BroadcastsPositions) {
  OpTester op("Substr");
  op.Input<std::string>({2, 1}, {"abc", "xyz"});
  op.Input<int32_t>({2}, {0, 1}).Input<int32_t>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2, 2}, {"a", "bc", "x", "yz"});
}

TEST(SubstrTest, RefusesPositionsOutside) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(Substr({"abc"}, 4, 1, "BYTE"),
              HasCode(StatusCode::kInvalidArgument,
                      "pos 4 out of range for string b'abc' at index 0"));
  EXPECT_FALSE(Substr({"abc"}, kMin, kMax, "BYTE").ok());
  EXPECT_FALSE(Substr({"abc"}, kMax, kMax, "UTF8_CHAR").ok());
  EXPECT_OK(Substr({"abc"}, 0, kMax, "BYTE"));
}

TEST(ReduceJoinTest, JoinsAlongDimensionsInOrder) {
  const auto run = [](const std::vector<int32_t>& axes, bool keep) {
    OpTester op("ReduceJoin");
    op.Attr("separator", "-").Attr("keep_dims", keep);
    op.Input<std::string>({2, 2}, {"a", "b", "c", "d"});
    op.Input<int32_t>({static_cast<int64_t>(axes.size())}, axes);
    EXPECT_OK(op.Run());
    return op.output(0);
  };
  ExpectTensorEqual<std::string>(run({0}, false), {2}, {"a-c", "b-d"});
  ExpectTensorEqual<std::string>(run({-1}, true), {2, 1}, {"a-b", "c-d"});
  ExpectTensorEqual<std::string>(run({1, 0}, false), {}, {"a-b-c-d"});
  ExpectTensorEqual<std::string>(run({0, 1}, false), {}, {"a-c-b-d"});
  ExpectTensorEqual<std::string>(run({}, false), {2, 2}, {"a", "b", "c", "d"});
}

TEST(ReduceJoinTest, RefusesUnknownDimensions) {
  OpTester op("ReduceJoin");
  op.Input<std::string>({1, 1}, {"a"}).Input<int32_t>({1}, {2});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kOutOfRange,
                      "Invalid reduction dimension 2 for input with 2 "
                      "dimension(s)"));
}

// The buckets that TensorFlow gives, for texts of lengths that take each path.
TEST(StringHashTest, GivesTensorFlowsBuckets) {
  Strings texts;
  for (int length : {0, 3, 7, 12, 20, 50, 64, 65, 200}) {
    std::string text;
    for (int i = 0; i < length; ++i) {
      text.push_back(static_cast<char>(33 + (i * 7 + length) % 90));
    }
    texts.push_back(text);
  }
  const auto run = [&](const char* name) {
    OpTester op(name);
    op.Attr("num_buckets", 1000000007);
    op.Input<std::string>({static_cast<int64_t>(texts.size())}, texts);
    EXPECT_OK(op.Run());
    return Values<int64_t>(op.output(0));
  };
  EXPECT_THAT(
      run("StringToHashBucketFast"),
      testing::ElementsAre(912170738, 50329263, 154821493, 927330589, 559369829,
                           391306264, 851806900, 674393202, 684980993));
  OpTester strong("StringToHashBucketStrong");
  strong.Attr("key", std::vector<int64_t>{123, 9182379272246532360});
  strong.Attr("num_buckets", 1000000007);
  strong.Input<std::string>({static_cast<int64_t>(texts.size())}, texts);
  ASSERT_OK(strong.Run());
  EXPECT_THAT(Values<int64_t>(strong.output(0)),
              testing::ElementsAre(513504359, 629878417, 177125981, 703215600,
                                   965389621, 540923909, 216346820, 948285105,
                                   986168480));
  EXPECT_THAT(
      run("StringToHashBucket"),
      testing::ElementsAre(727638525, 458825997, 486865754, 945037002, 92429136,
                           60657657, 523269865, 75424356, 641630054));
}

TEST(StringHashTest, WantsBucketsAndAKey) {
  OpTester none("StringToHashBucketFast");
  none.Attr("num_buckets", 0).Scalar<std::string>("a");
  EXPECT_FALSE(none.Run().ok());
  OpTester key("StringToHashBucketStrong");
  key.Attr("num_buckets", 2).Attr("key", std::vector<int64_t>{1});
  key.Scalar<std::string>("a");
  EXPECT_THAT(key.Run(), HasCode(StatusCode::kInvalidArgument, "Key"));
}

TEST(StringJoinTest, JoinsNothingToAnEmptyString) {
  OpTester op("StringJoin");
  op.Attr("N", 0).Attr("separator", "-");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {}, {""});
}

}  // namespace metagraph::strings_test
