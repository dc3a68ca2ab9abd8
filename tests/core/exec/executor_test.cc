#include "core/exec/executor.h"

#include <new>
#include <set>
#include <thread>

#include "tests/core/exec/exec_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;

// Which machine runs a plan, and that a parallel one is parallel.
class ExecutorTest : public ExecTest {
 protected:
  // x → `wide` hooks beside each other → sum.
  static TestGraph Wide(int wide, const Hook& hook) {
    TestGraph g;
    g.Placeholder("x", DT_FLOAT);
    std::vector<std::string> ends;
    for (int i = 0; i < wide; ++i) {
      ends.push_back(absl::StrCat("w", i));
      AddHook(g, ends.back(), {"x"}, hook);
    }
    g.Node("sum", "AddN", ends, {{"T", DT_FLOAT}, {"N", wide}});
    return g;
  }
  // Notes the thread it runs on.
  Hook Noting() {
    return [this](KernelContext& ctx) {
      MutexLock lock(mu_);
      threads_.insert(std::this_thread::get_id());
      return GiveNewMemory(ctx);
    };
  }
  std::set<std::thread::id> threads() {
    MutexLock lock(mu_);
    return threads_;
  }
  const std::set<std::thread::id> only_mine_ = {std::this_thread::get_id()};

 private:
  Mutex mu_;
  std::set<std::thread::id> threads_ GUARDED_BY(mu_);
};

// Three nodes that wait for each other: two threads of the pool, and ours.
TEST_F(ExecutorTest, NodesOfASlowWidePlanRunAtTheSameTime) {
  Meeting meeting(3);
  Prepare(Wide(3,
               [&](KernelContext& ctx) -> absl::Status {
                 RETURN_IF_ERROR(meeting.Arrive());
                 ctx.ForwardInput(0, 0);
                 return absl::OkStatus();
               }),
          {"x"}, {"sum"});
  ASSERT_TRUE(plan().sequential);
  EXPECT_EQ(plan().width, 3);
  ClaimToBeSlow();
  EXPECT_EQ(RunScalar({F(2)}), 6);
}

TEST_F(ExecutorTest, AQuickPlanRunsOnTheCallersThread) {
  // The first node waits until the pool has done all that it was given, so that
  // helpers, if there were any, would take the other nodes.
  std::atomic<bool> first{true};
  Prepare(Wide(20,
               [&, note = Noting()](KernelContext& ctx) -> absl::Status {
                 if (first.exchange(false)) {
                   const auto pool_is_idle = std::make_shared<Meeting>(2);
                   pool_.Schedule(
                       [pool_is_idle] { EXPECT_OK(pool_is_idle->Arrive()); });
                   RETURN_IF_ERROR(pool_is_idle->Arrive());
                 }
                 return note(ctx);
               }),
          {"x"}, {"sum"});
  plan().Observe(1000);
  EXPECT_OK(Run({F(2)}));
  EXPECT_EQ(threads(), only_mine_);
  EXPECT_NE(plan().expected_nanos(), 1000) << "but its time is measured";
}

TEST_F(ExecutorTest, ANarrowPlanRunsOnTheCallersThread) {
  Prepare(Wide(1, Noting()), {"x"}, {"sum"});
  for (int i = 0; i < 10; ++i) {
    ClaimToBeSlow();
    EXPECT_OK(Run({F(2)}));
  }
  EXPECT_EQ(threads(), only_mine_);
}

TEST_F(ExecutorTest, WithoutAPoolAllRunsOnTheCallersThread) {
  used_pool_ = nullptr;
  Prepare(Wide(20, Noting()), {"x"}, {"sum"});
  ClaimToBeSlow();
  EXPECT_OK(Run({F(2)}));
  EXPECT_EQ(threads(), only_mine_);
}

TEST_F(ExecutorTest, AParallelRunGivesWhatASequentialOneGives) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Const("c", F(3));
  std::vector<std::string> ends;
  for (int i = 0; i < 8; ++i) {
    std::string last = "x";
    for (int k = 0; k < 6; ++k) {
      const std::string name = absl::StrCat("n", i, "_", k);
      g.Node(name, k % 2 == 0 ? "Add" : "Mul", {last, k % 3 ? "x" : "c"},
             {{"T", DT_FLOAT}});
      last = name;
    }
    ends.push_back(last);
  }
  ends.push_back("c");
  ends.push_back(ends[0]);
  g.Node("sum", "AddN", ends, {{"T", DT_FLOAT}, {"N", int(ends.size())}});
  Prepare(g, {"x"}, {"sum", "c", "n3_2"});
  ASSERT_OK_AND_ASSIGN(const auto want, Run({F(2)}));
  for (int i = 0; i < 50; ++i) {
    ClaimToBeSlow();
    ASSERT_OK_AND_ASSIGN(const auto got, Run({F(2)}));
    for (int k = 0; k < 3; ++k) {
      EXPECT_EQ(got[k].scalar<float>(), want[k].scalar<float>());
    }
  }
}

TEST_F(ExecutorTest, AnErrorEndsAParallelRun) {
  std::atomic<int> after{0};
  TestGraph g = Wide(4, [](KernelContext& ctx) -> absl::Status {
    return InvalidArgument("no luck");
  });
  AddHook(g, "after", {"sum"}, [&](KernelContext& ctx) {
    ++after;
    return GiveNewMemory(ctx);
  });
  Prepare(g, {"x"}, {"after"});
  const int64_t before = MemoryUsed();
  for (int i = 0; i < 20; ++i) {
    ClaimToBeSlow();
    const absl::Status status = Run({F(2)}).status();
    EXPECT_THAT(status, HasCode(StatusCode::kInvalidArgument,
                                "no luck\n\t [[{{node w"));
    EXPECT_EQ(status.message().size(), strlen("no luck\n\t [[{{node w0}}]]"))
        << "named once";
  }
  EXPECT_EQ(after, 0);
  EXPECT_EQ(MemoryUsed(), before);
}

// On all three ways of running a node.
TEST_F(ExecutorTest, AKernelWithoutMemoryFailsItsRunOnly) {
  std::atomic<bool> no_memory;
  const TestGraph g = Wide(4, [&](KernelContext& ctx) {
    if (no_memory) throw std::bad_alloc();
    return GiveNewMemory(ctx);
  });
  const auto check = [&] {
    const int64_t before = MemoryUsed();
    no_memory = true;
    EXPECT_THAT(Run({F(2)}).status(), HasCode(StatusCode::kResourceExhausted,
                                              "no more memory\n\t [[{{node w"));
    EXPECT_EQ(MemoryUsed(), before);
    no_memory = false;
    EXPECT_OK(Run({F(2)}));
  };
  Prepare(g, {"x"}, {"sum"});
  plan().Observe(1000);
  check();
  Prepare(g, {"x"}, {"sum"});
  ClaimToBeSlow();
  check();
  TestGraph loop = g;
  loop.Const("yes", B(true));
  loop.Node("s", "Switch", {"sum", "yes"}, {{"T", DT_FLOAT}});
  Prepare(loop, {"x"}, {"s:1"});
  ASSERT_FALSE(plan().sequential);
  check();
}

TEST_F(ExecutorTest, ACancelledParallelRunStops) {
  CallContext call;
  std::atomic<int> after{0};
  TestGraph g = Wide(4, [&](KernelContext& ctx) {
    call.Cancel();
    return GiveNewMemory(ctx);
  });
  AddHook(g, "after", {"sum"}, [&](KernelContext& ctx) {
    ++after;
    return GiveNewMemory(ctx);
  });
  Prepare(g, {"x"}, {"after"});
  ClaimToBeSlow();
  EXPECT_THAT(Run({F(2)}, call), HasCode(StatusCode::kCancelled, ""));
  EXPECT_EQ(after, 0);
}

TEST_F(ExecutorTest, KernelsSeeDenormalsAsZeroAndTheCallerDoesNot) {
  volatile float small = 1e-40f;
  bool inside = true;
  TestGraph g;
  AddHook(g, "a", {}, [&](KernelContext& ctx) {
    inside = small * 1.0f != 0;
    return GiveNewMemory(ctx);
  });
  Prepare(g, {}, {"a"});
  ASSERT_OK(Run({}));
  EXPECT_FALSE(inside);
  EXPECT_TRUE(small * 1.0f != 0);
}

}  // namespace
}  // namespace metagraph
