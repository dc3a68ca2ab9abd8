// Which graph a model has and which weights, by what its path is.

#include <filesystem>

#include "core/checkpoint/checkpoint_writer.h"
#include "core/model/rescanner.h"
#include "google/protobuf/text_format.h"
#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WhichWeightsTest : public ModelTest {
 protected:
  WhichWeightsTest() {
    environment_.lifecycle_pool = nullptr;
    manager_ = std::make_unique<ModelManager>(environment_);
  }

  // PREFIX.meta and a checkpoint whose add1 is [k, k, k, k] for W3 = 0; the
  // state file names it.
  void WriteModel(const std::string& prefix, float k) {
    WriteMetaGraph(fs(), Path(prefix + ".meta"), SeedMetaGraph());
    WriteWeights(prefix, k);
  }
  void WriteWeights(const std::string& prefix, float k) {
    WriteSeedCheckpoint(fs(), Path(prefix), {k, k, k, k}, {0, 0, 0, 0});
    SetAge(prefix, --age_);
  }
  // In hours; the file system's clock is too coarse for tests.
  void SetAge(const std::string& prefix, int hours) {
    for (const char* end : {".index", ".data-00000-of-00001"}) {
      if (!std::filesystem::exists(Path(prefix + end))) continue;
      std::filesystem::last_write_time(
          Path(prefix + end), std::filesystem::file_time_type::clock::now() -
                                  std::chrono::hours(hours));
    }
  }
  static float K(Model& model) {
    const auto values = Add1(model);
    return values.empty() ? -1 : values[0] - 1;
  }
  std::shared_ptr<Model> Serve(const std::string& path) {
    auto version = manager_->Load("m", path);
    EXPECT_OK(version);
    auto found = manager_->Find("m");
    EXPECT_OK(found);
    return found.ok() ? *found : nullptr;
  }
  float LoadedK(const std::string& path) {
    auto model = Load(path);
    EXPECT_OK(model);
    if (!model.ok()) return -1;
    model_ = *std::move(model);
    return K(*model_);
  }

  int age_ = 1000;
  std::unique_ptr<ModelManager> manager_;
};

TEST_F(WhichWeightsTest, ANamedMetaGraphTakesItsOwnCheckpoint) {
  WriteModel("best.ckpt", 3);
  WriteModel("last.ckpt", 21);
  EXPECT_EQ(LoadedK(Path("best.ckpt.meta")), 3);
  EXPECT_EQ(model_->note(), "");
  EXPECT_EQ(LoadedK(Path("last.ckpt.meta")), 21);
  EXPECT_EQ(LoadedK(folder()), 21);
}

TEST_F(WhichWeightsTest, AWatcherFollowsOnlyTheNamedModel) {
  WriteModel("best.ckpt", 3);
  WriteModel("last.ckpt", 21);
  const auto model = Serve(Path("best.ckpt.meta"));
  ASSERT_NE(model, nullptr);
  const int64_t first = model->generation_number();
  WriteWeights("last.ckpt", 22);
  Rescanner(*manager_).Look(true, call_);
  EXPECT_EQ(model->generation_number(), first);
  EXPECT_EQ(K(*model), 3);
  // Written again, and a later save of it; each once.
  WriteWeights("best.ckpt", 4);
  Rescanner(*manager_).Look(false, call_);
  EXPECT_EQ(K(*model), 4);
  EXPECT_EQ(model->note(), "");
  WriteWeights("best.ckpt-30", 5);
  WriteWeights("last.ckpt", 23);
  Rescanner(*manager_).Look(false, call_);
  EXPECT_EQ(K(*model), 5);
  EXPECT_THAT(model->note(), HasSubstr("\"best.ckpt-30\""));
  const int64_t second = model->generation_number();
  Rescanner(*manager_).Look(true, call_);
  EXPECT_EQ(model->generation_number(), second);
  // Whoever asks for the newest gets the newest of this model.
  ASSERT_OK(model->Restore({"best.ckpt"}, nullptr, call_));
  EXPECT_EQ(K(*model), 4);
  ASSERT_OK(model->Restore({}, nullptr, call_));
  EXPECT_EQ(K(*model), 5);
}

TEST_F(WhichWeightsTest, SavesAndRetentionLeaveTheNeighboursAlone) {
  for (int task = 1; task <= 3; ++task) {
    WriteModel("task_" + std::string(1, 'a' + task) + ".ckpt", task);
  }
  WriteModel("task_b-9.ckpt", 9);
  const auto model = Serve(Path("task_b.ckpt.meta"));
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(K(*model), 1);
  SaveOptions options;
  options.keep = 1;
  for (int64_t step : {10, 20, 30}) {
    options.global_step = step;
    ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                         model->Save(options, nullptr, call_));
    EXPECT_EQ(saved.checkpoint, Path("task_b.ckpt-" + std::to_string(step)));
    Rescanner(*manager_).Look(true, call_);
  }
  for (const char* there :
       {"task_b.ckpt.meta", "task_b.ckpt-30.index", "task_c.ckpt.index",
        "task_c.ckpt.meta", "task_c.ckpt.data-00000-of-00001",
        "task_d.ckpt.index", "task_b-9.ckpt.index"}) {
    EXPECT_OK(fs().Stat(Path(there))) << there;
  }
  EXPECT_FALSE(fs().Stat(Path("task_b.ckpt-10.index")).ok());
  EXPECT_EQ(LoadedK(Path("task_c.ckpt.meta")), 2);
  EXPECT_EQ(LoadedK(Path("task_d.ckpt.meta")), 3);
  // The named checkpoint has fallen off; the newest save stands for it.
  EXPECT_EQ(LoadedK(Path("task_b.ckpt.meta")), 1);
  EXPECT_EQ(model_->folder().checkpoint, Path("task_b.ckpt-30"));
}

TEST_F(WhichWeightsTest, AStepThatIsNamedIsServedUntilANewerOneComes) {
  WriteModel("model-1", 1);
  WriteModel("model-2", 2);
  const auto model = Serve(Path("model-1.meta"));
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(K(*model), 1);
  EXPECT_THAT(model->note(), HasSubstr("\"model-2\" is newer"));
  Rescanner(*manager_).Look(true, call_);
  EXPECT_EQ(K(*model), 1);
  WriteWeights("model-3", 3);
  Rescanner(*manager_).Look(false, call_);
  EXPECT_EQ(K(*model), 3);
  EXPECT_THAT(model->note(),
              HasSubstr("graph is that of \"model-1.meta\", the weights are "
                        "those of \"model-3\""));
}

TEST_F(WhichWeightsTest, OtherWeightsAreTakenOnlyWithANote) {
  WriteModel("model-1", 1);
  WriteModel("model-2", 2);
  const std::string spare[] = {Path("model-1.meta")};
  ASSERT_OK(RemoveCheckpoint(fs(), Path("model-1"), spare));
  EXPECT_EQ(LoadedK(Path("model-1.meta")), 2);
  EXPECT_THAT(model_->note(), HasSubstr("\"model-2\" is taken"));
  WriteMetaGraph(fs(), Path("graph.meta"), SeedMetaGraph());
  EXPECT_EQ(LoadedK(Path("graph.meta")), 2);
  EXPECT_THAT(model_->note(), HasSubstr("\"model-2\", is taken"));
}

TEST_F(WhichWeightsTest, ADamagedOwnCheckpointIsNotReplacedByANeighbour) {
  WriteModel("best.ckpt", 3);
  WriteModel("last.ckpt", 21);
  ASSERT_OK(WriteFileAtomically(
      fs(), Path("best.ckpt.data-00000-of-00001"),
      "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 48\n"));
  EXPECT_THAT(Load(Path("best.ckpt.meta")),
              HasCode(absl::StatusCode::kDataLoss, "Git LFS pointer"));
}

TEST_F(WhichWeightsTest, APrefixOrAnyFileOfACheckpointIsTheModel) {
  WriteModel("best.ckpt", 3);
  WriteModel("last.ckpt", 21);
  for (const char* path :
       {"best.ckpt", "best.ckpt.index", "best.ckpt.data-00000-of-00001"}) {
    EXPECT_EQ(LoadedK(Path(path)), 3) << path;
  }
  EXPECT_EQ(LoadedK(Path("checkpoint")), 21);
  EXPECT_THAT(Load(Path("bst.ckpt")),
              HasCode(absl::StatusCode::kNotFound, "best.ckpt"));
}

TEST_F(WhichWeightsTest, AFileOfACheckpointThatWasGivenUpLeadsToNewerOnes) {
  WriteModel("best.ckpt", 3);
  WriteModel("last.ckpt", 21);
  WriteWeights("best.ckpt-30", 4);
  const std::string spare[] = {Path("best.ckpt.meta")};
  ASSERT_OK(RemoveCheckpoint(fs(), Path("best.ckpt"), spare));
  for (const char* path :
       {"best.ckpt", "best.ckpt.index", "best.ckpt.data-00000-of-00001"}) {
    EXPECT_EQ(LoadedK(Path(path)), 4) << path;
  }
}

TEST_F(WhichWeightsTest, KnowsCheckpointsUnderWrongNames) {
  WriteWeights("model-1", 4);
  FindOptions options;
  options.checkpoint_alone = true;
  ASSERT_OK(fs().Rename(Path("model-1.index"), Path("model-1.idx")));
  EXPECT_THAT(FindModel(fs(), Path("model-1.idx"), options),
              HasCode(absl::StatusCode::kNotFound, "PREFIX.index"));
  EXPECT_THAT(FindModel(fs(), Path("model-1.data-00000-of-00001"), options),
              HasCode(absl::StatusCode::kNotFound, "not its index"));
  EXPECT_THAT(FindModel(fs(), Path("model-1"), options),
              HasCode(absl::StatusCode::kNotFound, "not its index"));
  ASSERT_OK(WriteCheckpointV1(
      fs(), Path("old"), {{"w", "", FloatVector({1})}}, [](int64_t) {}, call_));
  ASSERT_OK(fs().Rename(Path("old"), Path("old.pb")));
  ASSERT_OK_AND_ASSIGN(const ModelFolder found,
                       FindModel(fs(), Path("old.pb"), options));
  EXPECT_EQ(found.checkpoint, Path("old.pb"));
  EXPECT_OK(Model::Load("m", found, environment_, call_));
}

TEST_F(WhichWeightsTest, APrefixMayEndInASlash) {
  ASSERT_OK(fs().CreateDirectory(Path("d")));
  WriteModel("d/", 7);
  WriteModel("d/cartpole", 8);
  EXPECT_EQ(LoadedK(Path("d/.meta")), 7);
  EXPECT_EQ(LoadedK(Path("d/.index")), 7);
  EXPECT_EQ(LoadedK(Path("d")), 8);
  const auto model = Serve(Path("d/.meta"));
  ASSERT_NE(model, nullptr);
  ASSERT_OK(model->Restore({"cartpole"}, nullptr, call_));
  EXPECT_EQ(K(*model), 8);
  ASSERT_OK(model->Restore({Path("d/")}, nullptr, call_));
  EXPECT_EQ(K(*model), 7);
  ASSERT_OK_AND_ASSIGN(SaveResult saved, model->Save({}, nullptr, call_));
  EXPECT_EQ(saved.checkpoint, Path("d/"));
  SaveOptions options;
  options.global_step = 3;
  ASSERT_OK_AND_ASSIGN(saved, model->Save(options, nullptr, call_));
  EXPECT_EQ(saved.checkpoint, Path("d/-3"));
  EXPECT_EQ(LoadedK(Path("d")), 7);
}

TEST_F(WhichWeightsTest, AGraphOfAnyNameAndKindTakesItsCheckpoint) {
  const tensorflow::MetaGraphDef meta = SeedMetaGraph();
  std::string meta_text;
  std::string graph_text;
  google::protobuf::TextFormat::PrintToString(meta, &meta_text);
  google::protobuf::TextFormat::PrintToString(meta.graph_def(), &graph_text);
  std::string crlf;
  for (const char c : meta_text) {
    if (c == '\n') crlf += '\r';
    crlf += c;
  }
  const std::vector<std::pair<std::string, std::string>> files = {
      {"graph.pbtxt", graph_text},
      {"raw_graph_def.pb", meta.graph_def().SerializeAsString()},
      {"model.pbtxt", meta_text},
      {"model.ckpt-7.meta", meta_text},
      {"graph.meta", meta.graph_def().SerializeAsString()},
      {"graph.pb", meta.SerializeAsString()},
      {"graph.txt", "\xEF\xBB\xBF# written by hand\r\n" + crlf},
      {"graph", graph_text},
      {"saved_model.pb", meta.graph_def().SerializeAsString()},
  };
  int folder = 0;
  for (const auto& [name, bytes] : files) {
    const std::string in = std::to_string(++folder) + "_";
    ASSERT_OK(fs().CreateDirectory(Path(in)));
    WriteWeights(in + "/model.ckpt-7", 6);
    ASSERT_OK(WriteFileAtomically(fs(), Path(in + "/" + name), bytes));
    EXPECT_EQ(LoadedK(Path(in)), 6) << name;
    EXPECT_EQ(LoadedK(Path(in + "/" + name)), 6) << name;
    EXPECT_EQ(LoadedK(Path(in + "/model.ckpt-7")), 6) << name;
    // A label map, as detection models have it, is no graph.
    ASSERT_OK(WriteFileAtomically(fs(), Path(in + "/label_map.pbtxt"),
                                  "item { id: 1 name: 'person' }"));
    EXPECT_EQ(LoadedK(Path(in)), 6) << name;
  }
}

TEST_F(WhichWeightsTest, AnyFileOfASavedModelIsTheSavedModel) {
  tensorflow::SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs() = SeedMetaGraph();
  saved.mutable_meta_graphs(0)->mutable_meta_info_def()->add_tags("serve");
  ASSERT_OK(fs().CreateDirectory(Path("variables")));
  WriteCheckpoint(fs(), Path("variables/variables"),
                  {{"Variable", FloatVector({1, 1, 1, 1})},
                   {"W1", FloatVector({8, 8, 8, 8})},
                   {"W2", FloatVector({0, 0, 0, 0})}});
  for (const char* name : {"saved_model.pb", "copy.pb"}) {
    ASSERT_OK(WriteFileAtomically(fs(), Path(name), saved.SerializeAsString()));
  }
  for (const std::string& path :
       {folder(), Path("saved_model.pb"), Path("copy.pb"),
        Path("variables/variables"), Path("variables/variables.index"),
        Path("variables/variables.data-00000-of-00001"), Path("variables")}) {
    EXPECT_EQ(LoadedK(path), 8) << path;
    EXPECT_EQ(model_->folder().kind, ModelFolder::Kind::kSavedModel) << path;
    EXPECT_EQ(model_->note(), "") << path;
  }
}

TEST_F(WhichWeightsTest, OfSeveralGraphsEachHasItsCheckpoint) {
  const std::string graph = SeedMetaGraph().graph_def().SerializeAsString();
  for (const char* name : {"actor", "critic"}) {
    ASSERT_OK(
        WriteFileAtomically(fs(), Path(std::string(name) + ".pb"), graph));
    WriteWeights(std::string(name) + ".ckpt", name[0]);
  }
  EXPECT_EQ(LoadedK(Path("actor.pb")), 'a');
  EXPECT_EQ(LoadedK(Path("critic.pb")), 'c');
  EXPECT_EQ(LoadedK(folder()), 'c');
}

TEST_F(WhichWeightsTest, AFrozenGraphNeedsNoCheckpoint) {
  TestGraph g;
  g.Const("c", Tensor::Scalar<float>(1));
  ASSERT_OK(WriteFileAtomically(fs(), Path("frozen.pb"),
                                g.def().SerializeAsString()));
  WriteWeights("model.ckpt-7", 6);
  const auto model = Serve(Path("frozen.pb"));
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->note(), "");
  EXPECT_FALSE(model->history().last_restore().has_value());
  WriteWeights("model.ckpt-8", 6);
  Rescanner(*manager_).Look(true, call_);
  EXPECT_FALSE(model->history().last_restore().has_value());
}

TEST_F(WhichWeightsTest, SaysThatThereAreNoWeights) {
  WriteMetaGraph(fs(), Path("model.meta"), SeedMetaGraph());
  const auto model = Serve(folder());
  ASSERT_NE(model, nullptr);
  EXPECT_THAT(model->note(), HasSubstr("none of the 3 variables has a value"));
  WriteWeights("model-1", 4);
  Rescanner(*manager_).Look(false, call_);
  EXPECT_THAT(model->note(), testing::Not(HasSubstr("no weights")));
}

TEST_F(WhichWeightsTest, RequiresACheckpointWhenAsked) {
  environment_.require_checkpoint = true;
  WriteMetaGraph(fs(), Path("model.meta"), SeedMetaGraph());
  EXPECT_THAT(Load(folder()),
              HasCode(absl::StatusCode::kFailedPrecondition, "no state file"));
  EXPECT_THAT(Load(folder()), HasCode(absl::StatusCode::kFailedPrecondition,
                                      "none of the 3 variables"));
  // Of a graph without a saver nothing that is there fits.
  const std::string graph = SeedMetaGraph().graph_def().SerializeAsString();
  ASSERT_OK(fs().Remove(Path("model.meta")));
  ASSERT_OK(WriteFileAtomically(fs(), Path("graph.pb"), graph));
  WriteCheckpoint(fs(), Path("other"), {{"x", FloatVector({1})}});
  EXPECT_THAT(Load(folder()),
              HasCode(absl::StatusCode::kFailedPrecondition, "no weights"));
  WriteWeights("model-1", 4);
  EXPECT_EQ(LoadedK(folder()), 4);
  // A graph without variables has nothing to miss.
  TestGraph g;
  g.Const("c", Tensor::Scalar<float>(1));
  ASSERT_OK(WriteFileAtomically(fs(), Path("frozen.pb"),
                                g.def().SerializeAsString()));
  EXPECT_OK(Load(Path("frozen.pb")));
}

TEST_F(WhichWeightsTest, ACheckpointAloneIsNoModelUnlessAskedFor) {
  WriteWeights("model-1", 4);
  EXPECT_THAT(FindModel(fs(), Path("model-1")),
              HasCode(absl::StatusCode::kNotFound, "without a graph"));
  EXPECT_THAT(FindModel(fs(), folder()),
              HasCode(absl::StatusCode::kNotFound, "--local"));
  FindOptions options;
  options.checkpoint_alone = true;
  for (const std::string& path :
       {Path("model-1"), Path("model-1.index"), folder()}) {
    ASSERT_OK_AND_ASSIGN(const ModelFolder found,
                         FindModel(fs(), path, options));
    EXPECT_EQ(found.graph_path, "");
    ASSERT_OK_AND_ASSIGN(const auto model,
                         Model::Load("m", found, environment_, call_));
    ASSERT_EQ(model->graph()->variables().size(), 3);
    ASSERT_OK_AND_ASSIGN(const auto values, model->Read(call_));
    const int slot = model->graph()->FindVariable("W1")->slot;
    EXPECT_THAT(Values<float>(values->value(slot)), Each(4));
  }
}

TEST_F(WhichWeightsTest, TakesACheckpointOfFormatV1Alone) {
  ASSERT_OK(WriteCheckpointV1(
      fs(), Path("slim.ckpt"), {{"w", "", FloatVector({1, 2})}}, [](int64_t) {},
      call_));
  FindOptions options;
  options.checkpoint_alone = true;
  for (const std::string& path : {Path("slim.ckpt"), folder()}) {
    ASSERT_OK_AND_ASSIGN(const ModelFolder found,
                         FindModel(fs(), path, options));
    ASSERT_OK_AND_ASSIGN(const auto model,
                         Model::Load("m", found, environment_, call_));
    ASSERT_OK_AND_ASSIGN(const auto values, model->Read(call_));
    EXPECT_THAT(Values<float>(values->value(0)), ElementsAre(1, 2));
  }
  // With a graph beside it, restored by the names of its variables.
  TestGraph g;
  g.Variable("w", FloatVector({0, 0}));
  ASSERT_OK(
      WriteFileAtomically(fs(), Path("graph.pb"), g.def().SerializeAsString()));
  ASSERT_OK_AND_ASSIGN(const auto model, Load(folder()));
  ASSERT_OK_AND_ASSIGN(const auto values, model->Read(call_));
  EXPECT_THAT(Values<float>(values->value(0)), ElementsAre(1, 2));
}

}  // namespace
}  // namespace metagraph
