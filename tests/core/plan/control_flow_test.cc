#include "core/plan/control_flow.h"

#include "tests/core/plan/plan_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

class ControlFlowTest : public PlanTest {
 protected:
  // while v < limit: v = v + step, in the frame `frame`; `start` enters it.
  static void AddLoop(TestGraph& g, const std::string& prefix,
                      const std::string& start, const char* frame,
                      std::optional<int> parallel = std::nullopt) {
    const auto n = [&](const char* name) { return prefix + name; };
    TestGraph::Attrs enter = {{"T", DT_FLOAT}, {"frame_name", frame}};
    if (parallel) enter.emplace_back("parallel_iterations", *parallel);
    g.Node(n("enter"), "Enter", {start}, enter);
    enter.emplace_back("is_constant", true);
    g.Node(n("limit_enter"), "Enter", {"limit"}, enter);
    g.Node(n("merge"), "Merge", {n("enter"), n("next")},
           {{"T", DT_FLOAT}, {"N", 2}});
    g.Node(n("less"), "Less", {n("merge"), n("limit_enter")},
           {{"T", DT_FLOAT}});
    g.Node(n("cond"), "LoopCond", {n("less")});
    g.Node(n("switch"), "Switch", {n("merge"), n("cond")}, {{"T", DT_FLOAT}});
    g.Node(n("add"), "Add", {n("switch:1"), n("limit_enter")},
           {{"T", DT_FLOAT}});
    g.Node(n("next"), "NextIteration", {n("add")}, {{"T", DT_FLOAT}});
    g.Node(n("exit"), "Exit", {n("switch:0")}, {{"T", DT_FLOAT}});
  }
  static TestGraph Loop(std::optional<int> parallel = std::nullopt) {
    TestGraph g;
    g.Placeholder("x", DT_FLOAT).Placeholder("limit", DT_FLOAT);
    AddLoop(g, "", "x", "loop", parallel);
    return g;
  }
  const StaticFrame& FrameOf(const Plan& plan, const std::string& node) {
    return plan.control_flow
        .frames[plan.control_flow.frame_of[PlaceOf(plan, node)]];
  }
};

TEST_F(ControlFlowTest, APlanWithoutLoopsIsOneFrame) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  g.Node("no", "Neg", {"switch:0"}, {{"T", DT_FLOAT}});
  g.Node("yes", "Neg", {"switch:1", "^no"}, {{"T", DT_FLOAT}});
  g.Node("merge", "Merge", {"no", "yes", "^switch"},
         {{"T", DT_FLOAT}, {"N", 2}});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {"x", "pred"}, {"merge"}));
  EXPECT_FALSE(plan->sequential);
  const ControlFlow& flow = plan->control_flow;
  ASSERT_EQ(flow.frames.size(), 1u);
  EXPECT_EQ(flow.frames[0].parent, -1);
  EXPECT_THAT(flow.sources, IsEmpty()) << "everything waits for a feed";
  EXPECT_EQ(flow.pending[PlaceOf(*plan, "switch")], 2);
  EXPECT_EQ(flow.pending[PlaceOf(*plan, "no")], 1);
  EXPECT_EQ(flow.pending[PlaceOf(*plan, "yes")], 2) << "data and control";
  EXPECT_EQ(flow.pending[PlaceOf(*plan, "merge")], 3)
      << "one live value, and a control edge that counts two";
  EXPECT_EQ(flow.feed_edges[0].size(), 1u);
  EXPECT_EQ(flow.feed_edges[1].size(), 1u);
  EXPECT_THAT(flow.fetches[PlaceOf(*plan, "merge")], ElementsAre(0));
}

TEST_F(ControlFlowTest, SourcesWaitForNothing) {
  TestGraph g;
  g.Placeholder("pred", DT_BOOL).Placeholder("x", DT_FLOAT);
  g.Const("c", F(1), {"^noop"}).Node("noop", "NoOp");
  g.Node("switch", "Switch", {"c", "pred"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {"pred"}, {"switch:0"}));
  EXPECT_THAT(plan->control_flow.sources, ElementsAre(PlaceOf(*plan, "noop")));
}

TEST_F(ControlFlowTest, FindsTheFrameOfEveryNode) {
  ASSERT_OK_AND_ASSIGN(const auto plan,
                       Build(Loop(), {"x", "limit"}, {"exit"}));
  const ControlFlow& flow = plan->control_flow;
  ASSERT_EQ(flow.frames.size(), 2u);
  const StaticFrame& loop = flow.frames[1];
  EXPECT_EQ(loop.name, "loop");
  EXPECT_EQ(loop.parent, 0);
  EXPECT_EQ(loop.num_enters, 2);
  EXPECT_EQ(loop.parallel_iterations, 10) << "TensorFlow's default";
  for (const char* name : {"merge", "less", "cond", "switch", "add", "next"}) {
    EXPECT_EQ(FrameOf(*plan, name).name, "loop") << name;
  }
  EXPECT_EQ(FrameOf(*plan, "enter").name, "") << "runs outside, leads inside";
  EXPECT_EQ(flow.child_frame[PlaceOf(*plan, "enter")], 1);
  EXPECT_EQ(flow.child_frame[PlaceOf(*plan, "merge")], -1);
  EXPECT_EQ(FrameOf(*plan, "exit").name, "loop") << "runs inside, leads out";
  EXPECT_EQ(flow.fetches[PlaceOf(*plan, "exit")].size(), 1u);

  // Entries of one iteration: every node has its own.
  std::vector<bool> taken(loop.num_inputs, false);
  for (int node : loop.nodes) {
    EXPECT_EQ(loop.nodes[flow.index_in_frame[node]], node);
    for (size_t k = 0; k < plan->nodes[node].inputs.size(); ++k) {
      EXPECT_FALSE(taken[flow.first_entry[node] + k]);
      taken[flow.first_entry[node] + k] = true;
    }
  }
}

TEST_F(ControlFlowTest, ReadsParallelIterations) {
  for (const auto& [asked, got] : {std::pair(1, 1), std::pair(32, 32),
                                   std::pair(0, 1), std::pair(-5, 1)}) {
    ASSERT_OK_AND_ASSIGN(const auto plan,
                         Build(Loop(asked), {"x", "limit"}, {"exit"}));
    EXPECT_EQ(plan->control_flow.frames[1].parallel_iterations, got);
  }
}

TEST_F(ControlFlowTest, LoopsBesideEachOtherOfOneNameAreOneFrame) {
  TestGraph g = Loop();
  AddLoop(g, "second/", "x", "loop");
  AddLoop(g, "third/", "x", "another");
  g.Node("sum", "AddN", {"exit", "second/exit", "third/exit"},
         {{"T", DT_FLOAT}, {"N", 3}});
  ASSERT_OK_AND_ASSIGN(const auto plan, Build(g, {"x", "limit"}, {"sum"}));
  const auto& frames = plan->control_flow.frames;
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[1].num_enters + frames[2].num_enters, 6);
}

TEST_F(ControlFlowTest, ANestedFrameHasItsParent) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("limit", DT_FLOAT);
  AddLoop(g, "", "x", "loop");
  // An inner loop of the same name, started from a value of the outer one.
  g.Node("inner_enter", "Enter", {"add"},
         {{"T", DT_FLOAT}, {"frame_name", "loop"}});
  g.Node("inner_exit", "Exit", {"inner_enter"}, {{"T", DT_FLOAT}});
  g.Node("outer_exit", "Exit", {"inner_exit"}, {{"T", DT_FLOAT}});
  ASSERT_OK_AND_ASSIGN(const auto plan,
                       Build(g, {"x", "limit"}, {"outer_exit"}));
  const auto& frames = plan->control_flow.frames;
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[1].parent, 0);
  EXPECT_EQ(frames[2].parent, 1);
  EXPECT_EQ(frames[2].num_enters, 1);
  EXPECT_EQ(FrameOf(*plan, "inner_exit").parent, 1);
  EXPECT_EQ(FrameOf(*plan, "outer_exit").parent, 0);
}

TEST_F(ControlFlowTest, RefusesWhatIsNoLoop) {
  TestGraph g = Loop();
  g.Node("stray", "Exit", {"x"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(Build(g, {"x", "limit"}, {"stray"}),
              HasCode(StatusCode::kInvalidArgument,
                      "node \"stray\": Invalid Exit op: Cannot find a "
                      "corresponding Enter op."));
  g.Node("mixed", "Add", {"merge", "x"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(Build(g, {"limit", "x"}, {}, {"mixed"}),
              HasCode(StatusCode::kInvalidArgument,
                      "node \"mixed\" is inside a while loop; its inputs "
                      "cannot be fed from outside"));
  g.Node("outside", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("mixed2", "Add", {"merge", "outside"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(Build(g, {"x", "limit"}, {}, {"mixed2"}),
              HasCode(StatusCode::kInvalidArgument,
                      "node \"mixed2\" has inputs from different frames"));
  EXPECT_THAT(Build(g, {"x", "limit"}, {"exit", "add:0"}),
              HasCode(StatusCode::kInvalidArgument,
                      "tensor \"add:0\" is inside a while loop (frame "
                      "\"loop\") and cannot be fetched"));
  EXPECT_OK(Build(g, {"x", "limit"}, {}, {"add"}))
      << "a target inside a loop runs";
}

// Its value would be delivered to a place that the loop's turns do not have.
TEST_F(ControlFlowTest, RefusesTheNextTurnsValueElsewhere) {
  TestGraph g = Loop();
  g.Const("c", F(1));
  g.Node("stray", "Add", {"next", "c"}, {{"T", DT_FLOAT}});
  g.Node("outer", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("mixed", "Add", {"next", "outer"}, {{"T", DT_FLOAT}});
  g.Node("merge2", "Merge", {"outer", "next"}, {{"T", DT_FLOAT}, {"N", 2}});
  for (const char* name : {"stray", "mixed", "merge2"}) {
    EXPECT_THAT(Build(g, {"x", "limit"}, {}, {name}),
                HasCode(StatusCode::kInvalidArgument,
                        absl::StrCat("node \"", name,
                                     "\" has inputs from different frames")));
  }
}

TEST_F(ControlFlowTest, RefusesACycleThatNoNextIterationCloses) {
  TestGraph g = Loop();
  g.Node("p", "Add", {"merge", "q"}, {{"T", DT_FLOAT}});
  g.Node("q", "Neg", {"p"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(Build(g, {"x", "limit"}, {}, {"q"}),
              HasCode(StatusCode::kInvalidArgument,
                      "the graph has a cycle through node \""));
}

}  // namespace
}  // namespace metagraph
