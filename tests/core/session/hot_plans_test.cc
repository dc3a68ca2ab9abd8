// Programs that are compiled for one generation of weights.

#include <atomic>
#include <future>
#include <thread>

#include "core/base/status.h"
#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

class HotPlansTest : public SessionTest {
 protected:
  // y = relu(x @ w + b), z = w, and a step that changes w.
  static TestGraph Layer() {
    TestGraph g;
    g.Placeholder("x", DT_FLOAT);
    g.Variable("w", MakeTensor<float>({2, 2}, {1, 2, 3, 4}));
    g.Variable("b", MakeTensor<float>({2}, {10, -20}));
    g.Node("xw", "MatMul", {"x", "w/read"}, {{"T", DT_FLOAT}});
    g.Node("sum", "BiasAdd", {"xw", "b/read"}, {{"T", DT_FLOAT}});
    g.Node("y", "Relu", {"sum"}, {{"T", DT_FLOAT}});
    g.Node("bump", "AssignAdd", {"w", "w/initial"}, {{"T", DT_FLOAT}});
    g.Node("init", "NoOp", {"^w/Assign", "^b/Assign"});
    g.Const("shape", MakeTensor<int32_t>({1}, {2}));
    g.Node("random", "RandomUniform", {"shape"},
           {{"T", DT_INT32}, {"dtype", DT_FLOAT}, {"seed", 7}, {"seed2", 1}});
    g.Node("noisy", "Add", {"y", "random"}, {{"T", DT_FLOAT}});
    return g;
  }

  void Open(const TestGraph& graph, int runs, ThreadPool* pool,
            CompileLevel level = CompileLevel::kFull) {
    Session::Options options;
    options.ops = &AllOps();
    options.compute_pool = &pool_;
    options.compile = level;
    options.hot_plans = {.runs = runs, .pool = pool};
    session_ = std::make_unique<Session>(graph.Build(), options);
  }

  static Feeds X() { return {{"x", MakeTensor<float>({1, 2}, {1, 1})}}; }
  std::vector<float> RunY(const std::string& fetch = "y:0") {
    auto result = Run(X(), {fetch});
    EXPECT_OK(result);
    if (!result.ok()) return {};
    const auto values = result->outputs[0].values<float>();
    return {values.begin(), values.end()};
  }

  // The program that runs of `fetch` take; nullptr: the general one.
  std::shared_ptr<const Executor> Hot(const std::string& fetch = "y:0") {
    const auto executor = session_->Prepare({{"x"}, {fetch}, {}});
    EXPECT_OK(executor);
    MutexLock lock((*executor)->use()->mu);
    return (*executor)->use()->hot;
  }
};

TEST_F(HotPlansTest, TheFirstRunMayWait) {
  Open(Layer(), /*runs=*/0, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_EQ(RunY(), (std::vector<float>{14, 0}));
  ASSERT_NE(Hot(), nullptr);
  EXPECT_FALSE(Hot()->plan().reads_variables) << "they are constants";
  EXPECT_EQ(Hot()->plan().nodes.size(), 1u) << "one product does it all";
  EXPECT_EQ(RunY(), (std::vector<float>{14, 0}));
}

TEST_F(HotPlansTest, TellsWhatTheRunRead) {
  Open(Layer(), 0, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  ASSERT_OK_AND_ASSIGN(const RunResult result, Run(X(), {"y:0"}));
  ASSERT_NE(result.generation, nullptr);
  EXPECT_EQ(result.generation->number, 1);
}

TEST_F(HotPlansTest, NewWeightsAreSeenAtOnce) {
  Open(Layer(), 0, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_EQ(RunY(), (std::vector<float>{14, 0}));
  ASSERT_OK(Run({}, {}, {"bump"}));
  EXPECT_EQ(Hot(), nullptr) << "and the old ones are let go";
  EXPECT_EQ(RunY(), (std::vector<float>{18, 0}));
}

TEST_F(HotPlansTest, ARunOfAnOlderGenerationSeesItsOwn) {
  Open(Layer(), 0, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  ASSERT_OK_AND_ASSIGN(const RunResult before, Run(X(), {"y:0"}));
  ASSERT_OK(Run({}, {}, {"bump"}));
  EXPECT_EQ(RunY(), (std::vector<float>{18, 0}));
  RunRequest request;
  request.feeds = X();
  request.fetches = {"y:0"};
  request.generation = before.generation;
  CallContext call;
  ASSERT_OK_AND_ASSIGN(const RunResult old, session_->Run(request, call));
  EXPECT_EQ(old.outputs[0].values<float>()[0], 14);
  EXPECT_EQ(RunY(), (std::vector<float>{18, 0}));
}

TEST_F(HotPlansTest, AreMadeInTheBackgroundOfWhatIsRunOften) {
  ThreadPool compile("compile", 1);
  Open(Layer(), /*runs=*/3, &compile);
  ASSERT_OK(Run({}, {}, {"init"}));
  for (int i = 0; i < 3; ++i) RunY();
  session_->WaitForHotPlans();
  EXPECT_EQ(Hot(), nullptr);
  RunY();
  session_->WaitForHotPlans();
  EXPECT_NE(Hot(), nullptr);
  EXPECT_EQ(RunY(), (std::vector<float>{14, 0}));
  session_.reset();  // before its pool
}

TEST_F(HotPlansTest, ARestoreHasThemReadyForItsWeights) {
  Open(Layer(), /*runs=*/0, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  RunY();
  ASSERT_NE(Hot(), nullptr);
  ASSERT_OK_AND_ASSIGN(const VariableInfo w,
                       session_->variables().Find("", "w"));
  CallContext call;
  ASSERT_OK(session_->variables().Publish(
      {{w.slot, MakeTensor<float>({2, 2}, {5, 6, 7, 8})}}, "checkpoint",
      VariableStore::kAnyGeneration, call));
  EXPECT_NE(Hot(), nullptr) << "before any run";
  EXPECT_EQ(RunY(), (std::vector<float>{22, 0}));
  ASSERT_OK(Run({}, {}, {"bump"}));
  EXPECT_EQ(Hot(), nullptr) << "a training step is no restore";
  EXPECT_EQ(RunY(), (std::vector<float>{26, 0}));
}

// The parts that a session hands down, to see what they are called with.
class HotPlansPartsTest : public HotPlansTest {
 protected:
  void SetUp() override {
    Open(Layer(), -1, nullptr);
    ASSERT_OK(Run({}, {}, {"init"}));
    ASSERT_OK_AND_ASSIGN(executor_, session_->Prepare(request_));
    CallContext call;
    ASSERT_OK_AND_ASSIGN(generation_, session_->variables().Read(call));
  }
  HotPlans::CompileFn Compiles() {
    return [this](const PlanRequest&, const Weights&, CallContext&) {
      return absl::StatusOr<std::shared_ptr<const Executor>>(executor_);
    };
  }
  HotPlans::Sample Sample() {
    return {request_, {MakeTensor<float>({1, 2}, {3, 4})}};
  }

  const PlanRequest request_ = {{"x"}, {"y:0"}, {}};
  std::shared_ptr<const Executor> executor_;
  std::shared_ptr<const Generation> generation_;
};

TEST_F(HotPlansPartsTest, TheEndCancelsWhatIsTried) {
  ThreadPool compile("compile", 1);
  std::promise<void> tries;
  std::atomic<bool> cancelled = false;
  HotPlans plans(
      {.runs = 1, .pool = &compile}, session_->variables(), Compiles(),
      [&](const Executor&, const std::vector<Tensor>&,
          const std::shared_ptr<const Generation>&, CallContext& call) {
        tries.set_value();
        while (call.Check().ok()) std::this_thread::yield();
        cancelled = call.cancelled();
        return call.Check();
      });
  for (int i = 0; i < 2; ++i) {
    plans.Use(*executor_, generation_, [&] { return Sample(); });
  }
  tries.get_future().wait();
  plans.End();
  EXPECT_TRUE(cancelled);
}

TEST_F(HotPlansPartsTest, ARestoreTriesWithZeros) {
  std::vector<std::vector<float>> tried;
  HotPlans plans({.runs = 0}, session_->variables(), Compiles(),
                 [&](const Executor&, std::vector<Tensor> feeds,
                     const std::shared_ptr<const Generation>&, CallContext&) {
                   const auto values = feeds[0].values<float>();
                   tried.emplace_back(values.begin(), values.end());
                   // Zeros may be no values for a program; it is ready all the
                   // same.
                   return tried.size() == 1 ? absl::OkStatus()
                                            : InvalidArgument("zero");
                 });
  ASSERT_NE(plans.Use(*executor_, generation_, [&] { return Sample(); }),
            nullptr);
  auto next = std::make_shared<Generation>(*generation_);
  ++next->number;
  plans.Prepare(next);
  EXPECT_EQ(tried, (std::vector<std::vector<float>>{{3, 4}, {0, 0}}));
  EXPECT_NE(plans.Use(*executor_, next, [&] { return Sample(); }), nullptr);
  // The plan is its own program here, and would keep itself.
  plans.KeepOnly(next->number + 1);
}

TEST_F(HotPlansTest, ATrialTakesNoRandomNumbers) {
  Open(Layer(), -1, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  const std::vector<float> first = RunY("noisy:0");
  const std::vector<float> second = RunY("noisy:0");
  Open(Layer(), 0, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_EQ(RunY("noisy:0"), first);
  EXPECT_EQ(RunY("noisy:0"), second);
}

TEST_F(HotPlansTest, WhatFailsGoesOnAsBefore) {
  Open(Layer(), 0, nullptr);
  EXPECT_THAT(Run(X(), {"y:0"}),
              HasCode(absl::StatusCode::kFailedPrecondition, "uninitialized"));
  EXPECT_EQ(Hot(), nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_THAT(
      Run({{"x", MakeTensor<float>({1, 3}, {1, 1, 1})}}, {"y:0"}),
      HasCode(absl::StatusCode::kInvalidArgument, "Matrix size-incompatible"));
}

TEST_F(HotPlansTest, AVariableThatIsWantedByReferenceStaysOne) {
  TestGraph g = Layer();
  g.Node("set", "IsVariableInitialized", {"w"}, {{"dtype", DT_FLOAT}});
  Open(g, 0, nullptr);
  ASSERT_OK(Run({}, {}, {"init"}));
  ASSERT_OK_AND_ASSIGN(const RunResult result, Run(X(), {"set:0", "y:0"}));
  EXPECT_TRUE(result.outputs[0].scalar<bool>());
  EXPECT_EQ(result.outputs[1].values<float>()[0], 14);
}

TEST_F(HotPlansTest, OnlyWhenAllIsAskedFor) {
  Open(Layer(), 0, nullptr, CompileLevel::kSafe);
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_EQ(RunY(), (std::vector<float>{14, 0}));
  EXPECT_EQ(Hot(), nullptr);
}

TEST_F(HotPlansTest, WithoutRoomThereIsNone) {
  MemoryBudget budget(100);
  Session::Options options;
  options.ops = &AllOps();
  options.hot_plans = {.runs = 0, .budget = &budget};
  session_ = std::make_unique<Session>(Layer().Build(), options);
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_EQ(RunY(), (std::vector<float>{14, 0}));
  EXPECT_EQ(Hot(), nullptr);
  EXPECT_EQ(budget.used(), 0);

  budget.set_limit(1 << 20);
  ASSERT_OK(Run({}, {}, {"init"}));  // other weights, another try
  EXPECT_EQ(RunY(), (std::vector<float>{14, 0}));
  EXPECT_NE(Hot(), nullptr);
  EXPECT_GT(budget.used(), 0);
  session_.reset();
  EXPECT_EQ(budget.used(), 0);
}

TEST_F(HotPlansTest, ResourceVariablesToo) {
  TestGraph g;
  g.Node("v", "VarHandleOp", {},
         {{"dtype", DT_FLOAT}, {"shape", PartialShape({})}});
  g.Const("five", F(5));
  g.Node("set", "AssignVariableOp", {"v", "five"}, {{"dtype", DT_FLOAT}});
  g.Node("read", "ReadVariableOp", {"v"}, {{"dtype", DT_FLOAT}});
  g.Placeholder("x", DT_FLOAT);
  g.Node("y", "Add", {"x", "read"}, {{"T", DT_FLOAT}});
  Open(g, 0, nullptr);
  ASSERT_OK(Run({}, {}, {"set"}));
  EXPECT_EQ(RunScalar({{"x", F(1)}}, "y:0"), 6);
  ASSERT_NE(Hot(), nullptr);
  EXPECT_FALSE(Hot()->plan().reads_variables);
}

}  // namespace
}  // namespace metagraph
