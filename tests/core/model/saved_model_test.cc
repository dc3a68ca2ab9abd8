// SavedModels: variables, assets and what runs after loading.

#include "tensorflow/meta_graph.pb.h"
#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;

// Two asset paths, which the op "init" writes into the variable `where`.
tensorflow::MetaGraphDef AssetMetaGraph() {
  TestGraph graph;
  graph.Variable("w", FloatVector({1, 2}));
  graph.Const("asset", Tensor::Scalar<std::string>("elsewhere/words.txt"));
  graph.Variable("where", Tensor::Scalar<std::string>(""));
  graph.Node("set", "Assign", {"where", "asset"},
             {{"T", DT_STRING}, {"validate_shape", true}});
  graph.Node("init", "NoOp", {"^set"});
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddSaver(graph, {"w"});
  *meta.mutable_graph_def() = graph.def();
  for (int i = 0; i < 2; ++i) {  // TensorFlow lists a table's file twice
    auto* asset = meta.add_asset_file_def();
    asset->mutable_tensor_info()->set_name("asset:0");
    asset->set_filename("words.txt");
  }
  return meta;
}

class SavedModelTest : public ModelTest {
 protected:
  // The folder with the variables w = [3, 4].
  void Write(const tensorflow::MetaGraphDef& meta) {
    tensorflow::SavedModel saved;
    saved.set_saved_model_schema_version(1);
    *saved.add_meta_graphs() = meta;
    ASSERT_OK(WriteFileAtomically(fs(), Path("saved_model.pb"),
                                  saved.SerializeAsString()));
    ASSERT_OK(fs().CreateDirectory(Path("variables")));
    WriteCheckpoint(fs(), Path("variables/variables"),
                    {{"w", FloatVector({3, 4})}});
  }
  // Loads it and looks whether "init" ran, after the variables were restored.
  void ExpectInitialised(const tensorflow::MetaGraphDef& meta) {
    Write(meta);
    ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
    EXPECT_THAT(Fetch<float>("w:0"), ElementsAre(3, 4));
    EXPECT_THAT(Fetch<std::string>("where:0"),
                ElementsAre(Path("assets/words.txt")));
  }
  template <typename T>
  std::vector<T> Fetch(const std::string& name) {
    RunRequest request;
    request.fetches = {name};
    auto result = Run(*model_, request);
    EXPECT_OK(result);
    return result.ok() ? Values<T>(result->outputs[0]) : std::vector<T>();
  }
};

TEST_F(SavedModelTest, RunsTheMainOpWithTheAssets) {
  tensorflow::MetaGraphDef meta = AssetMetaGraph();
  (*meta.mutable_collection_def())["saved_model_main_op"]
      .mutable_node_list()
      ->add_value("init");
  ExpectInitialised(meta);
}

TEST_F(SavedModelTest, RunsTheLegacyInitOp) {
  tensorflow::MetaGraphDef meta = AssetMetaGraph();
  (*meta.mutable_collection_def())["legacy_init_op"]
      .mutable_node_list()
      ->add_value("init");
  ExpectInitialised(meta);
}

TEST_F(SavedModelTest, RunsTheInitSignature) {
  tensorflow::MetaGraphDef meta = AssetMetaGraph();
  auto& signature = (*meta.mutable_signature_def())["__saved_model_init_op"];
  (*signature.mutable_outputs())["__saved_model_init_op"].set_name("init");
  ExpectInitialised(meta);
}

TEST_F(SavedModelTest, AFailingMainOpFailsTheLoad) {
  tensorflow::MetaGraphDef meta = AssetMetaGraph();
  (*meta.mutable_collection_def())["saved_model_main_op"]
      .mutable_node_list()
      ->add_value("gone");
  Write(meta);
  EXPECT_THAT(Load(folder()),
              HasCode(absl::StatusCode::kNotFound, "initialisation \"gone\""));
}

TEST_F(SavedModelTest, NeedsNoVariables) {
  tensorflow::MetaGraphDef meta = AssetMetaGraph();
  tensorflow::SavedModel saved;
  *saved.add_meta_graphs() = meta;
  ASSERT_OK(WriteFileAtomically(fs(), Path("saved_model.pb"),
                                saved.SerializeAsString()));
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  RunRequest request;
  request.fetches = {"asset:0"};
  EXPECT_OK(Run(*model_, request));
  request.fetches = {"w:0"};
  EXPECT_THAT(Run(*model_, request),
              HasCode(absl::StatusCode::kFailedPrecondition, "w"));
}

TEST_F(SavedModelTest, SavesBesideItsVariables) {
  Write(AssetMetaGraph());
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save({}, nullptr, call_));
  EXPECT_EQ(saved.checkpoint, Path("model.ckpt"));
  ASSERT_OK(model_->AssignVariables({{"w", FloatVector({9, 9})}}, -1, call_));
  // What was saved is the newest checkpoint; the variables are still there.
  ASSERT_OK(Restore(""));
  EXPECT_EQ(model_->history().last_restore()->checkpoint, Path("model.ckpt"));
  ASSERT_OK(Restore("variables/variables"));
  EXPECT_THAT(Fetch<float>("w:0"), ElementsAre(3, 4));
}

}  // namespace
}  // namespace metagraph
