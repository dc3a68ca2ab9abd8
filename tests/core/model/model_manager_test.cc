#include "core/model/model_manager.h"

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "tests/core/model/model_fixture.h"
#include "tests/core/tensor/memory_limit.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class ModelManagerTest : public ModelTest {
 protected:
  ModelManagerTest() : manager_(environment_) {}

  absl::Status LoadAndWait(const std::string& name, const std::string& path) {
    auto version = manager_.Load(name, path);
    if (!version.ok()) return version.status();
    return manager_.WaitUntilLoaded(name, *version, call_);
  }

  ModelManager manager_;
};

TEST_F(ModelManagerTest, LoadsInTheBackgroundAndFinds) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  EXPECT_THAT(Add1(*model), ElementsAre(5, 9, 15, 37));
  EXPECT_THAT(manager_.Find("sed"),
              HasCode(absl::StatusCode::kNotFound, "did you mean \"seed\""));
  EXPECT_THAT(manager_.Find("seed", 3),
              HasCode(absl::StatusCode::kNotFound, "version 3"));
  EXPECT_THAT(manager_.Load("seed", folder()),
              HasCode(absl::StatusCode::kFailedPrecondition, "in use"));
  EXPECT_THAT(manager_.Load("x", Path("absent")),
              HasCode(absl::StatusCode::kNotFound, "absent"));
}

TEST_F(ModelManagerTest, KeepsTheReasonOfAFailedLoad) {
  ASSERT_OK(WriteFileAtomically(fs(), Path("model.meta"), "no graph"));
  EXPECT_FALSE(LoadAndWait("bad", folder()).ok());
  const auto all = manager_.List();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].state, ModelState::kEnd);
  EXPECT_FALSE(all[0].error.ok());
  EXPECT_THAT(manager_.Find("bad"),
              HasCode(absl::StatusCode::kFailedPrecondition, "model.meta"));
}

TEST_F(ModelManagerTest, UnloadsWhenTheLastRunLetsGo) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto held, manager_.Find("seed"));
  EXPECT_THAT(manager_.Unload("seed", {}, 999),
              HasCode(absl::StatusCode::kAborted, "expected 999"));
  ASSERT_OK(manager_.Unload("seed", {}, -1));
  EXPECT_THAT(manager_.Find("seed"),
              HasCode(absl::StatusCode::kUnavailable, "unloaded"));
  EXPECT_EQ(manager_.List()[0].state, ModelState::kUnloading);
  EXPECT_THAT(Add1(*held), ElementsAre(5, 9, 15, 37));
  EXPECT_THAT(manager_.Unload("other", {}, -1),
              HasCode(absl::StatusCode::kNotFound, "other"));
}

// Whatever still runs on the old one.
TEST_F(ModelManagerTest, ANameIsFreeAsSoonAsItIsUnloaded) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto held, manager_.Find("seed"));
  ASSERT_OK(manager_.Unload("seed", {}, -1));
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto loaded, manager_.Find("seed"));
  EXPECT_NE(loaded, held);
  const auto all = manager_.List();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_THAT(Add1(*held), ElementsAre(5, 9, 15, 37));
  // And the old one's end does not take the new one with it.
  ASSERT_OK(manager_.Unload("seed", {}, -1));
  held.reset();
  loaded.reset();
  ASSERT_OK(LoadAndWait("seed", folder()));
  EXPECT_OK(manager_.Find("seed"));
}

TEST_F(ModelManagerTest, WhatIsAnnouncedIsLoadingNotUnknown) {
  WriteSeedModel(fs(), folder());
  manager_.Announce("seed", folder());
  EXPECT_THAT(manager_.Find("seed"),
              HasCode(absl::StatusCode::kUnavailable, "loading"));
  EXPECT_THAT(manager_.Find("seed", 3),
              HasCode(absl::StatusCode::kUnavailable, "loading"));
  ASSERT_THAT(manager_.List(), SizeIs(1));
  EXPECT_EQ(manager_.List()[0].state, ModelState::kStart);
  ASSERT_OK(LoadAndWait("seed", folder()));
  EXPECT_OK(manager_.Find("seed"));
  EXPECT_THAT(manager_.List(), SizeIs(1));
}

// Keeps what was told, in the order of its happening.
class EventRecorder {
 public:
  explicit EventRecorder(EventBus& bus)
      : bus_(bus), token_(bus.Subscribe([this](const ModelEvent& event) {
          MutexLock lock(mu_);
          events_.push_back(event);
        })) {}
  ~EventRecorder() { bus_.Unsubscribe(token_); }
  std::vector<ModelEvent> events() {
    MutexLock lock(mu_);
    return events_;
  }

 private:
  Mutex mu_;
  std::vector<ModelEvent> events_ GUARDED_BY(mu_);
  EventBus& bus_;
  const int64_t token_;
};

TEST_F(ModelManagerTest, EventsTellStateAndGenerationAsTheyAre) {
  environment_.lifecycle_pool = nullptr;  // one after the other
  ModelManager manager(environment_);
  EventRecorder recorder(manager.events());
  WriteSeedModel(fs(), folder());
  ASSERT_OK(manager.Load("seed", folder()));
  ASSERT_OK(manager.Unload("seed", {}, -1));
  const auto events = recorder.events();
  ASSERT_THAT(events, SizeIs(5));
  using Kind = ModelEvent::Kind;
  const struct {
    Kind kind;
    ModelState state;
    int64_t generation;
  } expected[] = {{Kind::kState, ModelState::kLoading, 0},
                  {Kind::kRestore, ModelState::kLoading, 1},
                  {Kind::kState, ModelState::kAvailable, 1},
                  {Kind::kState, ModelState::kUnloading, 1},
                  {Kind::kState, ModelState::kEnd, 1}};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(events[i].kind, expected[i].kind) << i;
    EXPECT_EQ(events[i].state, expected[i].state) << i;
    EXPECT_EQ(events[i].generation, expected[i].generation) << i;
    EXPECT_GT(events[i].time, absl::FromUnixSeconds(1'500'000'000)) << i;
  }
}

class MemoryOfModelsTest : public ModelManagerTest {
 protected:
  // Serves a model that does not fit a second time while the limit lasts.
  void SetUp() override {
    WriteModel();
    ASSERT_OK(LoadAndWait("seed", folder()));
    ASSERT_OK_AND_ASSIGN(held_, manager_.Find("seed"));
    generation_ = held_->Peek();
    limit_.emplace(5000);
    ASSERT_OK(manager_.Unload("seed", {}, -1));
  }
  void TearDown() override { limit_.reset(); }

  // 40 kB of values.
  void WriteModel() {
    const Tensor value = FloatVector(std::vector<float>(10'000));
    TestGraph graph;
    graph.Variable("big", value);
    tensorflow::MetaGraphDef meta;
    *meta.mutable_saver_def() = AddSaver(graph, {"big"});
    *meta.mutable_graph_def() = graph.def();
    WriteMetaGraph(fs(), Path("model.meta"), meta);
    WriteCheckpoint(fs(), Path("model"), {{"big", value}});
    ASSERT_OK(UpdateCheckpointState(fs(), folder(), Path("model"), {}));
  }
  // Loads it again, and then waits on another thread.
  std::future<absl::Status> LoadPatiently(CallContext& call) {
    EXPECT_OK(manager_.Load("seed", folder(), {}, {},
                            ModelManager::Patience::kWaitForMemory));
    return std::async(std::launch::async, [this, &call] {
      return manager_.WaitUntilLoaded("seed", 0, call);
    });
  }
  // Until a load was tried in vain since there was no memory for it.
  void WaitForTries(int count) {
    while (tries_ < count) std::this_thread::yield();
  }

  std::shared_ptr<Model> held_;
  std::shared_ptr<const Generation> generation_;
  std::optional<MemoryLimit> limit_;
  std::atomic<int> tries_{0};
  const int64_t token_ = manager_.events().Subscribe([this](const auto& event) {
    if (event.kind == ModelEvent::Kind::kRestore) {
      tries_ += absl::IsResourceExhausted(event.status);
    }
  });
};

TEST_F(MemoryOfModelsTest, WhoLetsGoLastFreesNothing) {
  std::promise<void> go_on;
  const std::shared_future<void> busy = go_on.get_future().share();
  for (int i = 0; i < pool_.size(); ++i) {
    pool_.Schedule([busy] { busy.wait(); });
  }
  const int64_t used = MemoryBudget::Process().used();
  generation_.reset();
  held_.reset();
  EXPECT_EQ(MemoryBudget::Process().used(), used);
  go_on.set_value();
  while (!manager_.List().empty()) std::this_thread::yield();
  EXPECT_LE(MemoryBudget::Process().used(), used - 40'000);
}

TEST_F(MemoryOfModelsTest, ALoadWithoutPatienceFailsAtOnce) {
  EXPECT_THAT(LoadAndWait("seed", folder()),
              HasCode(absl::StatusCode::kResourceExhausted, "memory limit"));
  EXPECT_EQ(manager_.List()[0].state, ModelState::kEnd);
}

TEST_F(MemoryOfModelsTest, ALoadWaitsForTheLastRunOfWhatWasUnloaded) {
  auto loaded = LoadPatiently(call_);
  WaitForTries(1);
  held_.reset();
  generation_.reset();
  EXPECT_OK(loaded.get());
  EXPECT_THAT(manager_.List(), SizeIs(1));
  EXPECT_OK(manager_.Find("seed"));
}

// A run that reads it may outlive the model itself.
TEST_F(MemoryOfModelsTest, ALoadWaitsForGenerationsThatAreHeld) {
  held_.reset();
  auto loaded = LoadPatiently(call_);
  WaitForTries(1);
  EXPECT_EQ(manager_.List()[0].state, ModelState::kLoading);
  EXPECT_THAT(manager_.List(), SizeIs(2));
  generation_.reset();
  EXPECT_OK(loaded.get());
  EXPECT_THAT(manager_.List(), SizeIs(1));
}

TEST_F(MemoryOfModelsTest, ALoadWaitsForAModelThatWasReplaced) {
  limit_.reset();
  held_.reset();
  generation_.reset();
  while (!manager_.List().empty()) std::this_thread::yield();
  ASSERT_OK(LoadAndWait("other", folder()));
  ManagedModel served = manager_.List()[0];
  ASSERT_OK_AND_ASSIGN(const ModelFolder found, FindModel(fs(), folder()));
  ASSERT_OK(manager_.Replace(served, found, call_));
  limit_.emplace(5000);
  auto loaded = LoadPatiently(call_);
  WaitForTries(1);
  served.model.reset();
  EXPECT_OK(loaded.get());
  EXPECT_THAT(manager_.List(), SizeIs(2));
}

TEST_F(MemoryOfModelsTest, ALoadWaitsAsLongAsItsCaller) {
  CallContext call;
  auto loaded = LoadPatiently(call);
  WaitForTries(1);
  call.Cancel();
  EXPECT_THAT(loaded.get(), HasCode(absl::StatusCode::kCancelled, ""));
  // Or that try ends before: it knows of no caller any more.
  EXPECT_THAT(manager_.WaitUntilLoaded("seed", 0, call_),
              HasCode(absl::StatusCode::kResourceExhausted, "memory limit"));
  generation_.reset();
  held_.reset();
  while (manager_.List().size() > 1) std::this_thread::yield();
  EXPECT_OK(LoadAndWait("seed", folder()));
}

TEST_F(MemoryOfModelsTest, ALoadThatWaitsEndsWithTheServer) {
  auto loaded = LoadPatiently(call_);
  WaitForTries(1);
  manager_.StopLoads();
  EXPECT_FALSE(loaded.get().ok());
}

// A load that has not begun goes on to its end: its caller need not.
TEST_F(ModelManagerTest, WhoWaitsForALoadAfterTheEndMayGoAway) {
  WriteSeedModel(fs(), folder());
  std::promise<void> go_on;
  const std::shared_future<void> busy = go_on.get_future().share();
  for (int i = 0; i < pool_.size(); ++i) {
    pool_.Schedule([busy] { busy.wait(); });
  }
  ASSERT_OK(manager_.Load("seed", folder()));
  manager_.StopLoads();
  CallContext call;
  call.Cancel();
  EXPECT_THAT(manager_.WaitUntilLoaded("seed", 0, call),
              HasCode(absl::StatusCode::kCancelled, ""));
  CallContext late(absl::InfinitePast());
  EXPECT_THAT(manager_.WaitUntilLoaded("seed", 0, late),
              HasCode(absl::StatusCode::kDeadlineExceeded, ""));
  go_on.set_value();
  EXPECT_THAT(manager_.WaitUntilLoaded("seed", 0, call_),
              HasCode(absl::StatusCode::kUnavailable, "is ending"));
}

// Others' memory does not suffice: it is not tried for ever.
TEST_F(MemoryOfModelsTest, ALoadFailsWhenNothingIsLeftToWaitFor) {
  limit_.reset();
  limit_.emplace(-5000);
  auto loaded = LoadPatiently(call_);
  WaitForTries(1);
  generation_.reset();
  held_.reset();
  EXPECT_THAT(loaded.get(),
              HasCode(absl::StatusCode::kResourceExhausted, "memory limit"));
  EXPECT_LE(tries_, 2);
}

// Not on the thread that let go last, which may be one that serves.
TEST_F(ModelManagerTest, ModelsAreFreedOnThePool) {
  ASSERT_OK(fs().CreateDirectory(Path("7")));
  WriteSeedModel(fs(), Path("7"));
  ASSERT_OK(manager_.Load("seed", folder()));
  ASSERT_OK(manager_.WaitUntilLoaded("seed", 7, call_));
  Mutex mu;
  CondVar told;
  std::optional<ModelEvent> end;
  std::thread::id thread;
  const int64_t token = manager_.events().Subscribe([&](const auto& event) {
    if (event.state != ModelState::kEnd) return;
    MutexLock lock(mu);
    end = event;
    thread = std::this_thread::get_id();
    told.NotifyAll();
  });
  ASSERT_OK(manager_.Unload("seed", 7, -1));
  {
    MutexLock lock(mu);
    while (!end) told.Wait(mu);
    EXPECT_EQ(end->model, "seed");
    EXPECT_EQ(end->version, 7);
    EXPECT_NE(thread, std::this_thread::get_id());
  }
  manager_.events().Unsubscribe(token);
  EXPECT_THAT(manager_.List(), SizeIs(0));
}

TEST_F(ModelManagerTest, TakesTheNewestVersionThatIsWhole) {
  for (const char* version : {"1", "2", "3"}) {
    ASSERT_OK(fs().CreateDirectory(Path(version)));
  }
  WriteSeedModel(fs(), Path("1"));
  WriteSeedModel(fs(), Path("2"));
  ASSERT_OK(fs().Remove(Path("2/model.data-00000-of-00001")));
  WriteMetaGraph(fs(), Path("3/model.meta"), SeedMetaGraph());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  EXPECT_EQ(model->version(), 1);
  EXPECT_THAT(model->note(), testing::HasSubstr("version 3"));
  EXPECT_THAT(model->note(), testing::HasSubstr("model.data-00000-of-00001"));
}

TEST_F(ModelManagerTest, OfSeveralVersionsTheHighestAnswers) {
  for (const char* version : {"1", "2", "10"}) {
    ASSERT_OK(fs().CreateDirectory(Path(version)));
    WriteSeedModel(fs(), Path(version));
  }
  for (const int64_t version : {10, 1, 2}) {
    ASSERT_OK(manager_.Load("m", folder(), version));
    ASSERT_OK(manager_.WaitUntilLoaded("m", version, call_));
  }
  const auto served = [&](std::optional<int64_t> version) -> int64_t {
    const auto model = manager_.Find("m", version);
    return model.ok() ? (*model)->version() : -1;
  };
  EXPECT_EQ(served({}), 10);
  EXPECT_EQ(served(1), 1);
  EXPECT_EQ(served(2), 2);
  EXPECT_EQ(served(3), -1);
  EXPECT_THAT(manager_.Load("m", folder(), 2),
              HasCode(absl::StatusCode::kFailedPrecondition, "in use"));
  EXPECT_THAT(manager_.Load("m", Path("1")),
              HasCode(absl::StatusCode::kFailedPrecondition, "in use"));
  ASSERT_OK(manager_.Unload("m", 10, -1));
  EXPECT_EQ(served({}), 2);
  ASSERT_OK(manager_.Unload("m", {}, -1));
  EXPECT_EQ(served({}), -1);
}

}  // namespace
}  // namespace metagraph
