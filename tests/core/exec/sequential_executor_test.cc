#include "core/exec/sequential_executor.h"

#include <thread>

#include "tests/core/exec/exec_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

class SequentialExecutorTest : public ExecTest {
 protected:
  // Notes in `taken` whether the node may write over its input.
  static Hook Taking(bool* taken) {
    return [taken](KernelContext& ctx) -> absl::Status {
      ASSIGN_OR_RETURN(*taken, TakeInput(ctx));
      return absl::OkStatus();
    };
  }
};

TEST_F(SequentialExecutorTest, AValueReadThriceByOneNodeKeepsItsValue) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("a", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("sum", "AddN", {"a", "a", "a"}, {{"T", DT_FLOAT}, {"N", 3}});
  Prepare(g, {"x"}, {"sum"});
  ASSERT_TRUE(plan().sequential);
  EXPECT_EQ(RunScalar({F(1)}), -3);
}

TEST_F(SequentialExecutorTest, OnlyTheLastReaderMayTakeTheBuffer) {
  bool first = true;
  bool last = false;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  AddHook(g, "a", {"x"});
  AddHook(g, "first", {"a"}, Taking(&first));
  AddHook(g, "last", {"a", "^first"}, Taking(&last));
  Prepare(g, {"x"}, {"first", "last"});
  ASSERT_OK(Run({F(1)}));
  EXPECT_FALSE(first);
  EXPECT_TRUE(last);
}

TEST_F(SequentialExecutorTest, NobodyTakesFeedsConstantsOrFetches) {
  bool of_feed = true;
  bool of_constant = true;
  bool of_fetch = true;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Const("c", F(3));
  AddHook(g, "from_x", {"x"}, Taking(&of_feed));
  AddHook(g, "from_c", {"c"}, Taking(&of_constant));
  AddHook(g, "a", {"x"});
  AddHook(g, "from_a", {"a"}, Taking(&of_fetch));
  Prepare(g, {"x"}, {"from_x", "from_c", "a", "from_a"});
  const Tensor x = F(5);
  ASSERT_OK(Run({x}));
  EXPECT_FALSE(of_feed) << "the caller holds it too";
  EXPECT_FALSE(of_constant);
  EXPECT_FALSE(of_fetch);
  EXPECT_EQ(x.scalar<float>(), 5);
}

TEST_F(SequentialExecutorTest, AValueGoesWhenItsLastReaderHasRun) {
  std::vector<int64_t> used;
  const int64_t before = MemoryUsed();
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  std::string last = "x";
  for (int i = 0; i < 10; ++i) {
    const std::string name = absl::StrCat("n", i);
    AddHook(g, name, {last}, [&](KernelContext& ctx) {
      const absl::Status status = GiveNewMemory(ctx);
      used.push_back((MemoryUsed() - before) / kMega);
      return status;
    });
    last = name;
  }
  Prepare(g, {"x"}, {last});
  ASSERT_OK(Run({MegaByte()}));
  ASSERT_EQ(used.size(), 10u);
  for (size_t i = 1; i < used.size(); ++i) {
    EXPECT_EQ(used[i], 3) << "the feed, an input and an output, at node " << i;
  }
}

TEST_F(SequentialExecutorTest, OutputsThatNobodyReadsGoAtOnce) {
  int64_t later = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Node("start", "NoOp");
  AddHook(g, "unread", {"x"});
  AddHook(g, "y", {"^unread"}, [&](KernelContext& ctx) {
    later = MemoryUsed();
    return GiveNewMemory(ctx);
  });
  Prepare(g, {"x"}, {"y"});
  const Tensor x = MegaByte();
  const int64_t before = MemoryUsed();
  ASSERT_OK(Run({x}));
  EXPECT_LT(later - before, kMega);
}

TEST_F(SequentialExecutorTest, ARunThatHasEndedHoldsNoMemory) {
  bool fail = false;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  AddHook(g, "a", {"x"});
  AddHook(g, "b", {"a"}, [&](KernelContext& ctx) -> absl::Status {
    if (fail) return InvalidArgument("no");
    return GiveNewMemory(ctx);
  });
  AddHook(g, "c", {"a", "b"});
  Prepare(g, {"x"}, {"c", "a"});
  const int64_t before = MemoryUsed();
  for (const bool failing : {false, true, false}) {
    fail = failing;
    EXPECT_EQ(Run({MegaByte()}).ok(), !failing);
    EXPECT_EQ(MemoryUsed(), before);
  }
  const Tensor x = MegaByte();
  ASSERT_OK(Run({x}));
  EXPECT_TRUE(x.OwnsBufferAlone()) << "the feed was given back";
}

TEST_F(SequentialExecutorTest, AnAnswerIsNotTouchedByTheNextRun) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("a", "Neg", {"x"}, {{"T", DT_FLOAT}});
  Prepare(g, {"x"}, {"a"});
  ASSERT_OK_AND_ASSIGN(const auto first, Run({F(1)}));
  EXPECT_TRUE(first[0].OwnsBufferAlone());
  ASSERT_OK_AND_ASSIGN(const auto second, Run({F(2)}));
  EXPECT_EQ(first[0].scalar<float>(), -1);
  EXPECT_EQ(second[0].scalar<float>(), -2);
}

TEST_F(SequentialExecutorTest, RunsAtTheSameTimeHaveSlotsOfTheirOwn) {
  Meeting inside(3);
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("a", "Neg", {"x"}, {{"T", DT_FLOAT}});
  AddHook(g, "meet", {"a"}, [&](KernelContext& ctx) -> absl::Status {
    RETURN_IF_ERROR(inside.Arrive());
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  });
  g.Node("b", "Neg", {"meet"}, {{"T", DT_FLOAT}});
  Prepare(g, {"x"}, {"b"});
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back(
        [&, i] { EXPECT_EQ(RunScalar({F(float(i))}), float(i)); });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(SequentialExecutorTest, ACancelledRunStopsBeforeTheNextNode) {
  CallContext call;
  int ran = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  AddHook(g, "a", {"x"}, [&](KernelContext& ctx) {
    call.Cancel();
    return GiveNewMemory(ctx);
  });
  AddHook(g, "b", {"a"}, [&](KernelContext& ctx) {
    ++ran;
    return GiveNewMemory(ctx);
  });
  Prepare(g, {"x"}, {"b"});
  EXPECT_THAT(Run({F(1)}, call), HasCode(StatusCode::kCancelled, ""));
  EXPECT_EQ(ran, 0);
}

TEST_F(SequentialExecutorTest, ALateRunStopsWithinAFewNodes) {
  FakeClock clock;
  int ran = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  std::string last = "x";
  for (int i = 0; i < 100; ++i) {
    const std::string name = absl::StrCat("n", i);
    AddHook(g, name, {last}, [&](KernelContext& ctx) {
      if (++ran == 10) clock.Advance(absl::Hours(1));
      return GiveNewMemory(ctx);
    });
    last = name;
  }
  Prepare(g, {"x"}, {last});
  CallContext call(clock.Now() + absl::Minutes(1), clock);
  EXPECT_THAT(Run({F(1)}, call), HasCode(StatusCode::kDeadlineExceeded, ""));
  EXPECT_GE(ran, 10);
  EXPECT_LE(ran, 10 + 17);
}

TEST_F(SequentialExecutorTest, ALateRunStopsBehindANodeThatMadeMuch) {
  FakeClock clock;
  int ran = 0;
  TestGraph g;
  AddHook(g, "much", {}, [&](KernelContext& ctx) -> absl::Status {
    clock.Advance(absl::Hours(1));
    return ctx.AllocateOutput(0, TensorShape({1 << 14})).status();
  });
  AddHook(g, "next", {"much"}, [&](KernelContext& ctx) {
    ++ran;
    return GiveNewMemory(ctx);
  });
  Prepare(g, {}, {"next"});
  CallContext call(clock.Now() + absl::Minutes(1), clock);
  EXPECT_THAT(Run({}, call), HasCode(StatusCode::kDeadlineExceeded, ""));
  EXPECT_EQ(ran, 0);
}

TEST_F(SequentialExecutorTest, AnAnswerThatComesTooLateIsNone) {
  FakeClock clock;
  CallContext late(clock.Now() + absl::Minutes(1), clock);
  CallContext cancelled;
  CallContext* current = nullptr;
  TestGraph g;
  AddHook(g, "only", {}, [&](KernelContext& ctx) {
    if (current == &late) clock.Advance(absl::Hours(1));
    if (current == &cancelled) cancelled.Cancel();
    return GiveNewMemory(ctx);
  });
  Prepare(g, {}, {"only"});
  EXPECT_OK(Run({}));
  current = &late;
  EXPECT_THAT(Run({}, late), HasCode(StatusCode::kDeadlineExceeded, ""));
  current = &cancelled;
  EXPECT_THAT(Run({}, cancelled), HasCode(StatusCode::kCancelled, ""));
}

TEST_F(SequentialExecutorTest, AnErrorEndsTheRunAndNamesItsNode) {
  absl::Status error = InvalidArgument("no luck");
  error.SetPayload("type/x", absl::Cord("kept"));
  int ran = 0;
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  AddHook(g, "scope/bad", {"x"}, [&](KernelContext&) { return error; });
  AddHook(g, "after", {"scope/bad"}, [&](KernelContext& ctx) {
    ++ran;
    return GiveNewMemory(ctx);
  });
  Prepare(g, {"x"}, {"after"});
  const absl::Status status = Run({F(1)}).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "no luck\n\t [[{{node scope/bad}}]]");
  EXPECT_EQ(status.GetPayload("type/x"), absl::Cord("kept"));
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(plan().expected_nanos(), 0) << "failures say nothing about time";

  error = absl::CancelledError("gone");
  EXPECT_EQ(Run({F(1)}).status().message(), "gone")
      << "the caller's own limits are not the node's doing";
  error = absl::DeadlineExceededError("late");
  EXPECT_EQ(Run({F(1)}).status().message(), "late");
}

TEST_F(SequentialExecutorTest, AnOutputLeftUnsetMattersOnlyIfItIsRead) {
  TestGraph g;
  AddHook(g, "silent", {}, [](KernelContext&) { return absl::OkStatus(); });
  AddHook(g, "reader", {"silent"});
  AddHook(g, "after", {"^silent"});
  Prepare(g, {}, {"reader"});
  EXPECT_THAT(Run({}), HasCode(StatusCode::kInternal,
                               "Missing 0-th output from {{node silent}}"));
  Prepare(g, {}, {"silent"});
  EXPECT_THAT(Run({}), HasCode(StatusCode::kInternal, "Missing 0-th output"));
  Prepare(g, {}, {"after"});
  EXPECT_OK(Run({}));
}

TEST_F(SequentialExecutorTest, FetchesStandInTheOrderAsked) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Const("c", F(7));
  g.Node("a", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("b", "Neg", {"a"}, {{"T", DT_FLOAT}});
  Prepare(g, {"x"}, {"b", "c", "a", "b:0"});
  ASSERT_OK_AND_ASSIGN(const auto got, Run({F(2)}));
  std::vector<float> values;
  for (const Tensor& tensor : got) values.push_back(tensor.scalar<float>());
  EXPECT_THAT(values, ElementsAre(2, 7, -2, 2));
  Prepare(g, {"x"}, {}, {"a"});
  ASSERT_OK_AND_ASSIGN(const auto none, Run({F(2)}));
  EXPECT_THAT(none, IsEmpty());
}

}  // namespace
}  // namespace metagraph
