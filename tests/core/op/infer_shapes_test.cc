#include "core/op/infer_shapes.h"

#include <deque>
#include <string>

#include "core/op/shape_rules.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::Status MergeRule(ShapeContext& ctx) {
  ctx.SetOutput(0, CommonShape(ctx.input(0), ctx.input(1)));
  return absl::OkStatus();
}

// A list of nodes, each of one output.
class Nodes {
 public:
  // `inputs` are places of nodes; -1, -2, … are arguments.
  int Add(const char* op, ShapeFn rule, const std::vector<int>& inputs) {
    OpInfo& info = ops_.emplace_back();
    info.def.set_name(op);
    info.shape = rule;
    tensorflow::NodeDef& def = defs_.emplace_back();
    def.set_op(op);
    def.set_name(absl::StrCat("n", nodes_.size()));
    ShapedNode& node = nodes_.emplace_back();
    node.op = &info;
    node.def = &def;
    node.num_outputs = 1;
    for (const int input : inputs) {
      node.inputs.push_back(input < 0 ? ShapedNode::Input{-1, -input - 1}
                                      : ShapedNode::Input{input, 0});
    }
    return static_cast<int>(nodes_.size()) - 1;
  }
  void Connect(int node, int from) { nodes_[node].inputs.push_back({from, 0}); }
  ShapedNode& operator[](int node) { return nodes_[node]; }

  InferredShapes Infer(
      const std::vector<PartialShape>& arguments,
      VariableShapes variables = VariableShapes::kAsDeclared) const {
    std::vector<ValueFacts> facts;
    for (const PartialShape& shape : arguments) {
      facts.emplace_back().shape = shape;
    }
    return InferShapes(nodes_, facts, variables);
  }

 private:
  std::deque<OpInfo> ops_;
  std::deque<tensorflow::NodeDef> defs_;
  std::vector<ShapedNode> nodes_;
};

std::string ShapeOf(const InferredShapes& shapes, int node) {
  return shapes.at(node, 0).shape.ToString();
}

TEST(InferShapesTest, AsksEachNodeAfterWhatItReads) {
  Nodes nodes;
  const int sum = nodes.Add("Add", BroadcastRule, {});
  const int copy = nodes.Add("Identity", ForwardRule, {-1});
  nodes.Connect(sum, copy);
  nodes.Connect(sum, copy);
  const InferredShapes shapes = nodes.Infer({{2, 3}});
  EXPECT_EQ(ShapeOf(shapes, sum), "[2,3]");
  EXPECT_THAT(shapes.refused, IsEmpty());
}

TEST(InferShapesTest, NothingIsKnownOfWhatHasNoRule) {
  Nodes nodes;
  const int strange = nodes.Add("Strange", nullptr, {-1});
  const int after = nodes.Add("Identity", ForwardRule, {strange});
  const int unknown = nodes.Add("Unknown", nullptr, {-1});
  nodes[unknown].op = nullptr;
  const InferredShapes shapes = nodes.Infer({{2}});
  EXPECT_EQ(ShapeOf(shapes, after), "<unknown>");
  EXPECT_EQ(ShapeOf(shapes, unknown), "<unknown>");
  EXPECT_EQ(ShapeOf(shapes, 99), "<unknown>");
}

TEST(InferShapesTest, AKnownValueHasItsShapeWhateverItsRuleSays) {
  Nodes nodes;
  const int strange = nodes.Add("Strange", nullptr, {-1});
  const int after = nodes.Add("Identity", ForwardRule, {strange});
  const Tensor value = Tensor::Vector<int32_t>({1, 2, 3});
  nodes[strange].constant = &value;
  const InferredShapes shapes = nodes.Infer({{2}});
  EXPECT_EQ(ShapeOf(shapes, after), "[3]");
  EXPECT_EQ(shapes.at(after, 0).constant, &value);
}

TEST(InferShapesTest, AVariableMayHaveAnotherShapeThanItDeclares) {
  Nodes nodes;
  const int variable = nodes.Add("VariableV2", ForwardRule, {-1});
  const int read = nodes.Add("Identity", ForwardRule, {variable});
  OpInfo info = *nodes[variable].op;
  info.declares_variable = true;
  info.def.add_output_arg()->set_type(DT_FLOAT);
  nodes[variable].op = &info;
  EXPECT_EQ(ShapeOf(nodes.Infer({{2}}), read), "[2]");
  EXPECT_EQ(ShapeOf(nodes.Infer({{2}}, VariableShapes::kUnknown), read),
            "<unknown>");
}

TEST(InferShapesTest, TellsWhichNodeCannotFitAndGoesOn) {
  Nodes nodes;
  const int sum = nodes.Add("Add", BroadcastRule, {-1, -2});
  const int after = nodes.Add("Identity", ForwardRule, {sum});
  const InferredShapes shapes = nodes.Infer({{2}, {3}});
  ASSERT_THAT(shapes.refused, SizeIs(1));
  EXPECT_EQ(shapes.refused[0].first, sum);
  EXPECT_EQ(shapes.refused[0].second.message(),
            "Dimensions must be equal, but are 2 and 3 for 'n0' (op: 'Add') "
            "with input shapes: [2], [3].");
  EXPECT_EQ(ShapeOf(shapes, after), "<unknown>");
}

TEST(InferShapesTest, ALoopKeepsWhatItNeverChanges) {
  Nodes nodes;
  const int merge = nodes.Add("Merge", MergeRule, {-1});
  const int body = nodes.Add("Identity", ForwardRule, {merge});
  const int next = nodes.Add("NextIteration", ForwardRule, {body});
  nodes.Connect(merge, next);
  const InferredShapes shapes = nodes.Infer({{2, 3}});
  EXPECT_EQ(ShapeOf(shapes, body), "[2,3]");
}

TEST(InferShapesTest, ALoopThatGrowsKnowsOnlyWhatStays) {
  Nodes nodes;
  const int merge = nodes.Add("Merge", MergeRule, {-1});
  // [2, n] becomes [2, n + 1].
  const int body =
      nodes.Add("Grow",
                [](ShapeContext& ctx) {
                  const PartialShape& in = ctx.input(0);
                  ctx.SetOutput(0, ReplaceDim(in, 1, AddDims(DimOf(in, 1), 1)));
                  return absl::OkStatus();
                },
                {merge});
  const int next = nodes.Add("NextIteration", ForwardRule, {body});
  nodes.Connect(merge, next);
  const InferredShapes shapes = nodes.Infer({{2, 3}});
  EXPECT_EQ(ShapeOf(shapes, merge), "[2,?]");
  EXPECT_EQ(ShapeOf(shapes, body), "[2,?]");
}

TEST(InferShapesTest, WhatOnlyAnAssumptionRefusedIsNotRefused) {
  Nodes nodes;
  const int merge = nodes.Add("Merge", MergeRule, {-1});
  const int other = nodes.Add("Grow",
                              [](ShapeContext& ctx) {
                                ctx.SetOutput(0, PartialShape({-1}));
                                return absl::OkStatus();
                              },
                              {merge});
  const int sum = nodes.Add("Add", BroadcastRule, {merge, -2});
  const int next = nodes.Add("NextIteration", ForwardRule, {other});
  nodes.Connect(merge, next);
  const InferredShapes shapes = nodes.Infer({{2}, {3}});
  EXPECT_EQ(ShapeOf(shapes, sum), "[3]");
  EXPECT_THAT(shapes.refused, IsEmpty());
}

TEST(InferShapesTest, ManyLoopsInOneAnotherEnd) {
  Nodes nodes;
  int from = nodes.Add("Identity", ForwardRule, {-1});
  for (int i = 0; i < 40; ++i) {
    const int merge = nodes.Add("Merge", MergeRule, {from});
    const int body =
        nodes.Add("Grow",
                  [](ShapeContext& ctx) {
                    ctx.SetOutput(0, Concatenated(ctx.input(0), {1}));
                    return absl::OkStatus();
                  },
                  {merge});
    nodes.Connect(merge, nodes.Add("NextIteration", ForwardRule, {body}));
    from = merge;
  }
  EXPECT_EQ(ShapeOf(nodes.Infer({{2}}), from), "<unknown>");
}

}  // namespace
}  // namespace metagraph
