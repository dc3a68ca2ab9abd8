// What goes on beside a step that writes.

#include <algorithm>
#include <thread>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "tests/core/session/door.h"
#include "tests/core/session/session_fixture.h"
#include "tests/support/expiring_clock.h"

namespace metagraph {
namespace {

Door* running_door = nullptr;

class RunsThroughTheDoor final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    running_door->Pass();
    ctx.SetOutput(0, Tensor::Scalar<float>(1));
    return absl::OkStatus();
  }
};
REGISTER_OP("TestRunsThroughTheDoor", [](OpBuilder& op) {
  op.Output("y: float").Kernel<RunsThroughTheDoor>();
});

class SessionStepTest : public SessionTest {
 protected:
  void SetUp() override {
    running_door = &door_;
    TestGraph g;
    g.Variable("v", F(0)).Const("c", F(5));
    g.Node("one", "TestRunsThroughTheDoor");
    // Has written before it stops.
    g.Node("first", "AssignAdd", {"v", "c"}, {{"T", DT_FLOAT}});
    g.Node("held", "TestRunsThroughTheDoor", {"^first"});
    g.Node("train", "AssignAdd", {"v", "held"}, {{"T", DT_FLOAT}});
    Open(g);
    ASSERT_OK(Run({}, {}, {"v/Assign"}));
  }

  Door door_;
};

TEST_F(SessionStepTest, ReadersAnswerWhileAStepRuns) {
  for (int step = 1; step <= 3; ++step) {
    // No read between the steps but these.
    door_.Set(true);
    ASSERT_OK(Run({}, {}, {"train"}));
    door_.Set(false);
    std::thread trainer([&] { EXPECT_OK(Run({}, {}, {"train"})); });
    door_.WaitUntilCame(2 * step);
    const float newest = 6.0f * (2 * step - 1);
    EXPECT_EQ(RunScalar({}, "v/read:0"), newest)
        << "a step that was answered is seen, one under way is not";
    EXPECT_EQ(RunScalar({}, "c:0"), 5);
    door_.Set(true);
    trainer.join();
  }
  EXPECT_EQ(RunScalar({}, "v/read:0"), 36);
}

TEST_F(SessionStepTest, ARunTellsWhichGenerationItLeft) {
  ASSERT_OK_AND_ASSIGN(const RunResult first, Run({}, {}, {"train"}));
  ASSERT_OK_AND_ASSIGN(const RunResult second, Run({}, {}, {"train"}));
  EXPECT_EQ(second.generation_left, first.generation_left + 1);
  ASSERT_OK_AND_ASSIGN(const RunResult read, Run({}, {"v:0"}));
  EXPECT_EQ(read.generation_left, -1);
  EXPECT_EQ(read.generation->number, second.generation_left);
}

TEST_F(SessionStepTest, SeveralRunsCanBeOneStep) {
  CallContext call;
  const int64_t before = session_->variables().generation_number();
  ASSERT_OK_AND_ASSIGN(auto step, session_->BeginStep(call, before));
  RunRequest request;
  request.targets = {"train"};
  request.step = step.get();
  ASSERT_OK(session_->Run(request, call));
  ASSERT_OK(session_->Run(request, call));
  EXPECT_EQ(RunScalar({}, "v:0"), 0) << "others see nothing of it yet";
  request.targets.clear();
  request.fetches = {"v:0"};
  ASSERT_OK_AND_ASSIGN(const RunResult inside, session_->Run(request, call));
  EXPECT_EQ(inside.outputs[0].scalar<float>(), 12);
  EXPECT_EQ(step->End(), before + 1);
  EXPECT_EQ(RunScalar({}, "v:0"), 12);
  EXPECT_THAT(session_->BeginStep(call, before),
              HasCode(absl::StatusCode::kAborted, "expected"));
}

TEST_F(SessionStepTest, NoExtensionIsLostWhenSeveralComeTogether) {
  constexpr int kCallers = 4;
  constexpr int kEach = 25;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([this, caller] {
      for (int i = 0; i < kEach;) {
        TestGraph more;
        more.Const(absl::StrCat("late", caller, "_", i), F(1));
        const auto version = session_->Extend(more.def(), -1);
        if (version.ok()) {
          ++i;
        } else {
          EXPECT_EQ(version.status().code(), absl::StatusCode::kAborted);
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(session_->graph()->version(), kCallers * kEach);
  for (int caller = 0; caller < kCallers; ++caller) {
    for (int i = 0; i < kEach; ++i) {
      const std::string name = absl::StrCat("late", caller, "_", i);
      EXPECT_NE(session_->graph()->FindNode(name), nullptr) << name;
    }
  }
}

// The second update of a step finds a buffer that it writes in place.
TEST_F(SessionStepTest, ACallThatEndsLeavesEachUpdateDoneOrNot) {
  const std::vector<int64_t> shape = {1 << 22};
  TestGraph g;
  g.Variable("v", F(0));
  g.Const("shape", MakeTensor<int32_t>({1}, {1 << 22})).Const("one", F(1));
  g.Node("ones", "Fill", {"shape", "one"}, {{"T", DT_FLOAT}});
  g.Node("w", "VariableV2", {},
         {{"dtype", DT_FLOAT}, {"shape", PartialShape(TensorShape(shape))}});
  g.Node("init", "Assign", {"w", "ones"}, {{"T", DT_FLOAT}});
  g.Node("add", "AssignAdd", {"w", "ones"}, {{"T", DT_FLOAT}});
  g.Node("add_again", "AssignAdd", {"add", "ones"}, {{"T", DT_FLOAT}});
  g.Node("move", "ApplyGradientDescent", {"w", "one", "ones"},
         {{"T", DT_FLOAT}});
  g.Node("move_again", "ApplyGradientDescent", {"move", "one", "ones"},
         {{"T", DT_FLOAT}});
  Open(g);
  for (const char* target : {"add_again", "move_again"}) {
    absl::Status status;
    for (int asks = 0; asks == 0 || !status.ok(); ++asks) {
      ASSERT_LT(asks, 1000);
      ASSERT_OK(Run({}, {}, {"init"}));
      ExpiringClock clock(asks);
      CallContext call(ExpiringClock::Deadline(), clock);
      RunRequest request;
      request.targets = {target};
      status = session_->Run(request, call).status();
      ASSERT_OK_AND_ASSIGN(const RunResult left, Run({}, {"w:0"}));
      const auto values = left.outputs[0].values<float>();
      const auto [least, most] =
          std::minmax_element(values.begin(), values.end());
      ASSERT_EQ(*least, *most) << target << " after " << asks << ": " << status;
    }
  }
}

}  // namespace
}  // namespace metagraph
