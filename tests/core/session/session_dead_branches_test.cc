// Ops without kernel in branches that no run can take, and in input pipelines.

#include "core/base/error_details.h"
#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

// y = pred ? -x : OddOp(x), z = -y; `pred` is added by the test.
void AddCond(TestGraph& g) {
  g.Placeholder("x", DT_FLOAT);
  g.Node("pred_id", "Identity", {"pred"}, {{"T", DT_BOOL}});
  g.Node("switch", "Switch", {"x", "pred_id"}, {{"T", DT_FLOAT}});
  g.Node("odd", "OddOp", {"switch:0"});
  g.Node("false_branch", "Neg", {"odd"}, {{"T", DT_FLOAT}});
  g.Node("true_branch", "Neg", {"switch:1"}, {{"T", DT_FLOAT}});
  g.Node("y", "Merge", {"false_branch", "true_branch"},
         {{"T", DT_FLOAT}, {"N", 2}});
  g.Node("z", "Neg", {"y"}, {{"T", DT_FLOAT}});
}

class DeadBranchesTest : public SessionTest {};

TEST_F(DeadBranchesTest, OpsInABranchNeverTakenDoNotMatter) {
  TestGraph g;
  g.Const("pred", Tensor::Scalar<bool>(true));
  AddCond(g);
  Open(g);
  ASSERT_OK_AND_ASSIGN(const RunResult result,
                       Run({{"x:0", F(3)}}, {"z:0", "y:1"}));
  EXPECT_EQ(result.outputs[0].scalar<float>(), 3);
  EXPECT_EQ(result.outputs[1].scalar<int32_t>(), 1);  // which input came
}

TEST_F(DeadBranchesTest, TheBranchThatIsTakenMatters) {
  TestGraph g;
  g.Const("pred", Tensor::Scalar<bool>(false));
  AddCond(g);
  Open(g);
  EXPECT_THAT(Run({{"x:0", F(3)}}, {"z:0"}),
              HasCode(absl::StatusCode::kUnimplemented, "OddOp"));
}

TEST_F(DeadBranchesTest, APredicateThatMayChangeDecidesNothing) {
  TestGraph g;
  g.Const("true", Tensor::Scalar<bool>(true));
  g.Node("pred", "PlaceholderWithDefault", {"true"},
         {{"dtype", DT_BOOL}, {"shape", PartialShape(TensorShape())}});
  AddCond(g);
  Open(g);
  // Nothing is fed: the default holds.
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "z:0"), 3);
  // Fed, it might be anything.
  EXPECT_THAT(
      Run({{"x:0", F(3)}, {"pred:0", Tensor::Scalar<bool>(true)}}, {"z:0"}),
      HasCode(absl::StatusCode::kUnimplemented, "OddOp"));
  // What comes from the dead branch itself is no fetch.
  EXPECT_THAT(Run({{"x:0", F(3)}}, {"false_branch:0"}),
              HasCode(absl::StatusCode::kUnimplemented, "OddOp"));
}

TEST_F(DeadBranchesTest, AssertionsAndNestedBranches) {
  TestGraph g;
  g.Const("yes", Tensor::Scalar<bool>(true));
  g.Node("no", "LogicalNot", {"yes"});
  g.Node("pred", "LogicalOr", {"yes", "no"});
  g.Placeholder("x", DT_FLOAT);
  g.Node("guard", "Switch", {"pred", "pred"}, {{"T", DT_BOOL}});
  g.Node("good", "Identity", {"guard:1"}, {{"T", DT_BOOL}});
  g.Node("bad", "Identity", {"guard:0"}, {{"T", DT_BOOL}});
  // Inside the branch not taken: another one, and what prints and asserts.
  g.Node("inner", "Switch", {"x", "bad"}, {{"T", DT_FLOAT}});
  g.Node("print", "OddPrint", {"inner:1", "^bad"});
  g.Node("assert", "Identity", {"bad", "^print"}, {{"T", DT_BOOL}});
  g.Node("guarded", "Merge", {"assert", "good"}, {{"T", DT_BOOL}, {"N", 2}});
  g.Node("y", "Identity", {"x", "^guarded"}, {{"T", DT_FLOAT}});
  Open(g);
  EXPECT_EQ(RunScalar({{"x:0", F(4)}}, "y:0"), 4);
}

TEST_F(DeadBranchesTest, AnInputPipelineSaysWhatToFeed) {
  TestGraph g;
  g.Node("iterator", "OneShotIterator");
  g.Node("next", "IteratorGetNext", {"iterator"},
         {{"output_types", std::vector<DataType>{DT_FLOAT, DT_INT64}}});
  g.Node("neg", "Neg", {"next"}, {{"T", DT_FLOAT}});
  g.Node("queue", "FIFOQueueV2");
  g.Node("batch", "QueueDequeueManyV2", {"queue", "iterator"},
         {{"component_types", std::vector<DataType>{DT_FLOAT}}});
  g.Node("sum", "Add", {"neg", "batch"}, {{"T", DT_FLOAT}});
  Open(g);
  const auto refused = Run({}, {"sum:0"});
  EXPECT_THAT(refused,
              HasCode(absl::StatusCode::kUnimplemented,
                      "feed instead: \"batch:0\" (float), \"next:0\" (float)"));
  EXPECT_EQ(DetailsOf(refused.status()).at("name"),
            "FIFOQueueV2,IteratorGetNext,OneShotIterator,QueueDequeueManyV2");
  EXPECT_EQ(RunScalar({{"next:0", F(1)}, {"batch:0", F(5)}}, "sum:0"), 4);
}

}  // namespace
}  // namespace metagraph
