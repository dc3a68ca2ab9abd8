#include "core/io/text_proto.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using google::protobuf::DescriptorProto;

std::string Repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(TextProtoTest, ReadsAMessage) {
  DescriptorProto out;
  ASSERT_OK(ParseTextProto("\xEF\xBB\xBFname: 'a'\nfield { name: 'b' }",
                           UnknownFields::kRefuse, &out));
  EXPECT_EQ(out.name(), "a");
  EXPECT_EQ(out.field(0).name(), "b");
}

TEST(TextProtoTest, NamesThePlaceOfTheFirstFault) {
  DescriptorProto out;
  EXPECT_THAT(
      ParseTextProto("name: 'a'\n  name 7 7", UnknownFields::kSkip, &out),
      HasCode(absl::StatusCode::kInvalidArgument, "line 2, column "));
}

TEST(TextProtoTest, SkipsUnknownFieldsWhereAsked) {
  const std::string text = "other { x: [1, 2] } [some.extension]: 7 name: 'a'";
  DescriptorProto out;
  ASSERT_OK(ParseTextProto(text, UnknownFields::kSkip, &out));
  EXPECT_EQ(out.name(), "a");
  EXPECT_THAT(ParseTextProto(text, UnknownFields::kRefuse, &out),
              HasCode(absl::StatusCode::kInvalidArgument, "other"));
}

TEST(TextProtoTest, RefusesDeepNestingInEveryForm) {
  for (const char* level :
       {"nested_type {", "nested_type: {", "nested_type <", "nested_type: [{",
        "a {", "a: {", "a <", "a: <", "a: [{", "a: [<", "[x.y] {", "[x.y]: <",
        "a: [", "a: [[", "a: -"}) {
    DescriptorProto out;
    EXPECT_THAT(
        ParseTextProto(Repeat(level, 1000000), UnknownFields::kSkip, &out),
        HasCode(absl::StatusCode::kInvalidArgument, "line 1, column "))
        << level;
  }
}

TEST(TextProtoTest, TakesNestingThatBinaryMessagesMayHave) {
  for (const char* level : {"nested_type {", "a {"}) {
    DescriptorProto out;
    EXPECT_OK(ParseTextProto(Repeat(level, 99) + Repeat("}", 99),
                             UnknownFields::kSkip, &out))
        << level;
  }
}

}  // namespace
}  // namespace metagraph
