#include "core/graph/node_difference.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

template <typename Message>
Message Parse(const std::string& text) {
  Message out;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &out));
  return out;
}

std::string Difference(const std::string& a, const std::string& b) {
  static const auto op = Parse<tensorflow::OpDef>(R"(
    name: "MatMul"
    attr { name: "T" type: "type" }
    attr { name: "grad_a" type: "bool" default_value { b: false } })");
  const auto find = [](absl::string_view name) {
    return name == op.name() ? &op : nullptr;
  };
  const auto left = Parse<tensorflow::NodeDef>(a);
  const auto right = Parse<tensorflow::NodeDef>(b);
  const std::string there = NodeDifference(left, right, find);
  EXPECT_EQ(there.empty(), NodeDifference(right, left, find).empty());
  return there;
}

constexpr char kPlain[] =
    R"(name: "m" op: "MatMul" input: "a" input: "b" input: "^c" input: "^d"
       attr { key: "T" value { type: DT_FLOAT } })";

// What a newer TensorFlow makes of a graph that it imports.
TEST(NodeDifferenceTest, OtherWordsForTheSame) {
  EXPECT_EQ(Difference(kPlain, kPlain), "");
  EXPECT_EQ(Difference(kPlain,
                       R"(name: "m" op: "MatMul" device: "/cpu:0" input: "a:0"
                    input: "b" input: "^d" input: "^c"
                    attr { key: "T" value { type: DT_FLOAT } }
                    attr { key: "grad_a" value { b: false } }
                    attr { key: "_output_shapes" value { list {} } })"),
            "");
}

TEST(NodeDifferenceTest, AnotherMeaning) {
  const std::string start = R"(name: "m" op: "MatMul" input: "a" )";
  const std::string end = R"(attr { key: "T" value { type: DT_FLOAT } })";
  EXPECT_EQ(Difference(kPlain, start + end), "inputs");
  EXPECT_EQ(
      Difference(start + end, R"(name: "m" op: "MatMul" input: "b" )" + end),
      "inputs");
  EXPECT_EQ(Difference(start + end, start + R"(input: "^c" )" + end),
            "control inputs");
  EXPECT_EQ(Difference(start + end, R"(name: "m" op: "Add" input: "a")"),
            "op (MatMul, Add)");
  EXPECT_EQ(Difference(start + end,
                       start + R"(attr { key: "T" value { type: DT_INT32 } })"),
            "attribute \"T\"");
  EXPECT_EQ(
      Difference(start + end,
                 start + end + R"(attr { key: "grad_a" value { b: true } })"),
      "attribute \"grad_a\"");
  // No default is known for it.
  EXPECT_EQ(
      Difference(start + end,
                 start + end + R"(attr { key: "grad_b" value { b: false } })"),
      "attribute \"grad_b\"");
}

TEST(NodeDifferenceTest, TensorsAreComparedByValue) {
  const auto constant = [](const std::string& tensor) {
    return R"(name: "c" op: "Const" attr { key: "value" value { tensor {
                dtype: DT_INT32 tensor_shape { dim { size: 2 } } )" +
           tensor + "} } }";
  };
  EXPECT_EQ(
      Difference(
          constant("int_val: 7"),
          constant(R"(tensor_content: "\007\000\000\000\007\000\000\000")")),
      "");
  EXPECT_EQ(Difference(constant("int_val: 7"), constant("int_val: 8")),
            "attribute \"value\"");
}

TEST(SameFunctionTest, GoesByTheRuleOfItsNodes) {
  const auto function = [](const std::string& node, const std::string& attr) {
    return Parse<tensorflow::FunctionDef>(
        R"(signature { name: "f" } node_def { name: "n" op: "NoOp" )" + node +
        "} " + attr);
  };
  const auto none = [](absl::string_view) { return nullptr; };
  const auto plain = function("", "");
  EXPECT_TRUE(SameFunction(
      plain,
      function(R"(device: "/cpu:0")",
               R"(attr { key: "_construction_context" value { s: "x" } })"),
      none));
  EXPECT_FALSE(SameFunction(plain, function(R"(input: "^a")", ""), none));
  EXPECT_FALSE(SameFunction(
      plain, function("", R"(ret { key: "y" value: "n" })"), none));
}

}  // namespace
}  // namespace metagraph
