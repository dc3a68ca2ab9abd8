// Callers that need the same plan at the same time.

#include <thread>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "tests/core/session/door.h"
#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

Door* making_door = nullptr;

class MadeAtTheDoor final : public Kernel {
 public:
  absl::Status Init(KernelConstruction&) {
    making_door->Pass();
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, Tensor::Scalar<float>(7));
    return absl::OkStatus();
  }
};
REGISTER_OP("TestMadeAtTheDoor", [](OpBuilder& op) {
  op.Output("y: float").Kernel<MadeAtTheDoor>();
});

class SessionCompileTest : public SessionTest {
 protected:
  void SetUp() override {
    making_door = &door_;
    TestGraph g;
    g.Node("slow", "TestMadeAtTheDoor");
    g.Node("other", "TestMadeAtTheDoor");
    Open(g);
  }

  Door door_;
  const PlanRequest request_ = {{}, {"slow:0"}, {}};
};

TEST_F(SessionCompileTest, OneCompilesTheOthersWait) {
  door_.Set(false);
  std::vector<std::shared_ptr<const Executor>> plans(4);
  std::vector<std::thread> callers;
  const auto prepare = [&](int i) {
    CallContext call;
    auto plan = session_->Prepare(request_, call);
    EXPECT_OK(plan);
    if (plan.ok()) plans[i] = *plan;
  };
  callers.emplace_back(prepare, 0);
  door_.WaitUntilCame(1);
  // One who has no time is told so, though the plan is not there yet.
  CallContext late(absl::InfinitePast());
  EXPECT_EQ(session_->Prepare(request_, late).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(session_->FindPrepared(request_), nullptr);
  for (int i = 1; i < 4; ++i) callers.emplace_back(prepare, i);
  door_.Set(true);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(door_.Came(), 1);
  for (const auto& plan : plans) EXPECT_EQ(plan, plans[0]);
  EXPECT_EQ(session_->FindPrepared(request_), plans[0]);
}

TEST_F(SessionCompileTest, OtherPlansAreCompiledMeanwhile) {
  TestGraph g;
  g.Node("slow", "TestMadeAtTheDoor").Const("quick", F(1));
  Open(g);
  door_.Set(false);
  std::thread caller([&] { EXPECT_OK(session_->Prepare(request_)); });
  door_.WaitUntilCame(1);
  EXPECT_EQ(RunScalar({}, "quick:0"), 1);
  door_.Set(true);
  caller.join();
}

TEST_F(SessionCompileTest, WhoGivesUpLeavesThePlanToTheNext) {
  door_.Set(false);
  CallContext impatient;
  absl::Status gave_up;
  const PlanRequest both = {{}, {"slow:0", "other:0"}, {}};
  std::thread first(
      [&] { gave_up = session_->Prepare(both, impatient).status(); });
  door_.WaitUntilCame(1);
  std::thread second([&] { EXPECT_OK(session_->Prepare(both)); });
  impatient.Cancel();
  door_.Set(true);
  first.join();
  second.join();
  EXPECT_EQ(gave_up.code(), absl::StatusCode::kCancelled)
      << "compiling goes by the caller's limits, between nodes";
}

TEST_F(SessionCompileTest, AnErrorIsForAllWhoWait) {
  TestGraph g;
  g.Node("slow", "TestMadeAtTheDoor");
  // Its kernel finds that a window has no size.
  g.Node("bad", "MaxPool", {"slow"}, {{"T", DT_FLOAT}, {"padding", "SAME"}});
  auto& attrs = *g.def().mutable_node()->rbegin()->mutable_attr();
  for (int size : {1, 0, 1, 1}) attrs["ksize"].mutable_list()->add_i(size);
  attrs["strides"] = attrs["ksize"];
  Open(g);
  door_.Set(false);
  const PlanRequest bad = {{}, {"bad:0"}, {}};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      EXPECT_EQ(session_->Prepare(bad).status().code(),
                absl::StatusCode::kInvalidArgument);
    });
  }
  door_.WaitUntilCame(1);
  door_.Set(true);
  for (std::thread& caller : callers) caller.join();
}

TEST_F(SessionCompileTest, ACancelledCallerWaitsNoLonger) {
  door_.Set(false);
  std::thread caller([&] { EXPECT_OK(session_->Prepare(request_)); });
  door_.WaitUntilCame(1);
  CallContext call;
  std::thread waiter([&] {
    EXPECT_EQ(session_->Prepare(request_, call).status().code(),
              absl::StatusCode::kCancelled);
  });
  call.Cancel();
  waiter.join();
  door_.Set(true);
  caller.join();
}

}  // namespace
}  // namespace metagraph
