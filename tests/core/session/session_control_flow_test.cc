#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;

constexpr auto kFloat = DT_FLOAT;

// x fed; y = pred ? -x : x * x, as tf.cond builds it.
TestGraph CondGraph() {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", kFloat}});
  g.Node("false_branch", "Mul", {"switch:0", "switch:0"}, {{"T", kFloat}});
  g.Node("true_branch", "Neg", {"switch:1"}, {{"T", kFloat}});
  g.Node("y", "Merge", {"false_branch", "true_branch"},
         {{"T", kFloat}, {"N", 2}});
  g.Node("after", "Neg", {"y"}, {{"T", kFloat}});
  return g;
}

// i and acc from 0 and x: while i < n: i += 1, acc += i. `prefix` names it,
// `start` is what acc starts with.
void AddLoop(TestGraph& g, const std::string& prefix, const std::string& start,
             const std::string& limit, const std::string& body_extra = "",
             int parallel = 10) {
  auto n = [&](const char* name) { return prefix + name; };
  const std::string frame = prefix + "frame";
  const auto enter = [&](const std::string& name, const std::string& input,
                         bool constant) {
    g.Node(name, "Enter", {input},
           {{"T", kFloat},
            {"frame_name", frame.c_str()},
            {"is_constant", constant},
            {"parallel_iterations", parallel}});
  };
  g.Const(n("zero"), F(0));
  enter(n("i_enter"), n("zero"), false);
  enter(n("acc_enter"), start, false);
  enter(n("n_enter"), limit, true);
  g.Node(n("i_merge"), "Merge", {n("i_enter"), n("i_next")},
         {{"T", kFloat}, {"N", 2}});
  g.Node(n("acc_merge"), "Merge", {n("acc_enter"), n("acc_next")},
         {{"T", kFloat}, {"N", 2}});
  g.Node(n("less"), "Less", {n("i_merge"), n("n_enter")}, {{"T", kFloat}});
  g.Node(n("cond"), "LoopCond", {n("less")});
  g.Node(n("i_switch"), "Switch", {n("i_merge"), n("cond")}, {{"T", kFloat}});
  g.Node(n("acc_switch"), "Switch", {n("acc_merge"), n("cond")},
         {{"T", kFloat}});
  g.Node(n("i_body"), "Identity", {n("i_switch:1")}, {{"T", kFloat}});
  g.Const(n("one"), F(1), {"^" + n("i_body")});
  g.Node(n("i_add"), "Add", {n("i_body"), n("one")}, {{"T", kFloat}});
  g.Node(n("acc_add"), "Add",
         {n("acc_switch:1"), body_extra.empty() ? n("i_add") : body_extra},
         {{"T", kFloat}});
  g.Node(n("i_next"), "NextIteration", {n("i_add")}, {{"T", kFloat}});
  g.Node(n("acc_next"), "NextIteration", {n("acc_add")}, {{"T", kFloat}});
  g.Node(n("i_exit"), "Exit", {n("i_switch:0")}, {{"T", kFloat}});
  g.Node(n("acc_exit"), "Exit", {n("acc_switch:0")}, {{"T", kFloat}});
}

class SessionControlFlowTest : public SessionTest {};

TEST_F(SessionControlFlowTest, CondTakesOneBranch) {
  Open(CondGraph());
  const Tensor yes = Tensor::Scalar<bool>(true);
  const Tensor no = Tensor::Scalar<bool>(false);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"pred:0", yes}}, "after:0"), 3);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"pred:0", no}}, "after:0"), -9);
  ASSERT_OK_AND_ASSIGN(auto result,
                       Run({{"x:0", F(3)}, {"pred:0", yes}}, {"y:1"}));
  EXPECT_EQ(result.outputs[0].scalar<int32_t>(), 1) << "the branch taken";
}

TEST_F(SessionControlFlowTest, FetchingTheUntakenBranchFails) {
  Open(CondGraph());
  EXPECT_THAT(Run({{"x:0", F(3)}, {"pred:0", Tensor::Scalar<bool>(true)}},
                  {"false_branch:0"}),
              HasCode(StatusCode::kInternal, "was not valid"));
  EXPECT_OK(Run({{"x:0", F(3)}, {"pred:0", Tensor::Scalar<bool>(true)}}, {},
                {"false_branch"}))
      << "a dead target is fine";
}

TEST_F(SessionControlFlowTest, DeadnessFollowsControlEdges) {
  TestGraph g = CondGraph();
  g.Const("guarded", F(1), {"^true_branch"});
  g.Node("other", "Identity", {"switch:0"}, {{"T", kFloat}});
  g.Node("pick", "Merge", {"guarded", "other"}, {{"T", kFloat}, {"N", 2}});
  Open(g);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"pred:0", Tensor::Scalar<bool>(true)}},
                      "pick:0"),
            1);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"pred:0", Tensor::Scalar<bool>(false)}},
                      "pick:0"),
            3);
}

TEST_F(SessionControlFlowTest, LoopsRun) {
  for (int parallel : {1, 2, 10}) {
    TestGraph g;
    g.Placeholder("x", DT_FLOAT).Placeholder("n", DT_FLOAT);
    AddLoop(g, "", "x", "n", "", parallel);
    Open(g);
    EXPECT_EQ(RunScalar({{"x:0", F(100)}, {"n:0", F(0)}}, "acc_exit:0"), 100);
    EXPECT_EQ(RunScalar({{"x:0", F(100)}, {"n:0", F(1)}}, "acc_exit:0"), 101);
    EXPECT_EQ(RunScalar({{"x:0", F(0)}, {"n:0", F(100)}}, "acc_exit:0"), 5050);
    ASSERT_OK_AND_ASSIGN(auto both, Run({{"x:0", F(0)}, {"n:0", F(4)}},
                                        {"acc_exit:0", "i_exit:0"}));
    EXPECT_EQ(both.outputs[0].scalar<float>(), 10);
    EXPECT_EQ(both.outputs[1].scalar<float>(), 4);
  }
}

TEST_F(SessionControlFlowTest, LoopsNest) {
  // Outer: three turns; its body adds an inner loop's result: 1 + … + 4.
  TestGraph g;
  g.Placeholder("n", DT_FLOAT);
  g.Const("start", F(0)).Const("inner_n", F(4));
  const auto into = [&](const char* name, const char* input) {
    g.Node(
        name, "Enter", {input},
        {{"T", kFloat}, {"frame_name", "outer_frame"}, {"is_constant", true}});
  };
  into("inner_n_outer", "inner_n");
  into("inner_start_outer", "start");
  AddLoop(g, "outer_", "start", "n", "inner_acc_exit");
  // The inner loop starts anew in each turn of the outer one.
  g.Node("inner_begin", "Identity", {"inner_start_outer", "^outer_i_body"},
         {{"T", kFloat}});
  AddLoop(g, "inner_", "inner_begin", "inner_n_outer");
  // Its zero must belong to the outer body too.
  for (auto& node : *g.def().mutable_node()) {
    if (node.name() == "inner_zero") node.add_input("^outer_i_body");
  }
  Open(g);
  EXPECT_EQ(RunScalar({{"n:0", F(3)}}, "outer_acc_exit:0"), 30);
  EXPECT_EQ(RunScalar({{"n:0", F(0)}}, "outer_acc_exit:0"), 0);
}

TEST_F(SessionControlFlowTest, LoopInTheUntakenBranchEndsDead) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("n", DT_FLOAT);
  g.Placeholder("pred", DT_BOOL);
  g.Node("x_switch", "Switch", {"x", "pred"}, {{"T", kFloat}});
  g.Node("n_switch", "Switch", {"n", "pred"}, {{"T", kFloat}});
  g.Node("n_true", "Identity", {"n_switch:1"}, {{"T", kFloat}});
  AddLoop(g, "", "x_switch:1", "n_true");
  for (auto& node : *g.def().mutable_node()) {
    if (node.name() == "zero") node.add_input("^n_true");
  }
  g.Node("no", "Neg", {"x_switch:0"}, {{"T", kFloat}});
  g.Node("y", "Merge", {"no", "acc_exit"}, {{"T", kFloat}, {"N", 2}});
  Open(g);
  EXPECT_EQ(RunScalar({{"x:0", F(1)},
                       {"n:0", F(3)},
                       {"pred:0", Tensor::Scalar<bool>(true)}},
                      "y:0"),
            7);
  EXPECT_EQ(RunScalar({{"x:0", F(1)},
                       {"n:0", F(3)},
                       {"pred:0", Tensor::Scalar<bool>(false)}},
                      "y:0"),
            -1);
}

TEST_F(SessionControlFlowTest, EndlessLoopStopsAtTheDeadline) {
  TestGraph g;
  g.Const("x", F(0)).Const("n", F(1e30f));
  AddLoop(g, "", "x", "n");
  Open(g);
  RunRequest request;
  request.fetches = {"acc_exit:0"};
  CallContext call(absl::Now() + absl::Milliseconds(20));
  EXPECT_THAT(session_->Run(request, call),
              HasCode(StatusCode::kDeadlineExceeded, ""));
}

TEST_F(SessionControlFlowTest, ErrorsInsideALoopEndIt) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Const("n", F(3)).Const("two", MakeTensor<float>({2}, {1, 2}));
  g.Node("two_enter", "Enter", {"two"},
         {{"T", kFloat}, {"frame_name", "frame"}, {"is_constant", true}});
  AddLoop(g, "", "x", "n", "two_enter");
  Open(g);
  EXPECT_THAT(Run({{"x:0", MakeTensor<float>({3}, {1, 2, 3})}}, {"acc_exit:0"}),
              HasCode(StatusCode::kInvalidArgument, "acc_add"));
}

TEST_F(SessionControlFlowTest, RefusesMalformedLoops) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("exit", "Exit", {"x"}, {{"T", kFloat}});
  g.Const("n", F(3));
  AddLoop(g, "", "x", "n");
  g.Node("mixed", "Add", {"i_add", "x"}, {{"T", kFloat}});
  g.Node("mixed_next", "NextIteration", {"mixed"}, {{"T", kFloat}});
  Open(g);
  EXPECT_THAT(Run({{"x:0", F(1)}}, {"exit:0"}),
              HasCode(StatusCode::kInvalidArgument, "Invalid Exit op"));
  EXPECT_THAT(Run({{"x:0", F(1)}}, {"i_add:0"}),
              HasCode(StatusCode::kInvalidArgument, "cannot be fetched"));
  EXPECT_THAT(Run({{"x:0", F(1)}}, {}, {"mixed_next"}),
              HasCode(StatusCode::kInvalidArgument, "loop"));
}

}  // namespace
}  // namespace metagraph
