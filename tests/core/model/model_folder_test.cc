#include "core/model/model_folder.h"

#include "core/model/folder_scan.h"
#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using ModelFolderTest = ModelTest;

TEST_F(ModelFolderTest, FindsMetaGraphAndNewestCheckpoint) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK_AND_ASSIGN(ModelFolder found, FindModel(fs(), folder()));
  EXPECT_EQ(found.kind, ModelFolder::Kind::kCheckpoints);
  EXPECT_EQ(found.graph_path, Path("model.meta"));
  EXPECT_EQ(found.checkpoint, Path("model"));
  EXPECT_EQ(found.version, 0);
}

TEST_F(ModelFolderTest, TakesTheMetaGraphOfTheNewestCheckpoint) {
  for (const char* name : {"model-20", "model-30"}) {
    WriteMetaGraph(fs(), Path(std::string(name) + ".meta"), SeedMetaGraph());
    WriteSeedCheckpoint(fs(), Path(name), {1, 1, 1, 1}, {2, 2, 2, 2});
  }
  WriteMetaGraph(fs(), Path("model-9.meta"), SeedMetaGraph());
  ASSERT_OK_AND_ASSIGN(ModelFolder found, FindModel(fs(), folder()));
  EXPECT_EQ(found.graph_path, Path("model-30.meta"));
  EXPECT_EQ(found.checkpoint, Path("model-30"));
}

TEST_F(ModelFolderTest, SaysWhyThereIsNoCheckpoint) {
  WriteMetaGraph(fs(), Path("model.meta"), SeedMetaGraph());
  ASSERT_OK(WriteFileAtomically(fs(), Path("checkpoint"),
                                "model_checkpoint_path: \"/gone/model-7\""));
  ASSERT_OK_AND_ASSIGN(ModelFolder found, FindModel(fs(), folder()));
  EXPECT_EQ(found.checkpoint, "");
  EXPECT_THAT(found.note, testing::HasSubstr("/gone/model-7"));
}

TEST_F(ModelFolderTest, TakesTheNewestVersionThatHoldsAModel) {
  for (const char* version : {"1", "3", "10"}) {
    ASSERT_OK(fs().CreateDirectory(Path(version)));
  }
  WriteSeedModel(fs(), Path("1"));
  WriteSeedModel(fs(), Path("3"));
  EXPECT_THAT(ListVersions(fs(), folder()), testing::ElementsAre(1, 3, 10));
  ASSERT_OK_AND_ASSIGN(ModelFolder newest, FindModel(fs(), folder()));
  EXPECT_EQ(newest.version, 3);
  ASSERT_OK_AND_ASSIGN(ModelFolder first, FindModel(fs(), folder(), {1}));
  EXPECT_EQ(first.version, 1);
  EXPECT_THAT(
      FindModel(fs(), Path("1/model.meta"), {1}),
      HasCode(absl::StatusCode::kNotFound, "is a file and has no version 1"));
  EXPECT_THAT(FindModel(fs(), folder(), {2}),
              HasCode(absl::StatusCode::kNotFound, "version 2"));
}

// Such as the label map of a detector, beside what it belongs to.
TEST_F(ModelFolderTest, AFileThatIsNoGraphHidesNothing) {
  const auto write_label_map = [&](const std::string& path) {
    ASSERT_OK(WriteFileAtomically(fs(), Path(path),
                                  "item { id: 1 display_name: 'cat' }"));
  };
  for (const char* version : {"1", "2"}) {
    ASSERT_OK(fs().CreateDirectory(Path(version)));
    WriteSeedModel(fs(), Path(version));
  }
  write_label_map("label_map.pbtxt");
  write_label_map("2/label_map.pbtxt");
  ASSERT_OK_AND_ASSIGN(ModelFolder newest, FindModel(fs(), folder()));
  EXPECT_EQ(newest.version, 2);
  EXPECT_EQ(newest.graph_path, Path("2/model.meta"));
  ASSERT_OK_AND_ASSIGN(const auto all, ScanFolder(fs(), folder()));
  EXPECT_THAT(all, testing::SizeIs(2));
  // A checkpoint alone.
  ASSERT_OK(fs().CreateDirectory(Path("weights")));
  WriteSeedCheckpoint(fs(), Path("weights/model"), {1, 1, 1, 1}, {2, 2, 2, 2});
  write_label_map("weights/label_map.pbtxt");
  ASSERT_OK_AND_ASSIGN(ModelFolder weights,
                       FindModel(fs(), Path("weights"), {std::nullopt, true}));
  EXPECT_EQ(weights.checkpoint, Path("weights/model"));
  EXPECT_EQ(weights.graph_path, "");
  EXPECT_THAT(
      FindModel(fs(), Path("weights")),
      HasCode(absl::StatusCode::kNotFound, "\"label_map.pbtxt\" is no graph"));
  // Where it is all there is, its content is the error.
  ASSERT_OK(fs().CreateDirectory(Path("alone")));
  write_label_map("alone/label_map.pbtxt");
  ASSERT_OK_AND_ASSIGN(ModelFolder alone, FindModel(fs(), Path("alone")));
  EXPECT_EQ(alone.graph_path, Path("alone/label_map.pbtxt"));
}

TEST_F(ModelFolderTest, RecognisesSavedModelAndFrozenGraph) {
  ASSERT_OK(WriteFileAtomically(fs(), Path("graph.pb"), "x"));
  ASSERT_OK_AND_ASSIGN(ModelFolder frozen, FindModel(fs(), folder()));
  EXPECT_EQ(frozen.kind, ModelFolder::Kind::kCheckpoints);
  EXPECT_EQ(frozen.graph_path, Path("graph.pb"));
  ASSERT_OK(WriteFileAtomically(fs(), Path("saved_model.pb"), "x"));
  ASSERT_OK_AND_ASSIGN(ModelFolder saved, FindModel(fs(), folder()));
  EXPECT_EQ(saved.kind, ModelFolder::Kind::kSavedModel);
  EXPECT_EQ(saved.graph_path, folder());
}

TEST_F(ModelFolderTest, ExplainsWhatIsNoModel) {
  EXPECT_THAT(FindModel(fs(), folder()),
              HasCode(absl::StatusCode::kNotFound, "no .meta file"));
  EXPECT_THAT(FindModel(fs(), Path("absent")),
              HasCode(absl::StatusCode::kNotFound, "absent"));
  for (const char* name : {"a.pb", "b.pb"}) {
    ASSERT_OK(WriteFileAtomically(fs(), Path(name),
                                  "node { name: \"n\" op: \"NoOp\" }"));
  }
  EXPECT_THAT(FindModel(fs(), folder()),
              HasCode(absl::StatusCode::kNotFound, "a.pb, b.pb"));
}

TEST_F(ModelFolderTest, NamesFilesOfOtherKinds) {
  ASSERT_OK(WriteFileAtomically(fs(), Path("model.h5"), "\x89HDF\r\n\x1a\n.."));
  EXPECT_THAT(
      FindModel(fs(), folder()),
      HasCode(absl::StatusCode::kNotFound, "\"model.h5\" is an HDF5 file"));
  // A SavedModel that was not downloaded: the error names the file.
  ASSERT_OK(WriteFileAtomically(fs(), Path("saved_model.pb"),
                                "version https://git-lfs.github.com/spec/v1"));
  ASSERT_OK_AND_ASSIGN(const ModelFolder found, FindModel(fs(), folder()));
  EXPECT_THAT(ReadMetaGraph(fs(), found.graph_path),
              HasCode(absl::StatusCode::kDataLoss,
                      "saved_model.pb\": not a graph: it is a Git LFS"));
  ASSERT_OK(WriteFileAtomically(fs(), Path("checkpoint"),
                                "version https://git-lfs.github.com/spec/v1"));
  EXPECT_THAT(StateFileProblem(fs(), folder()),
              testing::HasSubstr("is a Git LFS pointer"));
}

TEST_F(ModelFolderTest, ResolvesCheckpointsAsPeopleNameThem) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK_AND_ASSIGN(ModelFolder found, FindModel(fs(), folder()));
  for (const std::string& name :
       {std::string(), std::string("model"), std::string("model.index"),
        Path("model"), Path("model.meta")}) {
    ASSERT_OK_AND_ASSIGN(std::string prefix,
                         ResolveCheckpoint(fs(), found, name));
    EXPECT_EQ(prefix, Path("model")) << name;
  }
  EXPECT_THAT(ResolveCheckpoint(fs(), found, "modell"),
              HasCode(absl::StatusCode::kNotFound, "did you mean \"model\""));
}

}  // namespace
}  // namespace metagraph
