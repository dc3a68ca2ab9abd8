#include "core/model/graph_catalog.h"

#include "core/model/explain.h"
#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

class GraphCatalogTest : public ModelTest {
 protected:
  void SetUp() override { LoadSeed(); }

  TensorDetails Describe(const std::string& name) {
    const auto catalog = model_->catalog();
    auto endpoint = catalog->Find(name);
    EXPECT_OK(endpoint);
    return endpoint.ok() ? catalog->Describe(*endpoint) : TensorDetails();
  }
};

TEST_F(GraphCatalogTest, KnowsTypeShapeAndRole) {
  const TensorDetails w3 = Describe("W3:0");
  EXPECT_EQ(w3.dtype, DT_FLOAT);
  EXPECT_EQ(w3.shape.ToString(), "[4]");
  EXPECT_TRUE(w3.placeholder);
  EXPECT_FALSE(w3.leaf);
  const TensorDetails w1 = Describe("W1");
  EXPECT_EQ(w1.dtype, DT_FLOAT);
  EXPECT_TRUE(w1.variable);
  const TensorDetails add1 = Describe("add1");
  EXPECT_TRUE(add1.leaf);
  EXPECT_EQ(add1.why_not, "");
}

TEST_F(GraphCatalogTest, InfersShapesThatNobodyDeclares) {
  EXPECT_EQ(Describe("add1").shape.ToString(), "[4]");
}

TEST(GraphCatalogShapesTest, FollowsSizesThroughTheGraph) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  (*g.def().mutable_node(0)->mutable_attr())["shape"]
      .mutable_shape()
      ->add_dim()
      ->set_size(-1);
  (*g.def().mutable_node(0)->mutable_attr())["shape"]
      .mutable_shape()
      ->add_dim()
      ->set_size(6);
  g.Node("shape", "Shape", {"x"}, {{"T", DT_FLOAT}});
  g.Node("back", "Reshape", {"x", "shape"}, {{"T", DT_FLOAT}});
  MetaGraph meta;
  meta.graph = g.Build();
  const GraphCatalog catalog(meta, LinkedOps());
  EXPECT_EQ(catalog.Describe(*catalog.Find("shape")).shape.ToString(), "[2]");
  EXPECT_EQ(catalog.Describe(*catalog.Find("back")).shape.ToString(), "[?,6]");
}

// Of nodes that are not as their ops declare nothing is known; the others can
// be looked at all the same.
TEST(GraphCatalogShapesTest, SurvivesMalformedNodesOfAllOps) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  for (const std::string& op : LinkedOps().Names()) {
    g.Node("bare_" + op, op, {});
    g.Node("fed_" + op, op, {"x", "x", "x"});
    g.Node("absurd_" + op, op, {"x", "x"},
           {{"N", int64_t{1} << 40}, {"T", DT_FLOAT}});
  }
  MetaGraph meta;
  meta.graph = g.Build();
  const GraphCatalog catalog(meta, LinkedOps());
  EXPECT_OK(catalog.Find("x:0"));
  EXPECT_EQ(catalog.Describe(*catalog.Find("x:0")).dtype, DT_FLOAT);
}

TEST_F(GraphCatalogTest, OffersNearestNames) {
  const auto catalog = model_->catalog();
  EXPECT_THAT(catalog->Find("ad1:0"),
              HasCode(absl::StatusCode::kNotFound, "\"add1\""));
  EXPECT_THAT(catalog->Find("add1:3"),
              HasCode(absl::StatusCode::kNotFound, "has 1 output"));
}

TEST(GraphCatalogUnsupportedTest, BlocksWhatDependsOnAnUnknownOp) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("strange", "NoSuchOp", {"x"});
  g.Node("after", "Identity", {"strange"}, {{"T", DT_FLOAT}});
  g.Node("beside", "Identity", {"x"}, {{"T", DT_FLOAT}});
  MetaGraph meta;
  meta.graph = g.Build();
  const GraphCatalog catalog(meta, LinkedOps());
  ASSERT_EQ(catalog.unsupported_ops().size(), 1u);
  EXPECT_EQ(catalog.unsupported_ops()[0].op, "NoSuchOp");
  EXPECT_THAT(catalog.unsupported_ops()[0].examples,
              testing::ElementsAre("strange"));
  EXPECT_THAT(catalog.Describe(*catalog.Find("after")).why_not,
              testing::HasSubstr("NoSuchOp"));
  EXPECT_EQ(catalog.Describe(*catalog.Find("beside")).why_not, "");
}

TEST(GraphCatalogUnsupportedTest, WhatAPipelineHandsOutIsToBeFed) {
  TestGraph g;
  g.Node("iterator", "OneShotIterator");
  g.Node("next", "IteratorGetNext", {"iterator"},
         {{"output_types", std::vector<DataType>{DT_FLOAT, DT_INT64}}});
  g.Node("neg", "Neg", {"next"}, {{"T", DT_FLOAT}});
  auto* shapes = (*g.def().mutable_node(1)->mutable_attr())["output_shapes"]
                     .mutable_list();
  PartialShape(TensorShape({2})).ToProto(shapes->add_shape());
  PartialShape(TensorShape({3})).ToProto(shapes->add_shape());
  MetaGraph meta;
  meta.graph = g.Build();
  const GraphCatalog catalog(meta, LinkedOps());
  EXPECT_THAT(catalog.OutputsOf(1), testing::ElementsAre(0, 1));
  const TensorDetails labels = catalog.Describe({1, 1});
  EXPECT_TRUE(labels.placeholder);
  EXPECT_EQ(labels.dtype, DT_INT64);
  EXPECT_EQ(labels.shape.ToString(), "[3]");
  EXPECT_EQ(labels.why_not, "");
  EXPECT_EQ(catalog.Describe(*catalog.Find("neg")).why_not, "");
  EXPECT_NE(catalog.Describe(*catalog.Find("iterator")).why_not, "");
  EXPECT_EQ(catalog.unsupported_ops().size(), 2u);
}

TEST(GraphCatalogUnsupportedTest, BranchesNeverTakenBlockNothing) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Const("pred", Tensor::Scalar<bool>(true));
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  g.Node("odd", "NoSuchOp", {"switch:0"});
  g.Node("in_dead", "Neg", {"odd"}, {{"T", DT_FLOAT}});
  g.Node("y", "Merge", {"in_dead", "switch:1"}, {{"T", DT_FLOAT}, {"N", 2}});
  MetaGraph meta;
  meta.graph = g.Build();
  const GraphCatalog catalog(meta, LinkedOps());
  EXPECT_NE(catalog.Describe(*catalog.Find("in_dead")).why_not, "");
  EXPECT_EQ(catalog.Describe(*catalog.Find("y")).why_not, "");
}

// What a file claims must not cost memory.
TEST(GraphCatalogUnsupportedTest, AnAbsurdOutputIsOne) {
  TestGraph g;
  g.Node("strange", "NoSuchOp");
  g.Node("last", "Identity", {"strange:2147483647"}, {{"T", DT_FLOAT}});
  g.Node("after", "Identity", {"strange:3"}, {{"T", DT_FLOAT}});
  MetaGraph meta;
  meta.graph = g.Build();
  const GraphCatalog catalog(meta, LinkedOps());
  EXPECT_THAT(catalog.OutputsOf(0), testing::ElementsAre(3, 2147483647));
  EXPECT_OK(catalog.Find("strange:2147483647"));
  EXPECT_THAT(catalog.Find("strange:2"),
              HasCode(absl::StatusCode::kNotFound, "2 outputs"));
}

TEST_F(GraphCatalogTest, ExplainsARunWithoutRunningIt) {
  ASSERT_OK_AND_ASSIGN(Explanation missing,
                       ExplainRun(*model_, {{}, {"add1:0"}, {}}, call_));
  EXPECT_THAT(missing.status,
              HasCode(absl::StatusCode::kInvalidArgument, "W3:0"));
  ASSERT_EQ(missing.missing_feeds.size(), 1u);
  EXPECT_THAT(missing.variables_read, testing::ElementsAre("W1", "W2"));

  ASSERT_OK_AND_ASSIGN(Explanation good,
                       ExplainRun(*model_, {{"W3:0"}, {"add1:0"}, {}}, call_));
  EXPECT_OK(good.status);
  EXPECT_EQ(good.op_counts.at("AddV2"), 2);
  EXPECT_EQ(good.feeds[0].name, "W3:0");

  ASSERT_OK_AND_ASSIGN(Explanation init,
                       ExplainRun(*model_, {{}, {}, {"init"}}, call_));
  EXPECT_EQ(init.variables_written.size(), 3u);
  EXPECT_THAT(ExplainRun(*model_, {{}, {"nothing:0"}, {}}, call_),
              HasCode(absl::StatusCode::kNotFound, "nothing"));
}

}  // namespace
}  // namespace metagraph
