#include "core/graph/training_only.h"

#include "core/graph/variables.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Unneeded(const TestGraph& graph,
                                  tensorflow::MetaGraphDef def = {}) {
  MetaGraph meta;
  meta.graph = graph.Build();
  meta.def = std::move(def);
  std::vector<std::string> out;
  const UnneededVariables found = FindUnneededVariables(meta);
  for (const GraphVariable& variable : ListVariables(meta)) {
    if (found.training.contains(variable.node)) out.push_back(variable.name);
    if (found.unread.contains(variable.node)) {
      out.push_back(variable.name + " unread");
    }
  }
  return out;
}

// y = w * x, trained by ops that have the names of nothing in particular.
TestGraph Trained() {
  TestGraph graph;
  graph.Placeholder("x", DT_FLOAT);
  for (const char* name : {"w", "slot", "power", "rate", "average"}) {
    graph.Variable(name, Tensor::Scalar<float>(1));
  }
  graph.Node("y", "Mul", {"w/read", "x"}, {{"T", DT_FLOAT}});
  graph.Node("grad", "Mul", {"x", "x"}, {{"T", DT_FLOAT}});
  graph.Node("scaled", "Mul", {"grad", "rate/read"}, {{"T", DT_FLOAT}});
  graph.Node("train", "ApplyMomentum",
             {"w", "slot", "scaled", "grad", "power/read"}, {{"T", DT_FLOAT}});
  graph.Node("next", "Mul", {"power/read", "scaled"}, {{"T", DT_FLOAT}});
  graph.Node("power/next", "Assign", {"power", "next"}, {{"T", DT_FLOAT}});
  graph.Node("drift", "Sub", {"average/read", "w/read"}, {{"T", DT_FLOAT}});
  graph.Node("follow", "AssignSub", {"average", "drift"}, {{"T", DT_FLOAT}});
  graph.Node("step", "Identity", {"follow", "^train", "^power/next"},
             {{"T", DT_FLOAT}});
  return graph;
}

TEST(TrainingOnlyTest, AreVariablesWhoseReadersOnlyWrite) {
  EXPECT_THAT(Unneeded(Trained()),
              ElementsAre("slot", "power", "rate", "average"));
}

TEST(TrainingOnlyTest, WhatIsLookedAtIsStillAResult) {
  TestGraph graph = Trained();
  graph.Const("tag", Tensor::Scalar<std::string>("y"));
  graph.Node("seen", "HistogramSummary", {"tag", "y"}, {{"T", DT_FLOAT}});
  graph.Node("power/there", "IsVariableInitialized", {"power"},
             {{"dtype", DT_FLOAT}});
  graph.Node("all_there", "LogicalNot", {"power/there"});
  EXPECT_THAT(Unneeded(graph), ElementsAre("slot", "power", "rate", "average"));
}

TEST(TrainingOnlyTest, AFetchThatReadsASlotNeedsIt) {
  TestGraph graph = Trained();
  graph.Node("size", "Mul", {"slot/read", "slot/read"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(Unneeded(graph), ElementsAre("power", "rate", "average"));
}

TEST(TrainingOnlyTest, ASignatureNeedsWhatItReads) {
  tensorflow::MetaGraphDef def;
  auto& signature = (*def.mutable_signature_def())["rate"];
  (*signature.mutable_outputs())["out"].set_name("rate/read:0");
  EXPECT_THAT(Unneeded(Trained(), def),
              ElementsAre("slot", "power", "average"));
}

TEST(TrainingOnlyTest, AVariableThatNobodyReadsIsNoSlot) {
  TestGraph graph = Trained();
  graph.Variable("forgotten", Tensor::Scalar<float>(1));
  EXPECT_THAT(Unneeded(graph), ElementsAre("slot", "power", "rate", "average",
                                           "forgotten unread"));
}

TEST(TrainingOnlyTest, AFileOfVariablesHasNoTraining) {
  TestGraph graph;
  graph.Variable("a", Tensor::Scalar<float>(1));
  graph.Variable("b", Tensor::Scalar<float>(1));
  EXPECT_THAT(Unneeded(graph), IsEmpty());
}

}  // namespace
}  // namespace metagraph
