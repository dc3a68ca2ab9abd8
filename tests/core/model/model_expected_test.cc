// What a change expects of the generation, and what it replaces, while other
// steps come between.

#include <functional>
#include <thread>

#include "tests/core/model/model_fixture.h"
#include "tests/support/expiring_clock.h"

namespace metagraph {
namespace {

// Tells how often a call has asked for the time: calls with a deadline do so
// where they can end early, and before they wait.
class CountingClock final : public Clock {
 public:
  absl::Time Now() override {
    std::function<void()> then;
    {
      MutexLock lock(mu_);
      if (++asked_ == at_) then = std::move(then_);
      changed_.NotifyAll();
    }
    if (then) then();
    return Clock::Real().Now();
  }
  int asked() {
    MutexLock lock(mu_);
    return asked_;
  }
  void WaitUntilAsked(int count) {
    MutexLock lock(mu_);
    while (asked_ < count) changed_.Wait(mu_);
  }
  void At(int count, std::function<void()> then) {
    MutexLock lock(mu_);
    at_ = asked_ + count;
    then_ = std::move(then);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int asked_ GUARDED_BY(mu_) = 0;
  int at_ GUARDED_BY(mu_) = -1;
  std::function<void()> then_ GUARDED_BY(mu_);
};

class ModelExpectedTest : public ModelTest {
 protected:
  void SetUp() override {
    LoadSeed();
    w1_ = model_->graph()->FindVariable("W1")->slot;
  }

  // A step of somebody else's, which sets W1.
  void SetW1(VariableView& step, float value) {
    EXPECT_OK(step.Update(w1_, [&](LiveVariable& live) {
      live.Set(FloatVector({value, value, value, value}));
      return absl::OkStatus();
    }));
  }
  void Step(float value) {
    CallContext call;
    auto step = model_->session().variables().BeginWrite(call);
    ASSERT_OK(step);
    SetW1(**step, value);
  }
  float W1() {
    CallContext call;
    auto generation = model_->Read(call);
    EXPECT_OK(generation);
    return (*generation)->value(w1_).values<float>()[0];
  }
  // Starts `change` while a step is under way, which sets W1 to `value` and
  // ends once the change waits for it, that is, asks for the time.
  void DuringAStep(float value, int asks,
                   const std::function<void(CallContext&)>& change) {
    CallContext call;
    auto step = model_->session().variables().BeginWrite(call);
    ASSERT_OK(step);
    const int before = clock_.asked();
    std::thread changer([&] {
      CallContext limited(Clock::Real().Now() + absl::Hours(1), clock_);
      change(limited);
    });
    clock_.WaitUntilAsked(before + asks);
    SetW1(**step, value);
    step->reset();
    changer.join();
  }
  // A variable whose initial value `graph` computes after that of W1.
  void AddLateVariable(TestGraph& graph, int64_t count) {
    const PartialShape shape(TensorShape({count}));
    graph.Node("late", "VariableV2", {},
               {{"dtype", DT_FLOAT}, {"shape", shape}});
    graph.Node("late/Assign", "Assign", {"late", "late/initial"},
               {{"T", DT_FLOAT}});
    tensorflow::MetaGraphDef more;
    *more.mutable_graph_def() = graph.def();
    AddVariableToCollections("late", &more);
    ASSERT_OK(model_->ExtendGraph({}, more, call_));
  }
  void ExpectRollbackTo(float value) {
    ASSERT_OK(model_->Rollback(std::nullopt, -1, call_));
    EXPECT_EQ(W1(), value);
  }

  CountingClock clock_;
  int w1_ = -1;
};

TEST_F(ModelExpectedTest, InitializeVariablesComparesWithTheChange) {
  const int64_t expected = model_->generation_number();
  DuringAStep(77, 1, [&](CallContext& call) {
    EXPECT_THAT(model_->InitializeVariables(InitializeScope::kAll, {}, false,
                                            expected, call),
                HasCode(absl::StatusCode::kAborted, "expected"));
  });
  EXPECT_EQ(W1(), 77);
}

TEST_F(ModelExpectedTest, InitializeVariablesKeepsWhatItReplaced) {
  DuringAStep(77, 1, [&](CallContext& call) {
    EXPECT_OK(model_->InitializeVariables(InitializeScope::kAll, {}, false, -1,
                                          call));
  });
  EXPECT_NE(W1(), 77);
  ExpectRollbackTo(77);
}

TEST_F(ModelExpectedTest, InitializeVariablesThatFailsChangesNothing) {
  TestGraph graph;
  graph.Node("late/initial", "Placeholder", {"^W1/Assign"},
             {{"dtype", DT_FLOAT}});
  AddLateVariable(graph, 4);
  Step(77);
  const int64_t before = model_->generation_number();
  EXPECT_THAT(
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_),
      HasCode(absl::StatusCode::kInvalidArgument, "late/initial"));
  EXPECT_EQ(W1(), 77);
  EXPECT_EQ(model_->generation_number(), before);
}

TEST_F(ModelExpectedTest, InitializeVariablesThatEndsEarlyChangesNothing) {
  constexpr int kCount = 1 << 20;
  TestGraph graph;
  graph.Const("count", MakeTensor<int32_t>({1}, {kCount}));
  graph.Node("random", "RandomUniform", {"count", "^W1/Assign"},
             {{"dtype", DT_FLOAT}, {"T", DT_INT32}});
  graph.Node("late/initial", "Neg", {"random"}, {{"T", DT_FLOAT}});
  AddLateVariable(graph, kCount);
  // Compiles, which asks too.
  ASSERT_OK(
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  Step(77);
  const int64_t before = model_->generation_number();
  for (int asks = 0; asks < 1000; ++asks) {
    ExpiringClock clock(asks);
    CallContext call(ExpiringClock::Deadline(), clock);
    const auto result =
        model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call);
    if (result.ok()) break;
    EXPECT_EQ(W1(), 77) << "after " << asks << ": " << result.status();
    EXPECT_EQ(model_->generation_number(), before);
  }
  EXPECT_EQ(W1(), 1);
}

TEST_F(ModelExpectedTest, InitializeVariablesLooksWhatHasNoValueInTheSameStep) {
  // Somebody gives W1 its value while the call waits.
  {
    ASSERT_OK_AND_ASSIGN(auto step,
                         model_->session().variables().BeginWrite(call_));
    ASSERT_OK(step->Update(w1_, [&](LiveVariable& live) {
      live.Set(Tensor());
      return absl::OkStatus();
    }));
  }
  DuringAStep(77, 1, [&](CallContext& call) {
    EXPECT_OK(model_->InitializeVariables(InitializeScope::kUninitialized, {},
                                          false, -1, call));
  });
  EXPECT_EQ(W1(), 77);
}

TEST_F(ModelExpectedTest, AssignVariablesKeepsWhatItReplaced) {
  DuringAStep(77, 1, [&](CallContext& call) {
    EXPECT_OK(
        model_->AssignVariables({{"W1", FloatVector({1, 2, 3, 4})}}, -1, call));
  });
  EXPECT_EQ(W1(), 1);
  ExpectRollbackTo(77);
}

TEST_F(ModelExpectedTest, AssignVariablesComparesWithTheChange) {
  const int64_t expected = model_->generation_number();
  DuringAStep(77, 1, [&](CallContext& call) {
    EXPECT_THAT(model_->AssignVariables({{"W1", FloatVector({1, 2, 3, 4})}},
                                        expected, call),
                HasCode(absl::StatusCode::kAborted, "expected"));
  });
  EXPECT_EQ(W1(), 77);
}

TEST_F(ModelExpectedTest, RestoreComparesAndKeepsWhatItReplaced) {
  const float restored = W1();
  // How often a restore asks that has to wait for nobody.
  const auto restore = [&](int64_t expected, CallContext& call) {
    RestoreOptions options;
    options.expected_generation = expected;
    return model_->Restore(options, nullptr, call).status();
  };
  CallContext call(Clock::Real().Now() + absl::Hours(1), clock_);
  ASSERT_OK(restore(-1, call));
  const int asks = clock_.asked() + 1;
  const int64_t expected = model_->generation_number();
  DuringAStep(77, asks, [&](CallContext& limited) {
    EXPECT_THAT(restore(expected, limited),
                HasCode(absl::StatusCode::kAborted, "expected"));
  });
  EXPECT_EQ(W1(), 77);
  DuringAStep(78, asks,
              [&](CallContext& limited) { EXPECT_OK(restore(-1, limited)); });
  EXPECT_EQ(W1(), restored);
  ExpectRollbackTo(78);
}

// That one may be waiting for a long step.
TEST_F(ModelExpectedTest, ExtendGraphWaitsForAnotherOneAsLongAsItsCall) {
  TestGraph more;
  more.Const("late", FloatVector({1}));
  tensorflow::MetaGraphDef meta;
  *meta.mutable_graph_def() = more.def();
  CallContext cancelled;
  cancelled.Cancel();
  CallContext late(Clock::Real().Now() - absl::Seconds(1));
  absl::Status of_cancelled;
  absl::Status of_late;
  clock_.At(1, [&] {
    of_cancelled = model_->ExtendGraph({}, meta, cancelled).status();
    of_late = model_->ExtendGraph({}, meta, late).status();
  });
  CallContext call(Clock::Real().Now() + absl::Hours(1), clock_);
  ASSERT_OK(model_->ExtendGraph({}, meta, call));
  EXPECT_THAT(of_cancelled, HasCode(absl::StatusCode::kCancelled, ""));
  EXPECT_THAT(of_late, HasCode(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_OK(model_->ExtendGraph({}, meta, call));
}

TEST_F(ModelExpectedTest, ExtendGraphComparesWithTheChange) {
  TestGraph more;
  more.Const("late", FloatVector({1}));
  tensorflow::MetaGraphDef meta;
  *meta.mutable_graph_def() = more.def();
  ExtendOptions options;
  options.expected_generation = model_->generation_number();
  // The step comes after the call has looked at everything.
  clock_.At(1, [&] { Step(77); });
  CallContext call(Clock::Real().Now() + absl::Hours(1), clock_);
  EXPECT_THAT(model_->ExtendGraph(options, meta, call),
              HasCode(absl::StatusCode::kAborted, "expected"));
  EXPECT_EQ(W1(), 77);
  EXPECT_EQ(model_->graph()->meta().graph->FindNode("late"), nullptr);
  EXPECT_EQ(model_->session().graph()->FindNode("late"), nullptr);
}

}  // namespace
}  // namespace metagraph
