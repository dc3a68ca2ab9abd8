#include "core/program/text.h"

#include "tests/core/program/program_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class TextTest : public ProgramTest {};

TEST_F(TextTest, WhatIsPrintedParsesToTheSame) {
  const std::string text =
      "arg x float\n"
      "arg pred bool\n"
      "switch = Switch(x, pred) T=float\n"
      "neg = Neg(switch:1) T=float\n"
      "wait = NoOp(^neg)\n"
      "merge = Merge(switch, neg) N=2 T=float\n"
      "text = Const() dtype=string value={tensor { dtype: DT_STRING "
      "tensor_shape { } string_val: \"a = b, (c)\" }}\n"
      "call = PartitionedCall(x) Tin={list { type: DT_FLOAT }} "
      "Tout={list { type: DT_FLOAT }} f=@double\n"
      "return merge, merge:1, call, x\n"
      "run wait\n";
  EXPECT_EQ(PrintBody(Parse(text)), text);
}

TEST_F(TextTest, StringsMayHoldWhatBeginsAComment) {
  Body body = Parse("v = VariableV2() dtype=float shape={shape { }}\nreturn v");
  auto node = std::make_shared<tensorflow::NodeDef>(*body.ops[0].node);
  (*node->mutable_attr())["shared_name"].set_s("a # b");
  body.ops[0].node = node;
  const Body again = Parse(PrintBody(body));
  EXPECT_EQ(again.ops[0].node->attr().at("shared_name").s(), "a # b");
}

TEST_F(TextTest, CommentsAndLaterOpsAreFine) {
  const Body body = Parse(
      "# a loop\n"
      "a = Neg(b) T=float  # before b\n"
      "b = Neg(a) T=float\n");
  EXPECT_EQ(body.ops[0].inputs[0].op, 1);
  EXPECT_TRUE(TopologicalOrder(body).empty());
}

TEST_F(TextTest, LargeValuesAreNotShown) {
  Body body = Parse("c = Const() dtype=float value=" + Float(1) + "\nreturn c");
  body.ops[0].constant = std::make_shared<const Tensor>(
      MakeTensor<float>({100}, std::vector<float>(100)));
  auto folded = std::make_shared<tensorflow::NodeDef>(*body.ops[0].node);
  folded->set_op("Neg");
  body.ops[0].node = folded;
  EXPECT_THAT(PrintBody(body), HasSubstr("c = Const() dtype=float value={…}"));
}

TEST_F(TextTest, SaysWhichLineIsWrong) {
  const auto error = [](absl::string_view text) {
    return ParseBody(text, Ops()).status();
  };
  EXPECT_THAT(error("\narg x"), HasCode(StatusCode::kInvalidArgument,
                                        "line 2: expected \"arg NAME DTYPE\""));
  EXPECT_THAT(error("arg x flat"), HasCode(StatusCode::kInvalidArgument,
                                           "no dtype is called \"flat\""));
  EXPECT_THAT(error("x"), HasCode(StatusCode::kInvalidArgument, "line 1"));
  EXPECT_THAT(error("x = Nothing()"),
              HasCode(StatusCode::kInvalidArgument, "no op is called"));
  EXPECT_THAT(error("x = Neg(y) T=float"),
              HasCode(StatusCode::kInvalidArgument, "no op is called \"y\""));
  EXPECT_THAT(error("arg y int32\nx = Neg(y) T=float"),
              HasCode(StatusCode::kInvalidArgument, "line 2: Input 0"));
  EXPECT_THAT(error("arg y float\nx = Neg(y, y) T=float"),
              HasCode(StatusCode::kInvalidArgument, "takes 1 inputs, not 2"));
  EXPECT_THAT(error("arg y float\nx = Neg(y) T"),
              HasCode(StatusCode::kInvalidArgument, "has no value"));
  EXPECT_THAT(error("arg y float\nx = Neg(y) T=float\nx = Neg(y) T=float"),
              HasCode(StatusCode::kInvalidArgument, "two ops are called"));
  EXPECT_THAT(error("arg y float\nx = Neg(y) T=float\nreturn x:1"),
              HasCode(StatusCode::kInvalidArgument, "the op has 1 outputs"));
}

}  // namespace
}  // namespace metagraph
