#include <thread>

#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/verify.h"
#include "tests/core/model/model_fixture.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ModelSaveTest : public ModelTest {
 protected:
  absl::StatusOr<SaveResult> Save(const std::string& prefix, int keep = 0) {
    SaveOptions options;
    options.prefix = prefix;
    options.keep = keep;
    return model_->Save(options, nullptr, call_);
  }
};

TEST_F(ModelSaveTest, SavesWhatCanBeLoadedAgain) {
  LoadSeed();
  ASSERT_OK(WriteFileAtomically(fs(), Path("model-12"), "somebody else's"));
  SaveOptions options;
  options.global_step = 12;
  ASSERT_OK_AND_ASSIGN(SaveResult saved, model_->Save(options, nullptr, call_));
  EXPECT_EQ(saved.checkpoint, Path("model-12"));
  EXPECT_EQ(saved.tensors, 3);
  EXPECT_EQ(saved.bytes, 48);
  EXPECT_THAT(
      saved.files,
      ElementsAre(Path("model-12.data-00000-of-00001"), Path("model-12.index"),
                  Path("model-12.meta"), Path("checkpoint")));
  EXPECT_EQ(saved.note, "");
  ASSERT_OK_AND_ASSIGN(auto again, Load(folder()));
  EXPECT_EQ(again->folder().graph_path, Path("model-12.meta"));
  EXPECT_THAT(Add1(*again), ElementsAre(5, 9, 15, 37));
  EXPECT_EQ(again->graph()->meta().def.collection_def().size(),
            model_->graph()->meta().def.collection_def().size());
  EXPECT_EQ(again->graph()->meta().def.saver_def().restore_op_name(),
            "save/restore_all");
}

TEST_F(ModelSaveTest, PrefixesMayBeFileUris) {
  LoadSeed();
  ASSERT_OK_AND_ASSIGN(SaveResult saved, Save("file://" + Path("elsewhere/a")));
  EXPECT_EQ(saved.checkpoint, Path("elsewhere/a"));
  ASSERT_OK(Restore("file://" + Path("elsewhere/a")));
  EXPECT_THAT(Save("s3://bucket/a"),
              HasCode(absl::StatusCode::kUnimplemented, "scheme 's3'"));
}

TEST_F(ModelSaveTest, SavesInShardsAndElsewhere) {
  LoadSeed();
  SaveOptions options;
  options.prefix = "elsewhere/";
  options.shards = 2;
  options.meta_graph = false;
  options.state_file = false;
  ASSERT_OK_AND_ASSIGN(SaveResult saved, model_->Save(options, nullptr, call_));
  EXPECT_EQ(saved.checkpoint, Path("elsewhere/model"));
  EXPECT_EQ(saved.files.size(), 3u);
  ASSERT_OK(Restore("elsewhere/model"));
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));
}

TEST_F(ModelSaveTest, MakesTheFoldersThatAreMissing) {
  LoadSeed();
  for (int shards : {1, 2}) {
    SaveOptions options;
    options.prefix = absl::StrCat("a", shards, "/b/c/model");
    options.shards = shards;
    ASSERT_OK_AND_ASSIGN(SaveResult saved,
                         model_->Save(options, nullptr, call_));
    EXPECT_EQ(saved.checkpoint, Path(options.prefix));
    EXPECT_OK(Restore(options.prefix));
  }
  // They go again if nothing is saved.
  call_.Cancel();
  EXPECT_THAT(Save("x/y/z/model"), HasCode(absl::StatusCode::kCancelled, ""));
  EXPECT_FALSE(fs().Stat(Path("x")).ok());
}

TEST_F(ModelSaveTest, TellsWhyAFolderCannotBeWritten) {
  FakeFileSystem disk({"/m"});
  WriteSeedModel(disk, "/m");
  environment_.files = &disk;
  ASSERT_OK_AND_ASSIGN(auto folder, FindModel(disk, "/m"));
  ASSERT_OK_AND_ASSIGN(auto model,
                       Model::Load("m", folder, environment_, call_));
  SaveOptions options;
  options.prefix = "new";
  disk.FailAfter(0, absl::PermissionDeniedError("/m/new; Permission denied"));
  EXPECT_THAT(model->Save(options, nullptr, call_),
              HasCode(absl::StatusCode::kPermissionDenied,
                      "cannot write to the folder \"/m\": Permission denied; "
                      "let the user that metagraphd runs as write there"));
  disk.FailAfter(
      0, absl::ResourceExhaustedError("/m/new; No space left on device"));
  EXPECT_THAT(model->Save(options, nullptr, call_),
              HasCode(absl::StatusCode::kResourceExhausted,
                      "\"/m\": No space left on device; free some space"));
}

TEST_F(ModelSaveTest, KeepsSoManyCheckpoints) {
  LoadSeed();
  SaveOptions options;
  options.keep = 2;
  for (int step : {1, 2, 3}) {
    options.global_step = step;
    ASSERT_OK(model_->Save(options, nullptr, call_));
  }
  EXPECT_TRUE(fs().Stat(Path("model-3.index")).ok());
  EXPECT_TRUE(fs().Stat(Path("model-2.index")).ok());
  EXPECT_FALSE(fs().Stat(Path("model-1.index")).ok());
  EXPECT_FALSE(fs().Stat(Path("model-1.meta")).ok());
  ASSERT_OK_AND_ASSIGN(ModelFolder found, FindModel(fs(), folder()));
  EXPECT_EQ(found.checkpoint, Path("model-3"));
}

TEST_F(ModelSaveTest, RetentionSparesTheGraphThatIsServed) {
  WriteMetaGraph(fs(), Path("model-1.meta"), SeedMetaGraph());
  WriteSeedCheckpoint(fs(), Path("model-1"), {1, 3, 10, 15}, {3, 4, 2, 18});
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  SaveOptions options;
  options.keep = 1;
  options.global_step = 2;
  options.meta_graph = false;
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save(options, nullptr, call_));
  EXPECT_THAT(saved.deleted, ElementsAre(Path("model-1")));
  EXPECT_FALSE(fs().Stat(Path("model-1.index")).ok());
  EXPECT_OK(Load(folder()));
}

TEST_F(ModelSaveTest, SavesOfOneNameComeOneAfterTheOther) {
  LoadSeed();
  for (int round = 0; round < 10; ++round) {
    std::vector<std::thread> savers;
    for (int i = 0; i < 4; ++i) {
      savers.emplace_back([&] {
        SaveOptions options;
        options.prefix = "same";
        CallContext call;
        EXPECT_OK(model_->Save(options, nullptr, call));
      });
    }
    for (std::thread& saver : savers) saver.join();
    auto check = VerifyCheckpoint(fs(), Path("same"));
    ASSERT_OK(check);
    EXPECT_TRUE(check->ok());
  }
}

TEST_F(ModelSaveTest, SaveNeedsValues) {
  WriteMetaGraph(fs(), Path("model.meta"), SeedMetaGraph());
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  EXPECT_THAT(model_->Save({}, nullptr, call_),
              HasCode(absl::StatusCode::kFailedPrecondition, "\"W1\""));
  EXPECT_FALSE(fs().Stat(Path("checkpoint")).ok());
}

TEST_F(ModelSaveTest, SaysThatACheckpointIsReplaced) {
  LoadSeed();
  ASSERT_OK_AND_ASSIGN(const SaveResult saved, Save("model"));
  EXPECT_THAT(saved.note, HasSubstr("replaced"));
}

// As TensorFlow's Saver, which counts what it wrote, whatever it is called.
TEST_F(ModelSaveTest, CountsNamesOfAnyKindThatItWrote) {
  LoadSeed();
  ASSERT_OK(Save("first", 2));
  ASSERT_OK(Save("second", 2));
  ASSERT_OK_AND_ASSIGN(SaveResult saved, Save("third", 2));
  EXPECT_THAT(saved.deleted, ElementsAre(Path("first")));
  // One that is written again is the newest.
  ASSERT_OK(Save("second", 2));
  ASSERT_OK_AND_ASSIGN(saved, Save("fourth", 2));
  EXPECT_THAT(saved.deleted, ElementsAre(Path("third")));
}

TEST_F(ModelSaveTest, LeavesTheCheckpointsOfAnotherSaverAlone) {
  LoadSeed();
  ASSERT_OK_AND_ASSIGN(auto discriminator, Load(folder()));
  ASSERT_OK(Save("generator-1", 1));
  std::swap(model_, discriminator);
  ASSERT_OK_AND_ASSIGN(SaveResult saved, Save("discriminator-1", 1));
  EXPECT_THAT(saved.deleted, IsEmpty());
  std::swap(model_, discriminator);
  ASSERT_OK_AND_ASSIGN(saved, Save("generator-2", 1));
  EXPECT_THAT(saved.deleted, ElementsAre(Path("generator-1")));
}

TEST_F(ModelSaveTest, TwoModelsOfOneFolderTakeTurns) {
  LoadSeed();
  ASSERT_OK_AND_ASSIGN(const auto other, Load(folder() + "/."));
  Model* const models[] = {model_.get(), other.get()};
  ASSERT_OK(
      other->AssignVariables({{"W1", FloatVector({7, 7, 7, 7})}}, -1, call_));
  for (int round = 0; round < 10; ++round) {
    std::vector<std::thread> savers;
    for (Model* model : models) {
      savers.emplace_back([&, model] {
        SaveOptions options;
        options.prefix = "same";
        CallContext call;
        EXPECT_OK(model->Save(options, nullptr, call));
      });
    }
    for (std::thread& saver : savers) saver.join();
    const auto check = VerifyCheckpoint(fs(), Path("same"));
    ASSERT_OK(check);
    EXPECT_TRUE(check->ok());
  }
}

TEST_F(ModelSaveTest, RefusesNamesThatOtherFilesHave) {
  LoadSeed();
  for (const char* name : {"q.meta", "q.index", ".index"}) {
    EXPECT_THAT(Save(name),
                HasCode(absl::StatusCode::kInvalidArgument, "leave"));
  }
}

// It could not be found again, or with others only.
TEST_F(ModelSaveTest, RefusesPatternsAndTemporaryNames) {
  LoadSeed();
  for (const char* name : {"*", "model-*", "a?", "a[1]", "a\\b", ".hidden",
                           "a.tempstate1", "a.tmp", "a.part", "a~"}) {
    EXPECT_THAT(Save(name), HasCode(absl::StatusCode::kInvalidArgument, name))
        << name;
  }
  EXPECT_OK(Save("a.temp-1_(b){c}"));
}

TEST_F(ModelSaveTest, TellsWhatTheSaverLeavesOut) {
  tensorflow::MetaGraphDef meta = SeedMetaGraph();
  TestGraph more;
  more.Variable("b", FloatVector({1}));
  meta.mutable_graph_def()->MergeFrom(more.def());
  AddVariableToCollections("b", &meta);
  WriteMetaGraph(fs(), Path("model.meta"), meta);
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  ASSERT_OK(
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved, Save("m"));
  EXPECT_THAT(saved.note, HasSubstr("does not keep \"b\""));
}

// What an op saved is no news to who watches the folder, and saves by ops and
// calls to one name do not take each other's data.
TEST_F(ModelSaveTest, SavesByOpsAndByCalls) {
  LoadSeed();
  RunRequest request;
  request.feeds = {{"save/Const:0", Tensor::Scalar<std::string>(Path("m"))}};
  request.targets = {"save/control_dependency"};
  ASSERT_OK(Run(*model_, request));
  EXPECT_TRUE(model_->seen().HasSeen(Path("m")));
  EXPECT_TRUE(model_->seen().HasSeen(folder() + "/./m"));
  for (int round = 0; round < 10; ++round) {
    std::thread by_op([&] { EXPECT_OK(Run(*model_, request)); });
    EXPECT_OK(Save("m"));
    by_op.join();
    const auto check = VerifyCheckpoint(fs(), Path("m"));
    ASSERT_OK(check);
    EXPECT_TRUE(check->ok());
    EXPECT_TRUE(model_->seen().HasSeen(Path("m")));
  }
}

// A save that waits for another one minds its own limits.
TEST(FolderLocksTest, WaitsNoLongerThanTheCaller) {
  FolderLocks locks;
  CallContext call;
  ASSERT_OK_AND_ASSIGN(auto held, locks.Acquire("/d", call));
  EXPECT_OK(locks.Acquire("/e", call));
  CallContext late(Clock::Real().Now() - absl::Seconds(1));
  EXPECT_THAT(locks.Acquire("/d", late),
              HasCode(absl::StatusCode::kDeadlineExceeded, ""));
  CallContext gone;
  gone.Cancel();
  EXPECT_THAT(locks.Acquire("/d", gone),
              HasCode(absl::StatusCode::kCancelled, ""));
  held.reset();
  EXPECT_OK(locks.Acquire("/d", late));
}

}  // namespace
}  // namespace metagraph
