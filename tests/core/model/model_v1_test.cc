// Models whose graph saves and restores checkpoints of format V1.

#include "core/checkpoint/checkpoint_reader.h"
#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;

// add1 = W3 + W1 with a saver from before SaveV2.
tensorflow::MetaGraphDef V1MetaGraph() {
  TestGraph graph;
  graph.Variable("W1", FloatVector({1, 3, 10, 15}));
  graph.Node("W3", "Placeholder", {},
             {{"dtype", DT_FLOAT}, {"shape", PartialShape(TensorShape({4}))}});
  graph.Node("add1", "AddV2", {"W3", "W1/read"}, {{"T", DT_FLOAT}});
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddV1Saver(graph, {"W1"});
  *meta.mutable_graph_def() = graph.def();
  return meta;
}

class ModelV1Test : public ModelTest {
 protected:
  void SetUp() override {
    WriteMetaGraph(fs(), Path("old.meta"), V1MetaGraph());
    auto loaded = Load(folder());
    ASSERT_OK(loaded);
    model_ = *std::move(loaded);
    ASSERT_OK(model_->AssignVariables({{"W1", FloatVector({1, 2, 3, 4})}}, -1,
                                      call_));
  }
  absl::StatusOr<SaveResult> Save(const std::string& prefix, int shards = 1) {
    SaveOptions options;
    options.prefix = prefix;
    options.shards = shards;
    return model_->Save(options, nullptr, call_);
  }
};

TEST_F(ModelV1Test, SavesTheFormatThatTheGraphReads) {
  ASSERT_OK_AND_ASSIGN(const SaveResult saved, Save("old-7"));
  EXPECT_THAT(saved.files, ElementsAre(Path("old-7"), Path("old-7.meta"),
                                       Path("checkpoint")));
  EXPECT_EQ(saved.bytes, static_cast<int64_t>(fs().Stat(Path("old-7"))->size));
  ASSERT_OK_AND_ASSIGN(auto reader,
                       CheckpointReader::Open(fs(), Path("old-7")));
  EXPECT_EQ(reader->format(), 1);
  EXPECT_THAT(Values<float>(*reader->Read("W1")), ElementsAre(1, 2, 3, 4));

  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  EXPECT_THAT(Add1(*model_), ElementsAre(2, 4, 6, 8));
  EXPECT_EQ(model_->history().last_restore()->checkpoint, Path("old-7"));
}

TEST_F(ModelV1Test, KeepsSoManyCheckpoints) {
  ASSERT_OK(Save("old-1"));
  ASSERT_OK(Save("old-2"));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved, Save("old-3"));
  EXPECT_THAT(saved.deleted, ElementsAre(Path("old-1")));
  EXPECT_FALSE(fs().Stat(Path("old-1")).ok());
  EXPECT_FALSE(fs().Stat(Path("old-1.meta")).ok());
  EXPECT_TRUE(fs().Stat(Path("old-2")).ok());
}

// A Saver with write_version=V1 has SaveSlices and RestoreV2.
TEST_F(ModelV1Test, TheSaveOpDecidesTheFormat) {
  tensorflow::MetaGraphDef meta = SeedMetaGraph();
  for (auto& node : *meta.mutable_graph_def()->mutable_node()) {
    if (node.op() != "SaveV2") continue;
    node.set_op("SaveSlices");
    (*node.mutable_attr())["T"] = node.attr().at("dtypes");
    node.mutable_attr()->erase("dtypes");
  }
  ASSERT_OK(fs().CreateDirectory(Path("seed")));
  WriteMetaGraph(fs(), Path("seed/model.meta"), meta);
  ASSERT_OK_AND_ASSIGN(model_, Load(Path("seed")));
  ASSERT_OK(
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  ASSERT_OK(Save("m"));
  EXPECT_EQ((*CheckpointReader::Open(fs(), Path("seed/m")))->format(), 1);
}

TEST_F(ModelV1Test, DamageIsDataLoss) {
  ASSERT_OK(Save("old-7"));
  const std::string whole = *ReadFile(fs(), Path("old-7"));
  RestoreOptions options;
  options.checkpoint = "old-7";
  for (size_t i = 0; i < whole.size(); i += 5) {
    std::string damaged = whole;
    damaged[i] ^= 4;
    ASSERT_OK(WriteFileAtomically(fs(), Path("old-7"), damaged));
    const auto restored = model_->Restore(options, nullptr, call_);
    if (restored.ok()) continue;  // the byte is not used
    EXPECT_EQ(restored.status().code(), absl::StatusCode::kDataLoss) << i;
  }
  EXPECT_THAT(Add1(*model_), ElementsAre(2, 4, 6, 8));
}

TEST_F(ModelV1Test, RefusesWhatTheFormatCannotDo) {
  EXPECT_THAT(Save("old", 2), HasCode(absl::StatusCode::kUnimplemented, "V1"));
  for (const char* name : {"checkpoint", "old.meta", "x.index", "saved.pb"}) {
    EXPECT_THAT(Save(name), HasCode(absl::StatusCode::kInvalidArgument, name));
  }
  EXPECT_THAT(Save("old-00000-of-00002"),
              HasCode(absl::StatusCode::kInvalidArgument, "one file"));
  ASSERT_OK(WriteFileAtomically(fs(), Path("notes"), "mine"));
  EXPECT_THAT(Save("notes"),
              HasCode(absl::StatusCode::kFailedPrecondition, "no checkpoint"));
  EXPECT_EQ(*ReadFile(fs(), Path("notes")), "mine");
  WriteCheckpoint(fs(), Path("new"), {{"W1", FloatVector({0, 0, 0, 0})}});
  EXPECT_THAT(Save("new"),
              HasCode(absl::StatusCode::kFailedPrecondition, "V2"));
}

}  // namespace
}  // namespace metagraph
