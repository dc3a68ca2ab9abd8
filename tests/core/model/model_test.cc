#include "core/model/model.h"

#include "core/checkpoint/verify.h"
#include "core/graph/meta_graph.h"
#include "core/model/model.h"
#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;

TEST_F(ModelTest, LoadsAndRuns) {
  LoadSeed();
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
  EXPECT_EQ(model_->graph()->variables().size(), 3u);
  ASSERT_OK_AND_ASSIGN(auto generation, model_->Read(call_));
  EXPECT_EQ(generation->checkpoint, Path("model"));
}

TEST_F(ModelTest, ServesUninitialisedWithoutACheckpoint) {
  WriteMetaGraph(fs(), Path("model.meta"), SeedMetaGraph());
  ASSERT_OK_AND_ASSIGN(auto model, Load(folder()));
  EXPECT_THAT(model->note(), testing::HasSubstr("no checkpoint"));
  RunRequest request;
  request.fetches = {"W1/read:0"};
  EXPECT_THAT(Run(*model, request),
              HasCode(absl::StatusCode::kFailedPrecondition, "W1"));
}

TEST_F(ModelTest, RefusesToLoadADamagedCheckpoint) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(WriteFileAtomically(fs(), Path("model.data-00000-of-00001"),
                                std::string(48, 'x')));
  EXPECT_THAT(Load(folder()), HasCode(absl::StatusCode::kDataLoss, "model"));
}

TEST_F(ModelTest, FallsBackToTheNewestWholeCheckpoint) {
  WriteSeedModel(fs(), folder());
  for (const char* name : {"model-1", "model-2", "model-3"}) {
    WriteSeedCheckpoint(fs(), Path(name), {0, 0, 0, 0}, {1, 1, 1, 1});
  }
  // Half copied, in two ways.
  ASSERT_OK(WriteFileAtomically(fs(), Path("model-3.data-00000-of-00001"),
                                std::string(20, 'x')));
  ASSERT_OK(fs().Remove(Path("model-2.data-00000-of-00001")));
  ASSERT_OK_AND_ASSIGN(const auto model, Load(folder()));
  EXPECT_THAT(Add1(*model), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(model->note(), testing::HasSubstr("model-3"));
  EXPECT_THAT(model->note(), testing::HasSubstr("model-1\" instead"));
}

TEST_F(ModelTest, AssignsAllValuesOrNone) {
  LoadSeed();
  const int64_t before = model_->generation_number();
  ASSERT_OK_AND_ASSIGN(
      const int64_t after,
      model_->AssignVariables({{"W1", FloatVector({0, 0, 0, 0})},
                               {"W2:0", FloatVector({1, 1, 1, 1})}},
                              before, call_));
  EXPECT_GT(after, before);
  EXPECT_EQ(after, model_->generation_number());
  EXPECT_THAT(Add1(*model_), ElementsAre(2, 3, 4, 5));

  const auto assign = [&](const char* name, Tensor value, int64_t expected) {
    return model_->AssignVariables(
        {{"W1", FloatVector({9, 9, 9, 9})}, {name, std::move(value)}}, expected,
        call_);
  };
  const Tensor fits = FloatVector({5, 5, 5, 5});
  EXPECT_THAT(assign("W3x", fits, -1),
              HasCode(absl::StatusCode::kNotFound, "no variable \"W3x\""));
  EXPECT_THAT(assign("W1:0", fits, -1),
              HasCode(absl::StatusCode::kInvalidArgument, "given twice"));
  EXPECT_THAT(assign("W2", FloatVector({1, 2}), -1),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "\"W2\" is float [4], the value is float [2]"));
  EXPECT_THAT(assign("W2", Tensor::Scalar<int32_t>(1), -1),
              HasCode(absl::StatusCode::kInvalidArgument, "int32 []"));
  EXPECT_THAT(assign("W2", fits, before),
              HasCode(absl::StatusCode::kAborted, "expected"));
  EXPECT_THAT(model_->AssignVariables({}, -1, call_),
              HasCode(absl::StatusCode::kInvalidArgument, "no values"));
  EXPECT_EQ(model_->generation_number(), after);
  EXPECT_THAT(Add1(*model_), ElementsAre(2, 3, 4, 5));
}

TEST_F(ModelTest, RollsBackToNothingBeforeTheFirstWeights) {
  LoadSeed();
  EXPECT_FALSE(model_->Rollback({}, -1, call_).ok());
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
}

// It may have either type; the high half of the larger one counts.
TEST_F(ModelTest, ReadsTheGlobalStep) {
  const int64_t large = (int64_t{3} << 32) + 5;
  for (const Tensor& step :
       {Tensor::Scalar<int64_t>(large), Tensor::Scalar<int32_t>(5)}) {
    TestGraph g;
    g.Node("global_step", "VariableV2", {},
           {{"dtype", step.dtype()}, {"shape", PartialShape(TensorShape())}});
    ASSERT_OK(WriteFileAtomically(fs(), Path("step.pb"),
                                  g.def().SerializeAsString()));
    ASSERT_OK_AND_ASSIGN(const auto model, Load(Path("step.pb")));
    ASSERT_OK(model->AssignVariables({{"global_step", step}}, -1, call_));
    EXPECT_EQ(model->GlobalStep(*model->Peek()),
              step.dtype() == DT_INT64 ? large : 5);
  }
}

TEST_F(ModelTest, RestoresAnotherCheckpointInOneStep) {
  LoadSeed();
  WriteSeedCheckpoint(fs(), Path("model-7"), {0, 0, 0, 0}, {1, 1, 1, 1});
  const int64_t before = model_->generation_number();
  ASSERT_OK_AND_ASSIGN(RestoreResult result, Restore(""));
  EXPECT_EQ(result.checkpoint, Path("model-7"));
  EXPECT_EQ(result.global_step, 7);
  EXPECT_EQ(result.previous_generation, before);
  EXPECT_GT(result.generation, before);
  EXPECT_THAT(result.report.restored, ElementsAre("Variable", "W1", "W2"));
  EXPECT_THAT(Add1(*model_), ElementsAre(2, 3, 4, 5));
  EXPECT_TRUE(model_->seen().HasSeen(Path("model-7")));
}

TEST_F(ModelTest, FailedRestoreListsAllProblemsAndChangesNothing) {
  LoadSeed();
  WriteCheckpoint(
      fs(), Path("bad"),
      {{"W1", FloatVector({1, 2})}, {"W2x", FloatVector({1, 2, 3, 4})}});
  const int64_t before = model_->generation_number();
  const auto result = Restore("bad");
  EXPECT_THAT(result, HasCode(absl::StatusCode::kInvalidArgument,
                              "\"W1\" is float [2], the graph has float [4]"));
  EXPECT_THAT(result, HasCode(absl::StatusCode::kInvalidArgument,
                              "\"Variable\", \"W2\""));
  EXPECT_EQ(model_->generation_number(), before);
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
  EXPECT_EQ(model_->history().last_restore()->status.code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ModelTest, PartialRestoreKeepsWhatIsMissing) {
  LoadSeed();
  WriteCheckpoint(
      fs(), Path("part"),
      {{"W1", FloatVector({0, 0, 0, 0})}, {"other", FloatVector({1})}});
  EXPECT_THAT(Restore("part"), HasCode(absl::StatusCode::kNotFound, "W2"));
  ASSERT_OK_AND_ASSIGN(RestoreResult result,
                       Restore("part", RestoreMode::kPartial));
  EXPECT_THAT(result.report.missing, ElementsAre("Variable", "W2"));
  EXPECT_THAT(result.report.extra, ElementsAre("other"));
  EXPECT_THAT(Add1(*model_), ElementsAre(4, 6, 5, 22));
}

TEST_F(ModelTest, DryRunFindsDamageAndChangesNothing) {
  LoadSeed();
  WriteSeedCheckpoint(fs(), Path("model-2"), {0, 0, 0, 0}, {0, 0, 0, 0});
  const int64_t before = model_->generation_number();
  ASSERT_OK(Restore("model-2", RestoreMode::kDryRun));
  ASSERT_OK(WriteFileAtomically(fs(), Path("model-2.data-00000-of-00001"),
                                std::string(48, 'x')));
  EXPECT_THAT(Restore("model-2", RestoreMode::kDryRun),
              HasCode(absl::StatusCode::kDataLoss, "model-2"));
  EXPECT_EQ(model_->generation_number(), before);
}

TEST_F(ModelTest, DataThatEndsTooEarlyIsDamage) {
  LoadSeed();
  WriteSeedCheckpoint(fs(), Path("model-2"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(WriteFileAtomically(fs(), Path("model-2.data-00000-of-00001"),
                                std::string(20, 'x')));
  EXPECT_THAT(Restore("model-2"),
              HasCode(absl::StatusCode::kDataLoss, "model-2"));
  ASSERT_OK(WriteFileAtomically(fs(), Path("model.meta"), "half a graph"));
  EXPECT_THAT(Load(folder()),
              HasCode(absl::StatusCode::kDataLoss, "model.meta"));
}

TEST_F(ModelTest, RestoreComparesTheGeneration) {
  LoadSeed();
  EXPECT_THAT(Restore("", RestoreMode::kStrict, 999),
              HasCode(absl::StatusCode::kAborted, "expected 999"));
  EXPECT_OK(Restore("", RestoreMode::kStrict, model_->generation_number()));
}

TEST_F(ModelTest, CancelledRestoreChangesNothing) {
  LoadSeed();
  const int64_t before = model_->generation_number();
  call_.Cancel();
  EXPECT_THAT(Restore(""), HasCode(absl::StatusCode::kCancelled, ""));
  EXPECT_EQ(model_->generation_number(), before);
}

TEST_F(ModelTest, ReportsProgress) {
  LoadSeed();
  Progress last;
  RestoreOptions options;
  ASSERT_OK(model_->Restore(
      options, [&](const Progress& progress) { last = progress; }, call_));
  EXPECT_EQ(last.tensors_total, 3);
  EXPECT_EQ(last.tensors_done, 3);
  EXPECT_EQ(last.bytes_done, 48);
  EXPECT_EQ(last.bytes_total, 48);
}

TEST_F(ModelTest, RollsBackInMemoryAndFromTheCheckpoint) {
  LoadSeed();
  const int64_t first = model_->generation_number();
  WriteSeedCheckpoint(fs(), Path("a"), {0, 0, 0, 0}, {0, 0, 0, 0});
  WriteSeedCheckpoint(fs(), Path("b"), {9, 9, 9, 9}, {0, 0, 0, 0});
  ASSERT_OK(Restore("a"));
  EXPECT_THAT(model_->GenerationsInMemory(), ElementsAre(first));
  ASSERT_OK_AND_ASSIGN(RollbackResult back, model_->Rollback({}, -1, call_));
  EXPECT_FALSE(back.from_checkpoint);
  EXPECT_EQ(back.restored_generation, first);
  EXPECT_EQ(back.checkpoint, Path("model"));
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
  ASSERT_OK(Restore("a"));
  ASSERT_OK(Restore("b"));
  ASSERT_OK_AND_ASSIGN(back, model_->Rollback(first, -1, call_));
  EXPECT_TRUE(back.from_checkpoint);
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
  EXPECT_THAT(model_->Rollback(12345, -1, call_),
              HasCode(absl::StatusCode::kNotFound, "12345"));
}

TEST_F(ModelTest, RollbackUndoesAnAssignment) {
  LoadSeed();
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(Restore("model-5"));
  const int64_t restored = model_->generation_number();
  ASSERT_OK(
      model_->AssignVariables({{"W1", FloatVector({9, 9, 9, 9})}}, -1, call_));
  // Not to the weights before model-5, which are still in memory.
  ASSERT_OK_AND_ASSIGN(RollbackResult back, model_->Rollback({}, -1, call_));
  EXPECT_EQ(back.restored_generation, restored);
  EXPECT_THAT(Add1(*model_), ElementsAre(1, 2, 3, 4));
}

TEST_F(ModelTest, RollbackGoesToTheAssignmentBefore) {
  LoadSeed();
  for (const float value : {1.0f, 2.0f}) {
    ASSERT_OK(model_->AssignVariables(
        {{"W1", FloatVector({value, value, value, value})}}, -1, call_));
  }
  const int64_t now = model_->generation_number();
  ASSERT_OK_AND_ASSIGN(RollbackResult back, model_->Rollback({}, -1, call_));
  EXPECT_EQ(back.restored_generation, now - 1);
  EXPECT_FALSE(back.from_checkpoint);
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 7, 6, 23));
}

TEST_F(ModelTest, PartialRestoreOfNothingIsAnError) {
  LoadSeed();
  WriteCheckpoint(fs(), Path("other"), {{"x", FloatVector({1})}});
  EXPECT_THAT(Restore("other", RestoreMode::kPartial),
              HasCode(absl::StatusCode::kNotFound, "no variable"));
}

TEST_F(ModelTest, AHalfCopiedGraphGivesWayToAnOlderOne) {
  WriteSeedModel(fs(), folder());
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  const std::string whole = SeedMetaGraph().SerializeAsString();
  ASSERT_OK(WriteFileAtomically(fs(), Path("model-5.meta"),
                                whole.substr(0, whole.size() / 2)));
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  EXPECT_THAT(Add1(*model_), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(model_->note(), testing::HasSubstr("model.meta\" instead"));
  // Not in place of one that was asked for.
  EXPECT_THAT(Load(Path("model-5.meta")),
              HasCode(absl::StatusCode::kDataLoss, "model-5.meta"));
}

TEST_F(ModelTest, RollbackPassesOverACheckpointThatIsGone) {
  environment_.retained_generations = 0;
  LoadSeed();
  const int64_t first = model_->generation_number();
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(Restore("model-5"));
  ASSERT_OK(
      model_->AssignVariables({{"W1", FloatVector({9, 9, 9, 9})}}, -1, call_));
  ASSERT_OK(RemoveCheckpoint(fs(), Path("model-5")));
  ASSERT_OK_AND_ASSIGN(RollbackResult back, model_->Rollback({}, -1, call_));
  EXPECT_EQ(back.restored_generation, first);
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
}

// Without room for old, kept and new values, a restore comes first.
TEST_F(ModelTest, ARestoreTakesTheMemoryOfWhatIsKeptForRollback) {
  EventBus events;
  environment_.events = &events;
  LoadSeed();
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(Restore("model-5"));
  ModelEvent restored;
  events.Subscribe([&](const ModelEvent& event) {
    if (event.kind == ModelEvent::Kind::kRestore) restored = event;
  });
  WriteCheckpoint(fs(), Path("other"), {{"x", FloatVector({1})}});
  MemoryBudget& budget = MemoryBudget::Process();
  const int64_t limit = budget.limit();
  budget.set_limit(budget.used() + 10);
  // What is refused costs nobody a rollback.
  EXPECT_FALSE(Restore("other").ok());
  EXPECT_FALSE(Restore("model-5", RestoreMode::kStrict, 77).ok());
  EXPECT_THAT(restored.given_up, ElementsAre());
  const auto result = Restore("model-5");
  budget.set_limit(limit);
  model_.reset();
  EXPECT_OK(result);
  EXPECT_THAT(restored.given_up, ElementsAre(1));
}

TEST_F(ModelTest, RollbackTakesTheCheckpointThatIsStillThere) {
  LoadSeed();
  const int64_t first = model_->generation_number();
  SaveOptions options;
  options.prefix = "copy";
  ASSERT_OK(model_->Save(options, nullptr, call_));
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(Restore("model-5"));
  ASSERT_OK(Restore("model-5"));
  ASSERT_OK(RemoveCheckpoint(fs(), Path("copy")));
  ASSERT_OK_AND_ASSIGN(const RollbackResult back,
                       model_->Rollback(first, -1, call_));
  EXPECT_EQ(back.checkpoint, Path("model"));
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
}

TEST_F(ModelTest, RollbackRefusesFilesThatHaveChanged) {
  environment_.retained_generations = 0;
  LoadSeed();
  const int64_t first = model_->generation_number();
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(Restore("model-5"));
  WriteSeedCheckpoint(fs(), Path("model"), {9, 9, 9, 9}, {9, 9, 9, 9});
  EXPECT_THAT(model_->Rollback(first, -1, call_),
              HasCode(absl::StatusCode::kFailedPrecondition, "changed"));
  EXPECT_THAT(Add1(*model_), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(model_->Rollback(-1, -1, call_),
              HasCode(absl::StatusCode::kInvalidArgument, "-1"));
}

TEST_F(ModelTest, InitialisesAllOrOnlyWhatIsMissing) {
  WriteMetaGraph(fs(), Path("model.meta"), SeedMetaGraph());
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  ASSERT_OK_AND_ASSIGN(InitializeResult listed,
                       model_->InitializeVariables(InitializeScope::kListed,
                                                   {"W2"}, false, -1, call_));
  EXPECT_THAT(listed.initialized, ElementsAre("W2"));
  EXPECT_THAT(listed.overwritten, ElementsAre());
  ASSERT_OK_AND_ASSIGN(
      InitializeResult missing,
      model_->InitializeVariables(InitializeScope::kUninitialized, {}, false,
                                  -1, call_));
  EXPECT_THAT(missing.initialized, ElementsAre("W1", "Variable"));
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
  const int64_t before = model_->generation_number();
  ASSERT_OK_AND_ASSIGN(
      InitializeResult dry,
      model_->InitializeVariables(InitializeScope::kAll, {}, true, -1, call_));
  EXPECT_EQ(dry.overwritten.size(), 3u);
  EXPECT_EQ(model_->generation_number(), before);
  EXPECT_THAT(model_->InitializeVariables(InitializeScope::kListed, {"W9"},
                                          false, -1, call_),
              HasCode(absl::StatusCode::kNotFound, "W9"));
}

TEST_F(ModelTest, InitialisingAfterARestoreOverwrites) {
  LoadSeed();
  WriteSeedCheckpoint(fs(), Path("zero"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(Restore("zero"));
  ASSERT_OK_AND_ASSIGN(
      InitializeResult all,
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  EXPECT_THAT(all.overwritten, ElementsAre("W1", "W2", "Variable"));
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
}

TEST_F(ModelTest, TellsTheListeners) {
  EventBus bus;
  environment_.events = &bus;
  std::vector<ModelEvent> events;
  LoadSeed();
  const int64_t token =
      bus.Subscribe([&](const ModelEvent& event) { events.push_back(event); });
  ASSERT_OK(Restore(""));
  ASSERT_OK(model_->Save({}, nullptr, call_));
  EXPECT_FALSE(Restore("absent").ok());
  bus.Unsubscribe(token);
  ASSERT_OK(Restore(""));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].kind, ModelEvent::Kind::kRestore);
  EXPECT_EQ(events[1].kind, ModelEvent::Kind::kSave);
  EXPECT_THAT(events[2].status, HasCode(absl::StatusCode::kNotFound, ""));
}

}  // namespace
}  // namespace metagraph
