#include "core/plan/lower.h"

#include "tests/core/plan/plan_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class PlanBuilderTest : public PlanTest {};

TEST_F(PlanBuilderTest, ConstantsAreTakenOutOfTheRun) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Const("c", F(7));
  g.Node("y", "Add", {"x", "c"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {"x"}, {"y", "c"}));
  EXPECT_THAT(NamesOf(*plan), ElementsAre("y"));
  ASSERT_NE(plan->nodes[0].inputs[1].constant, nullptr);
  EXPECT_EQ(plan->nodes[0].inputs[1].constant->scalar<float>(), 7);
  ASSERT_NE(plan->fetches[1].constant, nullptr);
  EXPECT_EQ(plan->fetches[1].constant->scalar<float>(), 7);
  EXPECT_EQ(plan->constants.size(), 1u);
  EXPECT_EQ(plan->num_inputs, 2);
}

TEST_F(PlanBuilderTest, AConstantWithControlInputsRuns) {
  TestGraph g;
  g.Node("before", "NoOp").Const("c", F(7), {"^before"});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {}, {"c"}));
  EXPECT_THAT(NamesOf(*plan), ElementsAre("before", "c"));
  EXPECT_EQ(plan->fetches[0].constant, nullptr);
}

TEST_F(PlanBuilderTest, AConstantThatAMergeWaitsForRuns) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL).Const("c", F(7));
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  g.Node("merge", "Merge", {"switch:0", "c"}, {{"T", DT_FLOAT}, {"N", 2}});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {"x", "pred"}, {"merge"}));
  EXPECT_THAT(NamesOf(*plan), UnorderedElementsAre("switch", "c", "merge"));
  EXPECT_EQ(NodeOf(*plan, "switch").kind, OpKind::kSwitch);
  EXPECT_EQ(NodeOf(*plan, "merge").kind, OpKind::kMerge);
}

TEST_F(PlanBuilderTest, ControlEdgesFromConstantsAndFedPlaceholdersAreDone) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Const("c", F(7)).Node("n", "NoOp");
  g.Node("y", "Neg", {"x", "^x", "^c", "^n"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {"x"}, {"y"}));
  EXPECT_THAT(NamesOf(*plan), ElementsAre("n", "y"));
  EXPECT_THAT(plan->nodes[1].control_inputs, ElementsAre(0));
}

TEST_F(PlanBuilderTest, StatefulKernelsAreSharedByThePlansOfASession) {
  TestGraph g;
  g.Const("shape", MakeTensor<int32_t>({1}, {2}));
  g.Node("random", "RandomUniform", {"shape"},
         {{"T", DT_INT32}, {"dtype", DT_FLOAT}, {"seed", 1}});
  g.Node("neg", "Neg", {"random"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto one, Build(g, {}, {"random"}));
  ASSERT_OK_AND_ASSIGN(const auto two, Build(g, {}, {"neg"}));
  EXPECT_EQ(NodeOf(*one, "random").kernel, NodeOf(*two, "random").kernel);
  ASSERT_OK_AND_ASSIGN(const auto three, Build(g, {}, {"neg"}));
  EXPECT_NE(NodeOf(*two, "neg").kernel, NodeOf(*three, "neg").kernel);
}

TEST_F(PlanBuilderTest, KnowsTheTypesOfItsFeeds) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("custom", "NoSuchOp", {"x"});
  g.Node("y", "Neg", {"custom:3"}, {{"T", DT_DOUBLE}});
  g.Variable("v", F(1));
  g.Node("z", "Neg", {"v"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto plan,
                       Build(g, {"custom:3", "x:0", "v"}, {"y", "z"}));
  EXPECT_THAT(plan->feed_types, ElementsAre(DT_DOUBLE, DT_FLOAT, DT_FLOAT))
      << "an unknown op's output is what its reader wants; no reference";
  EXPECT_THAT(plan->feed_names, ElementsAre("custom:3", "x:0", "v"));
  EXPECT_EQ(plan->num_feeds, 3);
  EXPECT_FALSE(plan->reads_variables);
}

TEST_F(PlanBuilderTest, RefusesIndicesThatTheOpDoesNotHave) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Node("nothing", "NoOp");
  g.Node("y", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("bad", "Neg", {"y:1"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(Build(g, {"x:1"}, {"y"}),
              HasCode(StatusCode::kInvalidArgument,
                      "FeedInputs: x:1 should have output index < 1"));
  EXPECT_THAT(Build(g, {"x"}, {"y:1"}),
              HasCode(StatusCode::kInvalidArgument,
                      "FetchOutputs y:1: output index too large, must be < 1"));
  EXPECT_THAT(Build(g, {"x"}, {"nothing"}),
              HasCode(StatusCode::kInvalidArgument,
                      "Tried to fetch data for 'nothing', which produces no "
                      "output."));
  EXPECT_THAT(Build(g, {"x"}, {"bad"}),
              HasCode(StatusCode::kInvalidArgument,
                      "Node 'bad': Connecting to invalid output 1 of source "
                      "node y which has 1 outputs."));
}

TEST_F(PlanBuilderTest, RefusesInputsOfAnotherTypeOrNumber) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("typed", "Neg", {"x"}, {{"T", DT_INT32}});
  g.Node("few", "Add", {"x"}, {{"T", DT_FLOAT}});
  g.Node("many", "Neg", {"x", "x"}, {{"T", DT_FLOAT}});
  g.Node("assign", "Assign", {"x", "x"}, {{"T", DT_FLOAT}});
  g.Node("deep", "Assign", {"typed2", "x"}, {{"T", DT_FLOAT}});
  g.Node("typed2", "Neg", {"x"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(Build(g, {"x"}, {"typed"}),
              HasCode(StatusCode::kInvalidArgument,
                      "Input 0 of node typed was passed float from x "
                      "incompatible with expected int32."));
  EXPECT_THAT(Build(g, {"x"}, {"few"}),
              HasCode(StatusCode::kInvalidArgument,
                      "NodeDef expected inputs 'float, float' do not match 1 "
                      "inputs specified; Op<name=Add;"));
  EXPECT_THAT(Build(g, {"x"}, {"many"}),
              HasCode(StatusCode::kInvalidArgument,
                      "NodeDef expected inputs 'float' do not match 2 inputs "
                      "specified; Op<name=Neg;"));
  EXPECT_THAT(Build(g, {"x"}, {"assign"}),
              HasCode(StatusCode::kInvalidArgument,
                      "0-th input expects a ref type\n\t [[{{node assign}}]]"));
  EXPECT_THAT(Build(g, {"x"}, {"deep"}),
              HasCode(StatusCode::kInvalidArgument,
                      "Input 0 of node deep was passed float from typed2 "
                      "incompatible with expected float_ref."));
}

TEST_F(PlanBuilderTest, ListsAllOpsWithoutKernel) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("flag", DT_BOOL);
  g.Node("a", "Zebra", {"x"}).Node("b", "Zebra", {"x"}).Node("c", "Ape", {});
  g.Node("e", "Helper");
  auto* helper = g.def().mutable_library()->add_function();
  helper->mutable_signature()->set_name("Helper");
  // So that what it holds is run though it returns nothing.
  helper->mutable_signature()->set_is_stateful(true);
  helper->add_node_def()->set_name("inner");
  helper->mutable_node_def(0)->set_op("Ape");
  EXPECT_THAT(
      Build(g, {"x", "flag"}, {}, {"a", "b", "c", "e"}),
      HasCode(StatusCode::kUnimplemented,
              "this run needs ops that have no kernel here: Ape (node \"c\"), "
              "Ape (node \"inner\" in function \"Helper\"), Zebra (node "
              "\"a\" and 1 more)"));
  g.Node("y", "Neg", {"x"}, {{"T", DT_FLOAT}});
  EXPECT_OK(Build(g, {"x"}, {"y"})) << "what is not reached does not count";
}

TEST_F(PlanBuilderTest, TellsReadersFromWriters) {
  TestGraph g;
  g.Variable("v", F(1)).Variable("w", F(2)).Const("one", F(1));
  g.Node("add", "AssignAdd", {"v", "one"}, {{"T", DT_FLOAT}});
  g.Node("chained", "AssignAdd", {"add", "one"}, {{"T", DT_FLOAT}});
  g.Node("sum", "Add", {"one", "one"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto neither, Build(g, {}, {"sum"}));
  EXPECT_FALSE(neither->reads_variables);
  EXPECT_FALSE(neither->writes_variables);
  ASSERT_OK_AND_ASSIGN(const auto reads, Build(g, {}, {"v/read"}));
  EXPECT_TRUE(reads->reads_variables);
  EXPECT_FALSE(reads->writes_variables);
  EXPECT_TRUE(NodeOf(*reads, "v/read").has_ref_inputs);
  EXPECT_TRUE(NodeOf(*reads, "v/read").inputs[0].dereference);
  EXPECT_FALSE(NodeOf(*reads, "v/read").inputs[0].wants_ref);
  ASSERT_OK_AND_ASSIGN(const auto fetched, Build(g, {}, {"v"}));
  EXPECT_TRUE(fetched->reads_variables);
  EXPECT_TRUE(fetched->fetches[0].dereference);
  ASSERT_OK_AND_ASSIGN(const auto writes, Build(g, {}, {"chained", "w/read"}));
  EXPECT_TRUE(writes->reads_variables);
  EXPECT_TRUE(writes->writes_variables);
  EXPECT_TRUE(NodeOf(*writes, "add").inputs[0].wants_ref);
  EXPECT_FALSE(NodeOf(*writes, "add").inputs[0].dereference);
  ASSERT_OK_AND_ASSIGN(const VariableInfo v, state_.variables.Find("", "v"));
  EXPECT_THAT(writes->written_by_reference, ElementsAre(v.slot))
      << "followed through AssignAdd's own output; w is only read";
  EXPECT_THAT(reads->written_by_reference, IsEmpty());
}

TEST_F(PlanBuilderTest, KnowsWhichOutputsAreRead) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("pair", "Unique", {"x"}, {{"T", DT_FLOAT}});
  g.Node("y", "Neg", {"pair:1"}, {{"T", DT_INT32}});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {"x"}, {"y"}));
  EXPECT_THAT(NodeOf(*plan, "pair").output_used, ElementsAre(false, true));
  EXPECT_THAT(NodeOf(*plan, "y").output_used, ElementsAre(true));
  ASSERT_OK_AND_ASSIGN(const auto both, Build(g, {"x"}, {"pair:0", "y"}));
  EXPECT_THAT(NodeOf(*both, "pair").output_used, ElementsAre(true, true));
}

TEST_F(PlanBuilderTest, OnlyControlFlowNeedsTheDataflowMachine) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Node("trigger", "ControlTrigger", {"^x"});
  g.Node("y", "Neg", {"x", "^trigger"}, {{"T", DT_FLOAT}});
  g.Node("enter", "Enter", {"x"}, {{"T", DT_FLOAT}, {"frame_name", "f"}});
  g.Node("exit", "Exit", {"enter"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto plain, Build(g, {"x"}, {"y"}));
  EXPECT_TRUE(plain->sequential);
  ASSERT_OK_AND_ASSIGN(const auto loop, Build(g, {"x"}, {"exit"}));
  EXPECT_FALSE(loop->sequential);
  EXPECT_EQ(NodeOf(*loop, "enter").kind, OpKind::kEnter);
  EXPECT_EQ(NodeOf(*loop, "exit").kind, OpKind::kExit);
}

TEST_F(PlanBuilderTest, BadAttributesNameTheNode) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("bad", "Neg", {"x"});
  EXPECT_THAT(Build(g, {"x"}, {"bad"}),
              HasCode(StatusCode::kInvalidArgument, "{{node bad}}"));
}

TEST(KernelCacheTest, TheFirstKernelOfANameStaysAndErrorsDoNot) {
  class Nothing final : public Kernel {
   public:
    absl::Status Compute(KernelContext&) const override {
      return absl::OkStatus();
    }
  };
  const auto make = []() -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return std::make_unique<Nothing>();
  };
  KernelCache cache;
  EXPECT_THAT(
      cache.FindOrCreate("a",
                         []() -> absl::StatusOr<std::unique_ptr<Kernel>> {
                           return InvalidArgument("no");
                         }),
      HasCode(StatusCode::kInvalidArgument, "no"));
  ASSERT_OK_AND_ASSIGN(const auto first, cache.FindOrCreate("a", make));
  ASSERT_OK_AND_ASSIGN(const auto again, cache.FindOrCreate("a", make));
  ASSERT_OK_AND_ASSIGN(const auto other, cache.FindOrCreate("b", make));
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST(PlanTimesTest, KeepsAMovingAverageOfWhatRunsTake) {
  const Plan plan;
  EXPECT_EQ(plan.expected_nanos(), 0);
  plan.Observe(800);
  EXPECT_EQ(plan.expected_nanos(), 800) << "the first counts whole";
  plan.Observe(1600);
  EXPECT_EQ(plan.expected_nanos(), 900);
  plan.Observe(100);
  EXPECT_EQ(plan.expected_nanos(), 800);
}

}  // namespace
}  // namespace metagraph
