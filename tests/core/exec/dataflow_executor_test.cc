#include "core/exec/dataflow_executor.h"

#include "tests/core/exec/exec_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

class DataflowTest : public ExecTest {
 protected:
  Hook Counting(int* count) {
    return [count](KernelContext& ctx) {
      ++*count;
      ctx.ForwardInput(0, 0);
      return absl::OkStatus();
    };
  }

  // while i < n: i += 1, v = body(v). Fetch "i_exit" and "v_exit".
  static TestGraph Loop(const Hook& body, int parallel_iterations = 10) {
    TestGraph g;
    g.Placeholder("n", DT_FLOAT).Placeholder("v", DT_FLOAT).Const("zero", F(0));
    const auto enter = [&](const char* name, const char* from, bool constant) {
      g.Node(name, "Enter", {from},
             {{"T", DT_FLOAT},
              {"frame_name", "loop"},
              {"is_constant", constant},
              {"parallel_iterations", parallel_iterations}});
    };
    enter("n_enter", "n", true);
    enter("i_enter", "zero", false);
    enter("v_enter", "v", false);
    for (const std::string name : {"i", "v"}) {
      g.Node(name + "_merge", "Merge", {name + "_enter", name + "_next"},
             {{"T", DT_FLOAT}, {"N", 2}});
      g.Node(name + "_switch", "Switch", {name + "_merge", "cond"},
             {{"T", DT_FLOAT}});
      g.Node(name + "_exit", "Exit", {name + "_switch:0"}, {{"T", DT_FLOAT}});
      g.Node(name + "_next", "NextIteration", {name + "_body"},
             {{"T", DT_FLOAT}});
    }
    g.Node("less", "Less", {"i_merge", "n_enter"}, {{"T", DT_FLOAT}});
    g.Node("cond", "LoopCond", {"less"});
    g.Const("one", F(1), {"^i_switch"});
    g.Node("i_body", "Add", {"i_switch:1", "one"}, {{"T", DT_FLOAT}});
    AddHook(g, "v_body", {"v_switch:1"}, body);
    return g;
  }
};

TEST_F(DataflowTest, OnlyTheBranchTakenRuns) {
  int no = 0;
  int yes = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "no", {"switch:0"}, Counting(&no));
  AddHook(g, "yes", {"switch:1"}, Counting(&yes));
  g.Node("merge", "Merge", {"no", "yes"}, {{"T", DT_FLOAT}, {"N", 2}});
  Prepare(g, {"x", "pred"}, {"merge", "merge:1"});
  ASSERT_OK_AND_ASSIGN(auto got, Run({F(3), B(true)}));
  EXPECT_EQ(got[0].scalar<float>(), 3);
  EXPECT_EQ(got[1].scalar<int32_t>(), 1);
  EXPECT_EQ(no, 0);
  EXPECT_EQ(yes, 1);
  ASSERT_OK_AND_ASSIGN(got, Run({F(4), B(false)}));
  EXPECT_EQ(got[0].scalar<float>(), 4);
  EXPECT_EQ(got[1].scalar<int32_t>(), 0);
  EXPECT_EQ(no, 1);
  EXPECT_EQ(yes, 1);
}

TEST_F(DataflowTest, DeadnessFollowsDataAndControlEdges) {
  int ran = 0;
  int revived = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "data", {"switch:1"}, Counting(&ran));
  AddHook(g, "mixed", {"x", "data"}, Counting(&ran));
  AddHook(g, "controlled", {"x", "^data"}, Counting(&ran));
  g.Node("trigger", "ControlTrigger", {"^controlled"});
  AddHook(g, "alive", {"x", "^trigger"}, Counting(&revived));
  AddHook(g, "apart", {"x", "^switch"}, Counting(&revived));
  Prepare(g, {"x", "pred"}, {"alive", "apart"}, {"mixed"});
  ASSERT_OK_AND_ASSIGN(const auto got, Run({F(3), B(false)}));
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(revived, 2) << "a ControlTrigger runs, dead inputs or not; a "
                           "Switch itself is alive";
  EXPECT_EQ(got[0].scalar<float>(), 3);
  ASSERT_OK(Run({F(3), B(true)}));
  EXPECT_EQ(ran, 3);
}

TEST_F(DataflowTest, AMergeWaitsForItsControlEdges) {
  std::vector<std::string> order;
  const auto note = [&](const char* name) {
    return [&order, name](KernelContext& ctx) {
      order.push_back(name);
      return GiveNewMemory(ctx);
    };
  };
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "a", {"x"}, note("a"));
  AddHook(g, "b", {"a"}, note("b"));
  g.Node("merge", "Merge", {"switch:0", "switch:1", "^b"},
         {{"T", DT_FLOAT}, {"N", 2}});
  AddHook(g, "after", {"merge"}, note("after"));
  Prepare(g, {"x", "pred"}, {"after"});
  ASSERT_OK(Run({F(3), B(false)}));
  EXPECT_THAT(order, ElementsAre("a", "b", "after"));
}

TEST_F(DataflowTest, AMergeTakesTheFirstOfSeveralLiveValues) {
  int ran = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("first", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("second", "Neg", {"first"}, {{"T", DT_FLOAT}});
  g.Node("merge", "Merge", {"second", "first"}, {{"T", DT_FLOAT}, {"N", 2}});
  AddHook(g, "after", {"merge"}, Counting(&ran));
  Prepare(g, {"x"}, {"after", "merge:1", "second"});
  ASSERT_OK_AND_ASSIGN(const auto got, Run({F(3)}));
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(got[0].scalar<float>(), -3);
  EXPECT_EQ(got[1].scalar<int32_t>(), 1);
}

TEST_F(DataflowTest, AMergeOfDeadValuesIsDead) {
  int ran = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "a", {"switch:1"});
  AddHook(g, "b", {"switch:1"});
  g.Node("merge", "Merge", {"a", "b"}, {{"T", DT_FLOAT}, {"N", 2}});
  AddHook(g, "after", {"merge"}, Counting(&ran));
  Prepare(g, {"x", "pred"}, {"switch:0"}, {"after"});
  ASSERT_OK(Run({F(3), B(false)}));
  EXPECT_EQ(ran, 0);
}

// The same when the last that a Merge waits for is a control edge.
TEST_F(DataflowTest, AMergeOfDeadValuesDiesAtItsControlEdge) {
  int ran = 0;
  int triggered = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "a", {"x"});
  AddHook(g, "b", {"a"});
  AddHook(g, "late", {"b"});
  g.Node("merge", "Merge", {"switch:1", "switch:1", "^late"},
         {{"T", DT_FLOAT}, {"N", 2}});
  AddHook(g, "after", {"merge"}, Counting(&ran));
  g.Node("trigger", "ControlTrigger", {"^after"});
  AddHook(g, "end", {"x", "^trigger"}, Counting(&triggered));
  Prepare(g, {"x", "pred"}, {"end"});
  ASSERT_OK(Run({F(3), B(false)}));
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(triggered, 1) << "the trigger is told of the dead";
}

TEST_F(DataflowTest, FetchingADeadValueIsAnError) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL).Const("c", F(1));
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  Prepare(g, {"x", "pred"}, {"c", "switch:1", "switch:0"});
  EXPECT_THAT(Run({F(3), B(false)}),
              HasCode(StatusCode::kInternal,
                      "Failed to fetch outputs for step. (Original error "
                      "message: INVALID_ARGUMENT: The tensor returned for "
                      "switch:1 was not valid.)"));
}

TEST_F(DataflowTest, ALoopTurnsAsOftenAsItsCondition) {
  for (const int parallel : {1, 2, 3, 10}) {
    for (const int turns : {0, 1, 2, 3, 50}) {
      SCOPED_TRACE(absl::StrCat(turns, " turns, ", parallel, " at a time"));
      int ran = 0;
      Prepare(Loop(Counting(&ran), parallel), {"n", "v"}, {"i_exit", "v_exit"});
      ASSERT_OK_AND_ASSIGN(const auto got, Run({F(float(turns)), F(7)}));
      EXPECT_EQ(got[0].scalar<float>(), turns);
      EXPECT_EQ(got[1].scalar<float>(), 7);
      EXPECT_EQ(ran, turns);
    }
  }
}

// A counter that runs ahead of slow work waits for it.
TEST_F(DataflowTest, SoManyTurnsAtATimeAsTheLoopAllows) {
  for (const int parallel : {1, 3, 10}) {
    int started = 0;
    int ended = 0;
    int most = 0;
    TestGraph g = Loop(Counting(&ended), parallel);
    std::string last = "v_switch:1";
    for (int i = 0; i < 100; ++i) {
      const std::string name = absl::StrCat("slow", i);
      AddHook(g, name, {last});
      last = name;
    }
    for (auto& node : *g.def().mutable_node()) {
      if (node.name() == "v_body") node.set_input(0, last);
    }
    AddHook(g, "i_seen", {"i_body"}, [&](KernelContext& ctx) {
      most = std::max(most, ++started - ended);
      return GiveNewMemory(ctx);
    });
    Prepare(g, {"n", "v"}, {"v_exit"}, {"i_seen"});
    ASSERT_OK(Run({F(30), F(0)}));
    EXPECT_EQ(started, 30);
    EXPECT_EQ(ended, 30);
    EXPECT_EQ(most, parallel);
  }
}

TEST_F(DataflowTest, TurnsHoldNoMemoryOnceTheyAreOver) {
  for (const int parallel : {1, 4}) {
    int64_t most = 0;
    const int64_t before = MemoryUsed();
    Prepare(Loop(
                [&](KernelContext& ctx) {
                  const absl::Status status = GiveNewMemory(ctx);
                  most = std::max(most, MemoryUsed() - before);
                  return status;
                },
                parallel),
            {"n", "v"}, {"v_exit"});
    ASSERT_OK(Run({F(100), MegaByte()}));
    EXPECT_LE(most, 4 * kMega) << "of 100 turns";
    EXPECT_LT(MemoryUsed() - before, kMega / 2);
  }
}

TEST_F(DataflowTest, ValuesGoWithTheirLastReader) {
  std::vector<int64_t> used;
  const int64_t before = MemoryUsed();
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  std::string last = "switch:1";
  for (int i = 0; i < 10; ++i) {
    const std::string name = absl::StrCat("n", i);
    AddHook(g, name, {last}, [&](KernelContext& ctx) {
      const absl::Status status = GiveNewMemory(ctx);
      used.push_back((MemoryUsed() - before) / kMega);
      return status;
    });
    last = name;
  }
  Prepare(g, {"x", "pred"}, {last});
  ASSERT_OK(Run({MegaByte(), B(true)}));
  ASSERT_EQ(used.size(), 10u);
  for (size_t i = 1; i < used.size(); ++i) EXPECT_EQ(used[i], 3);
  EXPECT_LT(MemoryUsed() - before, kMega / 2);
}

TEST_F(DataflowTest, OnlyASoleReaderMayTakeTheBuffer) {
  bool alone = false;
  std::vector<bool> shared;
  const auto note_shared = [&](KernelContext& ctx) -> absl::Status {
    ASSIGN_OR_RETURN(const bool taken, TakeInput(ctx));
    shared.push_back(taken);
    return absl::OkStatus();
  };
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "a", {"switch:1"});
  AddHook(g, "b", {"a"}, [&](KernelContext& ctx) -> absl::Status {
    ASSIGN_OR_RETURN(alone, TakeInput(ctx));
    return absl::OkStatus();
  });
  AddHook(g, "c", {"b"});
  AddHook(g, "d", {"c"}, note_shared);
  AddHook(g, "e", {"c"}, note_shared);
  g.Node("twice", "Neg", {"switch:1"}, {{"T", DT_FLOAT}});
  g.Node("sum", "AddN", {"twice", "twice", "twice"},
         {{"T", DT_FLOAT}, {"N", 3}});
  Prepare(g, {"x", "pred"}, {"d", "e", "sum"});
  ASSERT_OK_AND_ASSIGN(const auto got, Run({F(1), B(true)}));
  EXPECT_TRUE(alone);
  EXPECT_THAT(shared, ElementsAre(false, true))
      << "the second may, when the first has run";
  EXPECT_EQ(got[2].scalar<float>(), -3);
}

TEST_F(DataflowTest, ACancelledLoopStopsAtOnce) {
  CallContext call;
  int ran = 0;
  Prepare(Loop([&](KernelContext& ctx) {
            if (++ran == 3) call.Cancel();
            return GiveNewMemory(ctx);
          }),
          {"n", "v"}, {"v_exit"});
  EXPECT_THAT(Run({F(1000), F(0)}, call), HasCode(StatusCode::kCancelled, ""));
  EXPECT_EQ(ran, 3);
}

TEST_F(DataflowTest, ALateRunStopsWithinAFewNodes) {
  FakeClock clock;
  int ran = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  std::string last = "switch:1";
  for (int i = 0; i < 200; ++i) {
    const std::string name = absl::StrCat("n", i);
    AddHook(g, name, {last}, [&](KernelContext& ctx) {
      if (++ran == 10) clock.Advance(absl::Hours(1));
      return GiveNewMemory(ctx);
    });
    last = name;
  }
  Prepare(g, {"x", "pred"}, {last});
  CallContext call(clock.Now() + absl::Minutes(1), clock);
  EXPECT_THAT(Run({F(1), B(true)}, call),
              HasCode(StatusCode::kDeadlineExceeded, ""));
  EXPECT_GE(ran, 10);
  EXPECT_LE(ran, 10 + 33);
}

TEST_F(DataflowTest, AnErrorInALoopNamesItsNodeAndFreesAll) {
  int ran = 0;
  const int64_t before = MemoryUsed();
  Prepare(Loop([&](KernelContext& ctx) -> absl::Status {
            if (++ran == 3) return InvalidArgument("no luck");
            return GiveNewMemory(ctx);
          }),
          {"n", "v"}, {"v_exit"});
  const int64_t prepared = MemoryUsed();
  EXPECT_EQ(Run({F(1000), F(0)}).status(),
            InvalidArgument("no luck\n\t [[{{node v_body}}]]"));
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(MemoryUsed(), prepared);
  EXPECT_LT(prepared - before, kMega);
}

TEST_F(DataflowTest, AnOutputLeftUnsetIsAnErrorButForASwitch) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("pred", DT_BOOL);
  g.Node("switch", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "silent", {"switch:1"},
          [](KernelContext&) { return absl::OkStatus(); });
  AddHook(g, "after", {"silent"});
  Prepare(g, {"x", "pred"}, {"after"});
  EXPECT_THAT(Run({F(1), B(true)}),
              HasCode(StatusCode::kInternal,
                      "Missing 0-th output from {{node silent}}"));
}

// A loop that is entered by a dead value ends, and is dead after.
TEST_F(DataflowTest, ALoopInABranchNotTakenDoesNotTurn) {
  int ran = 0;
  int after = 0;
  TestGraph g = Loop(Counting(&ran));
  // The loop's values come through a Switch.
  g.Placeholder("pred", DT_BOOL).Placeholder("x", DT_FLOAT);
  g.Node("gate", "Switch", {"x", "pred"}, {{"T", DT_FLOAT}});
  AddHook(g, "gated", {"gate:1"});
  for (auto& node : *g.def().mutable_node()) {
    if (node.op() == "Enter") node.add_input("^gated");
  }
  AddHook(g, "after", {"v_exit"}, Counting(&after));
  // Those who wait for the loop's end are told that it is dead.
  g.Node("trigger", "ControlTrigger", {"^after"});
  g.Node("else", "Identity", {"gate:0", "^trigger"}, {{"T", DT_FLOAT}});
  g.Node("end", "Merge", {"after", "else"}, {{"T", DT_FLOAT}, {"N", 2}});
  Prepare(g, {"n", "v", "pred", "x"}, {"end"});
  EXPECT_EQ(RunScalar({F(5), F(1), B(false), F(9)}), 9);
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(after, 0);
  EXPECT_EQ(RunScalar({F(5), F(1), B(true), F(9)}), 1);
  EXPECT_EQ(ran, 5);
  EXPECT_EQ(after, 1);
}

}  // namespace
}  // namespace metagraph
