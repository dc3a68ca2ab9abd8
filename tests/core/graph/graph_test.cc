#include "core/graph/graph.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using tensorflow::GraphDef;
using ::testing::ElementsAre;
using Code = absl::StatusCode;

absl::StatusOr<std::shared_ptr<const Graph>> Build(const std::string& text) {
  return Graph::Build(FromText<GraphDef>(text));
}

TEST(GraphTest, ResolvesDataAndControlEdges) {
  const auto graph = MakeGraph(R"(
    node { name: "c" op: "Unknown" input: "a" input: "b:1" input: "^d" }
    node { name: "a" op: "Const" }
    node { name: "b" op: "Split" }
    node { name: "d" op: "NoOp" })");
  const Node* c = graph->FindNode("c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->id, 0);
  EXPECT_EQ(c->op(), "Unknown");
  EXPECT_THAT(c->inputs, ElementsAre(Endpoint{1, 0}, Endpoint{2, 1}));
  EXPECT_THAT(c->control_inputs, ElementsAre(3));
  EXPECT_EQ(graph->FindNode("x"), nullptr);
  EXPECT_EQ(graph->version(), 0);
}

TEST(GraphTest, LoopsAreAllowed) {
  const auto graph = MakeGraph(R"(
    node { name: "m" op: "Merge" input: "e" input: "n" }
    node { name: "e" op: "Enter" }
    node { name: "n" op: "NextIteration" input: "m" })");
  EXPECT_THAT(graph->FindNode("n")->inputs, ElementsAre(Endpoint{0, 0}));
}

TEST(GraphTest, RefusesBadNodes) {
  EXPECT_THAT(Build("node { name: 'a' op: 'A' } node { name: 'a' op: 'A' }"),
              HasCode(Code::kInvalidArgument, "Node 'a' is not unique"));
  EXPECT_THAT(Build("node { op: 'A' }"),
              HasCode(Code::kInvalidArgument, "invalid characters"));
  EXPECT_THAT(Build("node { name: 'a:0' op: 'A' }"),
              HasCode(Code::kInvalidArgument, "invalid characters"));
  EXPECT_THAT(
      Build("node { name: 'a' op: 'A' input: 'b' }"),
      HasCode(Code::kInvalidArgument, "Node 'a': Unknown input node 'b'"));
  EXPECT_THAT(Build("node { name: 'a' op: 'A' input: '^b' }"),
              HasCode(Code::kInvalidArgument, "Unknown input node 'b'"));
  EXPECT_THAT(Build("node { name: 'a' op: 'A' input: 'a:x' }"),
              HasCode(Code::kInvalidArgument, "Illegal op input name 'a:x'"));
  EXPECT_THAT(Build("node { name: 'a' op: 'A' } "
                    "node { name: 'b' op: 'A' input: '^a' input: 'a' }"),
              HasCode(Code::kInvalidArgument,
                      "Control dependencies must come after regular"));
}

TEST(GraphTest, RefusesVersionsThatShutItOut) {
  EXPECT_THAT(Build("versions { min_consumer: 1000000 }"),
              HasCode(Code::kInvalidArgument, "min consumer version 1000000"));
  EXPECT_THAT(Build("versions { producer: -1 }"),
              HasCode(Code::kInvalidArgument, "producer version -1"));
  EXPECT_THAT(Build("versions { bad_consumers: 4000 }"),
              HasCode(Code::kInvalidArgument, "disallows consumer"));
  EXPECT_OK(Build("versions { producer: 2000 min_consumer: 12 }"));
}

TEST(GraphTest, FindsFunctionsAndGradients) {
  const auto graph = MakeGraph(R"(
    library {
      function { signature { name: "f" } }
      gradient { function_name: "f" gradient_func: "df" }
    })");
  ASSERT_NE(graph->FindFunction("f"), nullptr);
  EXPECT_EQ(graph->FindFunction("g"), nullptr);
  EXPECT_EQ(graph->FindGradient("f"), "df");
  EXPECT_EQ(graph->FindGradient("g"), "");
  EXPECT_EQ(graph->functions().size(), 1u);
}

TEST(GraphTest, ExtendMakesANewVersionAndKeepsTheOld) {
  const auto base = MakeGraph(R"(
    node { name: "a" op: "Const" }
    versions { producer: 20 })");
  ASSERT_OK_AND_ASSIGN(const auto more, base->Extend(FromText<GraphDef>(R"(
        node { name: "b" op: "Neg" input: "a" }
        library { function { signature { name: "f" } } }
        versions { producer: 30 })")));
  EXPECT_EQ(base->nodes().size(), 1u);
  EXPECT_EQ(base->FindNode("b"), nullptr);
  EXPECT_EQ(more->version(), 1);
  EXPECT_THAT(more->FindNode("b")->inputs, ElementsAre(Endpoint{0, 0}));
  EXPECT_EQ(more->versions().producer(), 30);
  EXPECT_EQ(more->def().node_size(), 2);
  EXPECT_EQ(more->def().node(1).name(), "b");
  EXPECT_EQ(more->def().library().function_size(), 1);
  EXPECT_EQ(&more->def(), &more->def());
}

TEST(GraphTest, AnExtensionOutlivesItsBase) {
  auto base = MakeGraph("node { name: 'a' op: 'Const' }");
  ASSERT_OK_AND_ASSIGN(const auto more, base->Extend(GraphDef()));
  base.reset();
  EXPECT_EQ(more->FindNode("a")->op(), "Const");
}

TEST(GraphTest, ExtendRefusesWhatExists) {
  const auto base = MakeGraph(R"(
    node { name: "a" op: "Const" }
    library { function { signature { name: "f" } } })");
  EXPECT_THAT(base->Extend(FromText<GraphDef>("node { name: 'a' op: 'Neg' }")),
              HasCode(Code::kInvalidArgument,
                      "includes node 'a', which was created by a previous"));
  EXPECT_THAT(base->Extend(FromText<GraphDef>(
                  "library { function { signature { name: 'f' "
                  "input_arg { name: 'x' } } } }")),
              HasCode(Code::kInvalidArgument,
                      "Cannot add function 'f' because a different"));
}

TEST(GraphTest, ResendingTheSameFunctionIsFine) {
  const char* library = R"(
    library { function { signature { name: "f" }
      attr { key: "x" value { f: nan } } attr { key: "y" value { i: 2 } } }
      gradient { function_name: "f" gradient_func: "df" } })";
  const auto base = MakeGraph(library);
  ASSERT_OK_AND_ASSIGN(const auto more,
                       base->Extend(FromText<GraphDef>(library)));
  EXPECT_EQ(more->functions().size(), 1u);
}

TEST(GraphTest, OffersSimilarNames) {
  const auto graph = MakeGraph(
      "node { name: 'weights' op: 'A' } node { name: 'bias' op: 'A' }");
  EXPECT_THAT(graph->NearestNodeNames("weight"), ElementsAre("weights"));
}

}  // namespace
}  // namespace metagraph
