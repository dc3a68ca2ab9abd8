// Tables, local variables and what else runs before a model is ready.

#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using TextVector = std::vector<std::string>;

// A table NAME filled from a file by the operation NAME/init; NAME/ids looks
// `words` up in it.
void AddFileTable(TestGraph& graph, const std::string& name,
                  const std::string& path) {
  graph.Const(name + "/path", Tensor::Scalar<std::string>(path));
  graph.Node(name, "HashTableV2", {},
             {{"key_dtype", DT_STRING}, {"value_dtype", DT_INT64}});
  graph.Node(name + "/init", "InitializeTableFromTextFileV2",
             {name, name + "/path"},
             {{"key_index", int64_t{-2}}, {"value_index", int64_t{-1}}});
  graph.Const(name + "/default", Tensor::Scalar<int64_t>(-1));
  graph.Node(name + "/ids", "LookupTableFindV2",
             {name, "words", name + "/default"},
             {{"Tin", DT_STRING}, {"Tout", DT_INT64}});
}
void AddConstTable(TestGraph& graph, const std::string& name,
                   const TextVector& keys) {
  graph.Node(name, "HashTableV2", {},
             {{"key_dtype", DT_STRING}, {"value_dtype", DT_INT64}});
  std::vector<int64_t> values;
  for (size_t i = 0; i < keys.size(); ++i) values.push_back(10 + i);
  const int64_t count = static_cast<int64_t>(keys.size());
  graph.Const(name + "/keys", MakeTensor<std::string>({count}, keys));
  graph.Const(name + "/values", MakeTensor<int64_t>({count}, values));
  graph.Node(name + "/init", "InitializeTableV2",
             {name, name + "/keys", name + "/values"},
             {{"Tkey", DT_STRING}, {"Tval", DT_INT64}});
  graph.Const(name + "/default", Tensor::Scalar<int64_t>(-1));
  graph.Node(name + "/ids", "LookupTableFindV2",
             {name, "words", name + "/default"},
             {{"Tin", DT_STRING}, {"Tout", DT_INT64}});
}

class ModelInitializeTest : public ModelTest {
 protected:
  ModelInitializeTest() {
    graph_.Placeholder("words", DT_STRING);
    graph_.Variable("w", FloatVector({0, 0}));
  }
  void Collect(const std::string& collection, const std::string& name) {
    (*meta_.mutable_collection_def())[collection]
        .mutable_node_list()
        ->add_value(name);
  }
  // The `.meta` and a checkpoint with w = [3, 4].
  void Write() {
    *meta_.mutable_saver_def() = AddSaver(graph_, {"w"});
    *meta_.mutable_graph_def() = graph_.def();
    WriteMetaGraph(fs(), Path("model.meta"), meta_);
    WriteNewest("model", {3, 4});
  }
  void WriteNewest(const std::string& name, const std::vector<float>& w) {
    WriteCheckpoint(fs(), Path(name), {{"w", FloatVector(w)}});
    ASSERT_OK(UpdateCheckpointState(fs(), folder(), Path(name), {}));
  }
  void WriteText(const std::string& name, const std::string& text) {
    ASSERT_OK(WriteFileAtomically(fs(), Path(name), text));
  }
  void WriteAndLoad() {
    Write();
    ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  }
  absl::StatusOr<RunResult> Lookup(const std::string& fetch,
                                   const TextVector& words) {
    RunRequest request;
    request.feeds = {
        {"words:0",
         MakeTensor<std::string>({static_cast<int64_t>(words.size())}, words)}};
    request.fetches = {fetch};
    return Run(*model_, request);
  }
  std::vector<int64_t> Ids(const std::string& table, const TextVector& words) {
    auto result = Lookup(table + "/ids:0", words);
    EXPECT_OK(result);
    return result.ok() ? Values<int64_t>(result->outputs[0])
                       : std::vector<int64_t>();
  }

  TestGraph graph_;
  tensorflow::MetaGraphDef meta_;
};

TEST_F(ModelInitializeTest, TablesOfAMetaGraphAreReady) {
  AddConstTable(graph_, "letters", {"a", "b"});
  AddFileTable(graph_, "vocabulary", "vocab.txt");
  WriteText("vocab.txt", "the\ncat\n");
  Collect("table_initializer", "letters/init");
  Collect("table_initializer", "vocabulary/init");
  WriteAndLoad();
  EXPECT_THAT(Ids("letters", {"b", "x"}), ElementsAre(11, -1));
  EXPECT_THAT(Ids("vocabulary", {"cat", "the"}), ElementsAre(1, 0));
  EXPECT_THAT(model_->note(), IsEmpty());
  // And stay so.
  WriteNewest("model-2", {5, 6});
  ASSERT_OK(Restore(""));
  EXPECT_THAT(Ids("letters", {"b"}), ElementsAre(11));
  ASSERT_OK(model_->Rollback({}, -1, call_));
  EXPECT_THAT(Ids("vocabulary", {"cat"}), ElementsAre(1));
}

TEST_F(ModelInitializeTest, AFileOfTheTrainingMachineIsFoundBesideTheModel) {
  AddFileTable(graph_, "near", "/home/trainer/data/near.txt");
  AddFileTable(graph_, "deep", "/home/trainer/data/deep.txt");
  AddFileTable(graph_, "asset", "C:\\data\\asset.txt");
  for (const char* name : {"near", "deep", "asset"}) {
    Collect("table_initializer", absl::StrCat(name, "/init"));
  }
  WriteText("near.txt", "a\n");
  ASSERT_OK(fs().CreateDirectory(Path("data")));
  WriteText("data/deep.txt", "b\n");
  WriteText("deep.txt", "of another\nb\n");
  ASSERT_OK(fs().CreateDirectory(Path("assets")));
  WriteText("assets/asset.txt", "c\n");
  WriteAndLoad();
  EXPECT_THAT(Ids("near", {"a"}), ElementsAre(0));
  EXPECT_THAT(Ids("deep", {"b"}), ElementsAre(0));
  EXPECT_THAT(Ids("asset", {"c"}), ElementsAre(0));
  EXPECT_THAT(model_->note(),
              AllOf(HasSubstr("in place of \"/home/trainer/data/near.txt\""),
                    HasSubstr("\"near.txt\" in the model's folder is read")));
}

TEST_F(ModelInitializeTest, AFileThatIsNowhereIsNamedAndTheRestIsServed) {
  AddFileTable(graph_, "lost", "/home/trainer/lost.txt");
  AddConstTable(graph_, "letters", {"a"});
  Collect("table_initializer", "lost/init");
  Collect("table_initializer", "letters/init");
  WriteAndLoad();
  EXPECT_THAT(model_->note(), AllOf(HasSubstr("\"lost/init\""),
                                    HasSubstr("/home/trainer/lost.txt"),
                                    HasSubstr("\"lost.txt\" in the model's "
                                              "folder")));
  EXPECT_THAT(Ids("letters", {"a"}), ElementsAre(10));
  const auto ran = Lookup("lost/ids:0", {"a"});
  EXPECT_THAT(ran, HasCode(absl::StatusCode::kFailedPrecondition,
                           "Table not initialized."));
  EXPECT_THAT(ran, HasCode(absl::StatusCode::kFailedPrecondition, "lost.txt"));
  // `init` makes up for it once the file is there.
  WriteText("lost.txt", "a\n");
  ASSERT_OK_AND_ASSIGN(
      const InitializeResult result,
      model_->InitializeVariables(InitializeScope::kUninitialized, {}, false,
                                  -1, call_));
  EXPECT_THAT(result.tables, ElementsAre("lost/init", "letters/init"));
  EXPECT_THAT(result.note, HasSubstr("lost.txt"));
  EXPECT_THAT(Ids("lost", {"a"}), ElementsAre(0));
}

TEST_F(ModelInitializeTest, InitTellsWhatIsStillMissing) {
  AddFileTable(graph_, "lost", "lost.txt");
  Collect("table_initializer", "lost/init");
  WriteAndLoad();
  ASSERT_OK_AND_ASSIGN(
      const InitializeResult result,
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  EXPECT_THAT(result.initialized, ElementsAre("w"));
  EXPECT_THAT(result.note, HasSubstr("lost.txt"));
}

TEST_F(ModelInitializeTest, TheLocalInitOpRuns) {
  AddConstTable(graph_, "letters", {"a"});
  graph_.Variable("count", FloatVector({7}));
  graph_.Node("local", "NoOp", {"^letters/init", "^count/Assign"});
  Collect("local_init_op", "local");
  WriteAndLoad();
  EXPECT_THAT(Ids("letters", {"a"}), ElementsAre(10));
  RunRequest request;
  request.fetches = {"count/read:0"};
  ASSERT_OK_AND_ASSIGN(const RunResult ran, Run(*model_, request));
  EXPECT_THAT(Values<float>(ran.outputs[0]), ElementsAre(7));
}

TEST_F(ModelInitializeTest, WhatStopsTheLocalInitOpIsSaidOnce) {
  AddConstTable(graph_, "letters", {"a"});
  AddFileTable(graph_, "lost", "lost.txt");
  graph_.Variable("count", FloatVector({7}));
  graph_.Node("local", "NoOp",
              {"^letters/init", "^lost/init", "^count/Assign"});
  Collect("local_init_op", "local");
  tensorflow::VariableDef local;
  local.set_variable_name("count:0");
  local.set_initializer_name("count/Assign");
  (*meta_.mutable_collection_def())["local_variables"]
      .mutable_bytes_list()
      ->add_value(local.SerializeAsString());
  WriteAndLoad();
  EXPECT_THAT(model_->note(),
              AllOf(HasSubstr("\"lost/init\""), Not(HasSubstr("\"local\""))));
  EXPECT_THAT(Ids("letters", {"a"}), ElementsAre(10));
  RunRequest request;
  request.fetches = {"count/read:0"};
  EXPECT_OK(Run(*model_, request));
}

TEST_F(ModelInitializeTest, TablesOfAGraphWithoutCollectionsAreFilled) {
  AddConstTable(graph_, "letters", {"a"});
  WriteAndLoad();
  EXPECT_THAT(Ids("letters", {"a"}), ElementsAre(10));
}

TEST_F(ModelInitializeTest, TablesThatComeWithAnExtensionAreReady) {
  WriteAndLoad();
  TestGraph more;
  AddConstTable(more, "letters", {"a"});
  AddFileTable(more, "lost", "lost.txt");
  tensorflow::MetaGraphDef extension;
  *extension.mutable_graph_def() = more.def();
  for (const char* name : {"letters/init", "lost/init"}) {
    (*extension.mutable_collection_def())["table_initializer"]
        .mutable_node_list()
        ->add_value(name);
  }
  ASSERT_OK_AND_ASSIGN(const ExtendResult result,
                       model_->ExtendGraph({}, extension, call_));
  EXPECT_THAT(Ids("letters", {"a"}), ElementsAre(10));
  EXPECT_THAT(result.note, HasSubstr("lost.txt"));
}

}  // namespace
}  // namespace metagraph
