#include "core/graph/op_signature.h"

#include "core/graph/node_check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using tensorflow::NodeDef;
using tensorflow::OpDef;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Code = absl::StatusCode;

constexpr char kConcat[] = R"(
  name: "ConcatV2"
  input_arg { name: "values" number_attr: "N" type_attr: "T" }
  input_arg { name: "axis" type_attr: "Tidx" }
  output_arg { name: "output" type_attr: "T" }
  attr { name: "N" type: "int" }
  attr { name: "T" type: "type" }
  attr { name: "Tidx" type: "type" default_value { type: DT_INT32 } })";

absl::StatusOr<NodeSignature> Resolve(const std::string& node,
                                      const std::string& op) {
  return ResolveSignature(FromText<NodeDef>(node), FromText<OpDef>(op));
}

TEST(OpSignatureTest, UnrollsCountsAndUsesDefaults) {
  ASSERT_OK_AND_ASSIGN(
      const NodeSignature got,
      Resolve("name: 'c' op: 'ConcatV2' attr { key: 'N' value { i: 2 } } "
              "attr { key: 'T' value { type: DT_HALF } }",
              kConcat));
  EXPECT_THAT(got.inputs, ElementsAre(DT_HALF, DT_HALF, DT_INT32));
  EXPECT_THAT(got.outputs, ElementsAre(DT_HALF));
}

TEST(OpSignatureTest, ReadsTypeListsAndReferences) {
  constexpr char op[] = R"pb(
    name: "X"
    input_arg { name: "ref" type: DT_FLOAT is_ref: true }
    output_arg { name: "out" type_list_attr: "types" }
    attr { name: "types" type: "list(type)" })pb";
  ASSERT_OK_AND_ASSIGN(
      const NodeSignature got,
      Resolve("attr { key: 'types' value { list { type: [DT_INT64, DT_BOOL] } "
              "} }",
              op));
  EXPECT_THAT(got.inputs, ElementsAre(tensorflow::DT_FLOAT_REF));
  EXPECT_THAT(got.outputs, ElementsAre(DT_INT64, DT_BOOL));
  ASSERT_OK_AND_ASSIGN(const NodeSignature none,
                       Resolve("attr { key: 'types' value { list {} } }", op));
  EXPECT_THAT(none.outputs, IsEmpty());
}

TEST(OpSignatureTest, RefusesWhatDoesNotFitTheOp) {
  EXPECT_THAT(Resolve("name: 'c' attr { key: 'N' value { i: 1 } }", kConcat),
              HasCode(Code::kInvalidArgument, "missing attr 'T'"));
  for (const char* count : {"-1", "1048577", "9223372036854775807"}) {
    EXPECT_THAT(
        Resolve(absl::StrCat("name: 'c' attr { key: 'N' value { i: ", count,
                             " } } "
                             "attr { key: 'T' value { type: 1 } }"),
                kConcat),
        HasCode(Code::kInvalidArgument, "expected a count"))
        << count;
  }
}

// What is only looked at need not be whole.
TEST(OpSignatureTest, ReadsTheSignatureOfANodeThatIsWrongElsewhere) {
  const auto op = FromText<OpDef>(R"pb(
    name: "X"
    output_arg { name: "out" type: DT_FLOAT }
    attr { name: "k" type: "int" })pb");
  ASSERT_OK_AND_ASSIGN(const NodeSignature got, ReadSignature(NodeDef(), op));
  EXPECT_THAT(got.outputs, ElementsAre(DT_FLOAT));
  EXPECT_THAT(
      ReadSignature(FromText<NodeDef>("name: 'c'"), FromText<OpDef>(kConcat)),
      HasCode(Code::kInvalidArgument, "missing attr 'N'"));
  EXPECT_THAT(
      ReadSignature(FromText<NodeDef>("attr { key: 'N' value { i: 1 } } "
                                      "attr { key: 'T' value { type: 77 } }"),
                    FromText<OpDef>(kConcat)),
      HasCode(Code::kInvalidArgument, "unknown dtype"));
  EXPECT_THAT(ReadSignature(FromText<NodeDef>("attr { key: 'N' value { s: '2' "
                                              "} }"),
                            FromText<OpDef>(kConcat)),
              HasCode(Code::kInvalidArgument, "wrong kind"));
}

TEST(OpSignatureTest, ManyArgumentsInSumAreRefused) {
  constexpr char op[] = R"(
    name: "X"
    input_arg { name: "a" number_attr: "N" type: DT_FLOAT }
    input_arg { name: "b" number_attr: "N" type: DT_FLOAT }
    attr { name: "N" type: "int" })";
  EXPECT_THAT(Resolve("attr { key: 'N' value { i: 1048576 } }", op),
              HasCode(Code::kInvalidArgument, "more than"));
}

TEST(OpSignatureTest, FindAttrPrefersTheNode) {
  const auto op = FromText<OpDef>(kConcat);
  auto node =
      FromText<NodeDef>("attr { key: 'Tidx' value { type: DT_INT64 } }");
  EXPECT_EQ(FindAttr(node, op, "Tidx")->type(), DT_INT64);
  EXPECT_EQ(FindAttr(NodeDef(), op, "Tidx")->type(), DT_INT32);
  EXPECT_EQ(FindAttr(node, op, "T"), nullptr);
  EXPECT_EQ(FindAttr(node, op, "none"), nullptr);
  (*node.mutable_attr())["none"].set_i(1);
  EXPECT_EQ(FindAttr(node, op, "none"), nullptr) << "the op has no such thing";
  (*node.mutable_attr())["_note"].set_i(1);
  EXPECT_EQ(FindAttr(node, op, "_note")->i(), 1);
}

}  // namespace
}  // namespace metagraph
