// What a restore leaves behind when it fails, and what counts as seen.

#include "absl/strings/match.h"
#include "tests/core/model/model_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

// A model in the folder "/d" of a file system in memory.
class ModelRestoreTest : public testing::Test {
 protected:
  ModelRestoreTest() : fs_({"/d"}) {
    environment_.ops = &LinkedOps();
    environment_.files = &fs_;
    environment_.clock = &clock_;
  }

  void Load() {
    ASSERT_OK_AND_ASSIGN(const ModelFolder folder, FindModel(fs_, "/d"));
    CallContext call;
    ASSERT_OK_AND_ASSIGN(model_, Model::Load("m", folder, environment_, call));
  }
  void LoadSeed() {
    WriteSeedModel(fs_, "/d");
    Load();
  }
  absl::StatusOr<RestoreResult> Restore(
      const std::string& checkpoint, RestoreMode mode = RestoreMode::kStrict) {
    RestoreOptions options;
    options.checkpoint = checkpoint;
    options.mode = mode;
    CallContext call;
    return model_->Restore(options, nullptr, call);
  }
  absl::StatusOr<SaveResult> Save(const std::string& prefix) {
    SaveOptions options;
    options.prefix = prefix;
    options.no_global_step = true;
    CallContext call;
    return model_->Save(options, nullptr, call);
  }
  // The values of the variable, empty if it has none.
  std::vector<float> ValuesOf(const std::string& variable) {
    CallContext call;
    auto generation = model_->Read(call);
    EXPECT_OK(generation);
    const auto* found = model_->graph()->FindVariable(variable);
    EXPECT_NE(found, nullptr) << variable;
    const Tensor& value = (*generation)->value(found->slot);
    return value.initialized() ? Values<float>(value) : std::vector<float>();
  }
  bool Seen(const std::string& prefix) {
    return model_->seen().HasSeen(prefix);
  }

  FakeFileSystem fs_;
  FakeClock clock_;
  ModelEnvironment environment_;
  std::unique_ptr<Model> model_;
};

// A saver that does more than copy must be run. One whose second half fails
// must not leave its first half.
TEST_F(ModelRestoreTest, AFailedRestoreOpLeavesNoMixedWeights) {
  TestGraph g;
  g.Variable("a", FloatVector({1})).Variable("b", FloatVector({1}));
  g.Const("save/Const", Tensor::Scalar<std::string>("model"));
  for (const char* name : {"a", "b"}) {
    const std::string scope = absl::StrCat("save/", name, "/");
    g.Const(scope + "names", MakeTensor<std::string>({1}, {name}));
    g.Const(scope + "slices", MakeTensor<std::string>({1}, {""}));
    std::vector<std::string> inputs = {"save/Const", scope + "names",
                                       scope + "slices"};
    if (*name == 'b') inputs.push_back("^save/a/Assign");
    g.Node(scope + "restore", "RestoreV2", inputs,
           {{"dtypes", std::vector<DataType>{DT_FLOAT}}});
    g.Node(scope + "twice", "Add", {scope + "restore", scope + "restore"},
           {{"T", DT_FLOAT}});
    g.Node(scope + "Assign", "Assign", {name, scope + "twice"},
           {{"T", DT_FLOAT}});
  }
  g.Node("save/restore_all", "NoOp", {"^save/a/Assign", "^save/b/Assign"});
  tensorflow::MetaGraphDef meta;
  meta.mutable_saver_def()->set_filename_tensor_name("save/Const:0");
  meta.mutable_saver_def()->set_restore_op_name("save/restore_all");
  meta.mutable_saver_def()->set_save_tensor_name("save/Save:0");
  *meta.mutable_graph_def() = g.def();
  WriteMetaGraph(fs_, "/d/model.meta", meta);
  WriteCheckpoint(fs_, "/d/whole",
                  {{"a", FloatVector({5})}, {"b", FloatVector({6})}});
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/whole", {}));
  WriteCheckpoint(fs_, "/d/half", {{"a", FloatVector({7})}});
  Load();
  ASSERT_FALSE(model_->graph()->saver_plan().complete());
  EXPECT_THAT(ValuesOf("a"), ElementsAre(10));
  EXPECT_THAT(ValuesOf("b"), ElementsAre(12));

  EXPECT_THAT(Restore("half"), HasCode(StatusCode::kNotFound, "b"));
  EXPECT_THAT(ValuesOf("a"), ElementsAre(10)) << "not that of the other half";
  EXPECT_THAT(ValuesOf("b"), ElementsAre(12));
  EXPECT_THAT(Restore("half", RestoreMode::kPartial), Not(IsOk()));
  EXPECT_THAT(ValuesOf("a"), ElementsAre(10));
  const auto saved = Save("next");
  EXPECT_THAT(saved, HasCode(StatusCode::kUnimplemented,
                             "the saver also keeps what is no variable"))
      << "nobody knows how to write what it would read";
  EXPECT_THAT(saved, HasCode(StatusCode::kUnimplemented,
                             "--feed 'save/Const:0=\"NAME\"' --fetch "
                             "save/Save:0"))
      << "but what to do";
}

// Rows 0 to 4 of 12 are not rows 0 to 4 of 10.
TEST_F(ModelRestoreTest, APartitionOfAnotherShapeIsRefused) {
  const std::vector<float> rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto first = [&](int64_t count) {
    return FloatVector({rows.begin(), rows.begin() + count});
  };
  TestGraph g;
  g.Variable("part", first(5));
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddSaver(g, {"part"});
  for (auto& node : *g.def().mutable_node()) {
    if (!absl::EndsWith(node.name(), "shape_and_slices")) continue;
    TensorToProto(MakeTensor<std::string>({1}, {"10 0,5"}),
                  (*node.mutable_attr())["value"].mutable_tensor());
  }
  *meta.mutable_graph_def() = g.def();
  WriteMetaGraph(fs_, "/d/model.meta", meta);
  WriteCheckpoint(fs_, "/d/ten", {{"part", first(10)}});
  WriteCheckpoint(fs_, "/d/twelve", {{"part", first(12)}});
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/ten", {}));
  Load();
  EXPECT_THAT(ValuesOf("part"), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(Restore("twelve"),
              HasCode(StatusCode::kInvalidArgument,
                      "\"part\" is float [12], the graph has float [10]"));
}

// A saver with reshape=True.
TEST_F(ModelRestoreTest, AReshapingSaverTakesAsManyValues) {
  TestGraph g;
  g.Variable("a", MakeTensor<float>({2, 2}, {0, 0, 0, 0}));
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddSaver(g, {"a"});
  g.Const("save/shape", MakeTensor<int32_t>({2}, {2, 2}));
  g.Node("save/Reshape", "Reshape", {"save/RestoreV2", "save/shape"},
         {{"T", DT_FLOAT}});
  for (auto& node : *g.def().mutable_node()) {
    if (node.name() == "save/Assign_0") node.set_input(1, "save/Reshape");
  }
  *meta.mutable_graph_def() = g.def();
  WriteMetaGraph(fs_, "/d/model.meta", meta);
  WriteCheckpoint(fs_, "/d/four", {{"a", FloatVector({1, 2, 3, 4})}});
  WriteCheckpoint(fs_, "/d/five", {{"a", FloatVector({5, 5, 5, 5, 5})}});
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/four", {}));
  Load();
  EXPECT_THAT(ValuesOf("a"), ElementsAre(1, 2, 3, 4));
  CallContext call;
  ASSERT_OK_AND_ASSIGN(const auto now, model_->Read(call));
  EXPECT_EQ(now->value(0).shape().ToString(), "[2,2]");
  EXPECT_THAT(Restore("five"),
              HasCode(StatusCode::kInvalidArgument,
                      "\"a\" is float [5], the graph has float [2,2]"));
  EXPECT_THAT(ValuesOf("a"), ElementsAre(1, 2, 3, 4));
}

TEST_F(ModelRestoreTest, AnotherShapeOrDtypeIsRefused) {
  LoadSeed();
  WriteCheckpoint(fs_, "/d/shape",
                  {{"Variable", FloatVector({1, 1, 1, 1})},
                   {"W1", FloatVector({1, 2, 3})},
                   {"W2", FloatVector({1, 1, 1, 1})}});
  WriteCheckpoint(fs_, "/d/dtype",
                  {{"Variable", FloatVector({1, 1, 1, 1})},
                   {"W1", MakeTensor<int32_t>({4}, {1, 2, 3, 4})},
                   {"W2", FloatVector({1, 1, 1, 1})}});
  EXPECT_THAT(Restore("shape"),
              HasCode(StatusCode::kInvalidArgument,
                      "\"W1\" is float [3], the graph has float [4]"));
  EXPECT_THAT(Restore("dtype"),
              HasCode(StatusCode::kInvalidArgument,
                      "\"W1\" is int32 [4], the graph has float [4]"));
  EXPECT_THAT(ValuesOf("W1"), ElementsAre(1, 3, 10, 15));
  EXPECT_THAT(ValuesOf("W2"), ElementsAre(3, 4, 2, 18));
}

// A disk that cannot be read just now says nothing about the checkpoint.
TEST_F(ModelRestoreTest, OnlyWhatIsWrongWithTheFilesCountsAsSeen) {
  LoadSeed();
  WriteCheckpoint(fs_, "/d/next",
                  {{"Variable", FloatVector({1, 1, 1, 1})},
                   {"W1", FloatVector({1, 2, 3, 4})},
                   {"W2", FloatVector({1, 1, 1, 1})}});
  for (const char* part : {"next.index", "next.data"}) {
    for (const StatusCode code :
         {StatusCode::kUnknown, StatusCode::kPermissionDenied,
          StatusCode::kResourceExhausted, StatusCode::kUnavailable}) {
      fs_.FailReads(part, absl::Status(code, "; not now"));
      EXPECT_THAT(Restore("next"), HasCode(code, "not now")) << part;
      EXPECT_FALSE(Seen("/d/next")) << code;
    }
  }
  fs_.FailReads("");
  EXPECT_OK(Restore("next", RestoreMode::kDryRun));
  EXPECT_FALSE(Seen("/d/next")) << "a dry run restores nothing";
  CallContext cancelled;
  cancelled.Cancel();
  RestoreOptions options;
  options.checkpoint = "next";
  EXPECT_THAT(model_->Restore(options, nullptr, cancelled),
              HasCode(StatusCode::kCancelled, ""));
  EXPECT_FALSE(Seen("/d/next"));
  options.checkpoint = "absent";
  EXPECT_THAT(model_->Restore(options, nullptr, cancelled),
              HasCode(StatusCode::kCancelled, ""))
      << "nobody has looked for it";
  options.checkpoint = "next";
  options.expected_generation = 77;
  CallContext call;
  EXPECT_THAT(model_->Restore(options, nullptr, call),
              HasCode(StatusCode::kAborted, "expected 77"));
  EXPECT_FALSE(Seen("/d/next"));

  EXPECT_OK(Restore("next"));
  EXPECT_TRUE(Seen("/d/next"));
  WriteCheckpoint(fs_, "/d/misfit", {{"W1", FloatVector({1, 2, 3, 4})}});
  EXPECT_THAT(Restore("misfit"), HasCode(StatusCode::kNotFound, "W2"));
  EXPECT_TRUE(Seen("/d/misfit")) << "another try would end alike";
  fs_.Put("/d/damaged.index", "no table");
  EXPECT_THAT(Restore("damaged"), HasCode(StatusCode::kDataLoss, ""));
  EXPECT_TRUE(Seen("/d/damaged"));
}

TEST_F(ModelRestoreTest, ADryRunIsNoRestore) {
  LoadSeed();
  WriteCheckpoint(fs_, "/d/bad", {{"W1", FloatVector({1, 2, 3, 4})}});
  const auto before = model_->history().last_restore();
  ASSERT_OK_AND_ASSIGN(const RestoreResult dry,
                       Restore("bad", RestoreMode::kDryRun));
  EXPECT_THAT(dry.report.missing, ElementsAre("Variable", "W2"));
  EXPECT_EQ(model_->history().last_restore()->checkpoint, before->checkpoint);
  EXPECT_EQ(model_->generation_number(), before->generation);
}

TEST_F(ModelRestoreTest, ADryRunReadsEveryValue) {
  LoadSeed();
  WriteCheckpoint(fs_, "/d/next",
                  {{"Variable", FloatVector({1, 1, 1, 1})},
                   {"W1", FloatVector({1, 2, 3, 4})},
                   {"W2", FloatVector({1, 1, 1, 1})}});
  const std::string path = "/d/next.data-00000-of-00001";
  const std::string good = fs_.ContentOf(path);
  for (size_t i = 0; i < good.size(); i += 8) {
    std::string bad = good;
    bad[i] ^= 1;
    fs_.Put(path, bad);
    EXPECT_THAT(Restore("next", RestoreMode::kDryRun),
                HasCode(StatusCode::kDataLoss, "hecksum"))
        << i;
  }
  fs_.Put(path, good);
  EXPECT_OK(Restore("next", RestoreMode::kDryRun));
}

// Names of temporary files are unique, so that another process may save here
// at the same time: its files are younger than an hour.
TEST_F(ModelRestoreTest, ASaveRemovesOldTemporariesOnly) {
  LoadSeed();
  const absl::Time now = clock_.Now();
  const auto put = [&](const std::string& name, absl::Duration age) {
    fs_.Put(name, "x");
    fs_.SetModified(name, now - age);
  };
  put("/d/m.index.tempstate1", absl::Hours(2));
  put("/d/m.index.tempstate2", absl::Minutes(50));
  put("/d/m.tempstate", absl::Hours(2));
  put("/d/m.tempstate3x", absl::Hours(2));
  ASSERT_OK(fs_.CreateDirectory("/d/m.tempstate4"));
  put("/d/m.tempstate4/part-00000-of-00002.index", absl::Hours(3));
  put("/d/m.tempstate4/part-00001-of-00002.index", absl::Minutes(5));
  ASSERT_OK(fs_.CreateDirectory("/d/m.tempstate5"));
  put("/d/m.tempstate5/part-00000-of-00002.index", absl::Hours(3));
  ASSERT_OK(Save("next"));
  EXPECT_FALSE(fs_.Exists("/d/m.index.tempstate1"));
  EXPECT_TRUE(fs_.Exists("/d/m.index.tempstate2")) << "may be in use";
  EXPECT_TRUE(fs_.Exists("/d/m.tempstate")) << "not one of ours";
  EXPECT_TRUE(fs_.Exists("/d/m.tempstate3x"));
  EXPECT_TRUE(fs_.Exists("/d/m.tempstate4/part-00000-of-00002.index"))
      << "a part of it is being written";
  EXPECT_THAT(fs_.folders(), Not(Contains("/d/m.tempstate5")));
}

// A meta graph without a checkpoint is somebody's, perhaps the only one.
TEST_F(ModelRestoreTest, AFailedSaveLeavesAMetaGraphThatWasThere) {
  int failures = 0;
  for (int n = 0;; ++n) {
    SCOPED_TRACE(n);
    FakeFileSystem fs({"/d"});
    environment_.files = &fs;
    WriteSeedModel(fs, "/d");
    fs.Put("/d/other.meta", SeedMetaGraph().SerializeAsString());
    ASSERT_OK_AND_ASSIGN(const ModelFolder folder, FindModel(fs, "/d"));
    CallContext call;
    ASSERT_OK_AND_ASSIGN(model_, Model::Load("m", folder, environment_, call));
    fs.FailOnce(n);
    const auto saved = Save("other");
    EXPECT_TRUE(fs.Exists("/d/other.meta"));
    EXPECT_TRUE(fs.Exists("/d/model.meta")) << "the graph that is served";
    model_.reset();
    if (!fs.failed_once()) {
      EXPECT_OK(saved);
      break;
    }
    failures += !saved.ok();
  }
  EXPECT_GT(failures, 10);
}

TEST_F(ModelRestoreTest, AFailedSaveUnderTheNameOfTheServedGraphLeavesIt) {
  WriteMetaGraph(fs_, "/d/model.meta", SeedMetaGraph());
  Load();
  CallContext call;
  ASSERT_OK(model_->AssignVariables({{"W1", FloatVector({1, 2, 3, 4})},
                                     {"W2", FloatVector({1, 2, 3, 4})},
                                     {"Variable", FloatVector({1, 2, 3, 4})}},
                                    -1, call));
  for (int n = 0;; ++n) {
    fs_.FailOnce(n);
    const auto saved = Save("model");
    EXPECT_TRUE(fs_.Exists("/d/model.meta")) << n;
    if (!fs_.failed_once()) break;
  }
}

TEST_F(ModelRestoreTest, ASaveComparesTheGeneration) {
  LoadSeed();
  SaveOptions options;
  options.prefix = "next";
  options.expected_generation = model_->generation_number() + 1;
  CallContext call;
  EXPECT_THAT(model_->Save(options, nullptr, call),
              HasCode(StatusCode::kAborted, "generation is 1, expected 2"));
  EXPECT_FALSE(fs_.Exists("/d/next.index"));
  options.expected_generation = model_->generation_number();
  EXPECT_OK(model_->Save(options, nullptr, call));
  EXPECT_TRUE(Seen("/d/next")) << "one's own checkpoint is no news";
}

// The generation expected is compared with the change, not before it.
TEST_F(ModelRestoreTest, AChangeInTheMiddleOfARestoreEndsIt) {
  LoadSeed();
  CallContext call;
  RestoreOptions options;
  options.checkpoint = "model";
  options.expected_generation = model_->generation_number();
  bool changed = false;
  const auto change = [&](const Progress& progress) {
    if (progress.tensors_done == 0 || std::exchange(changed, true)) return;
    CallContext other;
    EXPECT_OK(model_->AssignVariables({{"W1", FloatVector({7, 7, 7, 7})}}, -1,
                                      other));
  };
  EXPECT_THAT(model_->Restore(options, change, call),
              HasCode(StatusCode::kAborted, "generation is 2, expected 1"));
  EXPECT_TRUE(changed);
  EXPECT_THAT(ValuesOf("W1"), ElementsAre(7, 7, 7, 7));
}

}  // namespace
}  // namespace metagraph
