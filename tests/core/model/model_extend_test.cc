// Fine-tuning in small: a served graph grows.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "tests/core/model/model_fixture.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A new head on the seed model: out = add1 * W5, and a step that lowers W5.
tensorflow::MetaGraphDef Head() {
  TestGraph graph;
  graph.Variable("W5", FloatVector({2, 2, 2, 2}));
  graph.Node("out", "Mul", {"add1", "W5/read"}, {{"T", DT_FLOAT}});
  graph.Const("one", FloatVector({1, 1, 1, 1}));
  graph.Node("train", "AssignSub", {"W5", "one"}, {{"T", DT_FLOAT}});
  tensorflow::MetaGraphDef meta;
  *meta.mutable_graph_def() = graph.def();
  AddVariableToCollections("W5", &meta);
  (*meta.mutable_collection_def())["train_op"].mutable_node_list()->add_value(
      "train");
  return meta;
}

class ExtendTest : public ModelTest {
 protected:
  ExtendTest() { LoadSeed(); }

  absl::StatusOr<ExtendResult> Extend(const tensorflow::MetaGraphDef& more,
                                      const ExtendOptions& options = {}) {
    return model_->ExtendGraph(options, more, call_);
  }
  absl::Status Target(const std::string& target) {
    RunRequest request;
    request.targets = {target};
    return Run(*model_, request).status();
  }
  std::vector<float> Out() {
    RunRequest request;
    request.feeds = {{"W3:0", FloatVector({1, 2, 3, 4})}};
    request.fetches = {"out:0"};
    auto result = Run(*model_, request);
    EXPECT_OK(result);
    return result.ok() ? Values<float>(result->outputs[0])
                       : std::vector<float>();
  }
};

TEST_F(ExtendTest, GrowsTrainsSavesAndResumes) {
  ASSERT_OK_AND_ASSIGN(const ExtendResult extended, Extend(Head()));
  EXPECT_EQ(extended.graph_version, 1);
  EXPECT_EQ(extended.added_nodes, 7);
  EXPECT_THAT(extended.added_variables, ElementsAre("W5"));
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));

  // Only the new variable has no value.
  ASSERT_OK_AND_ASSIGN(
      const InitializeResult initialized,
      model_->InitializeVariables(InitializeScope::kUninitialized, {}, false,
                                  -1, call_));
  EXPECT_THAT(initialized.initialized, ElementsAre("W5"));
  EXPECT_THAT(initialized.overwritten, IsEmpty());
  EXPECT_THAT(Out(), ElementsAre(10, 18, 30, 74));
  ASSERT_OK(Target("train"));
  EXPECT_THAT(Out(), ElementsAre(5, 9, 15, 37));

  // The old saver does not know W5; a new one was made.
  SaveOptions options;
  options.global_step = 1;
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save(options, nullptr, call_));
  EXPECT_EQ(saved.tensors, 4);
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       CheckpointReader::Open(fs(), saved.checkpoint));
  ExpectTensorEqual<float>(*reader->Read("W5"), {4}, {1, 1, 1, 1});

  // A strict restore of the old checkpoint lacks W5; a partial one leaves it.
  EXPECT_THAT(Restore("model"), HasCode(absl::StatusCode::kNotFound, "W5"));
  ASSERT_OK_AND_ASSIGN(const RestoreResult partial,
                       Restore("model", RestoreMode::kPartial));
  EXPECT_THAT(partial.report.missing, ElementsAre("W5"));
  EXPECT_THAT(Out(), ElementsAre(5, 9, 15, 37));

  // Another process goes on with the graph and the values that were saved.
  ASSERT_OK(Target("train"));
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  EXPECT_EQ(model_->graph()->variables().size(), 4u);
  EXPECT_THAT(Out(), ElementsAre(5, 9, 15, 37));
}

TEST_F(ExtendTest, TheWholeGraphMayBeSentAgain) {
  tensorflow::MetaGraphDef whole = SeedMetaGraph();
  whole.mutable_graph_def()->MergeFrom(Head().graph_def());
  ASSERT_OK_AND_ASSIGN(ExtendResult extended, Extend(whole));
  EXPECT_EQ(extended.added_nodes, 7);
  EXPECT_EQ(model_->graph()->saver_plan().variables.size(), 4u);
  ASSERT_OK_AND_ASSIGN(extended, Extend(whole));
  EXPECT_EQ(extended.added_nodes, 0);
  EXPECT_THAT(extended.added_variables, IsEmpty());
}

TEST_F(ExtendTest, APrefixKeepsTwoGraphsApart) {
  ExtendOptions options;
  options.import_prefix = "copy";
  ASSERT_OK_AND_ASSIGN(const ExtendResult extended,
                       Extend(SeedMetaGraph(), options));
  EXPECT_THAT(extended.added_variables,
              ElementsAre("copy/W1", "copy/W2", "copy/Variable"));
  const auto graph = model_->graph();
  EXPECT_NE(graph->FindVariable("copy/W1"), nullptr);
  // Neither of the two savers would keep all of them.
  EXPECT_EQ(graph->saver_plan().saver.restore_op_name(), "save_1/restore_all");
  EXPECT_EQ(graph->saver_plan().variables.size(), 6u);
  EXPECT_THAT(Add1(*model_), ElementsAre(5, 9, 15, 37));

  // The copy's saver knows its variables by the names of the others.
  ASSERT_OK(model_->InitializeVariables(InitializeScope::kUninitialized, {},
                                        false, -1, call_));
  ASSERT_OK(model_->AssignVariables({{"copy/W1", FloatVector({9, 9, 9, 9})}},
                                    -1, call_));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save({}, nullptr, call_));
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       CheckpointReader::Open(fs(), saved.checkpoint));
  ExpectTensorEqual<float>(*reader->Read("copy/W1"), {4}, {9, 9, 9, 9});
  EXPECT_NE(Values<float>(*reader->Read("W1"))[0], 9);
}

// A new variable has the name under which an old one is saved.
TEST_F(ExtendTest, AKeyThatIsTakenGivesWay) {
  tensorflow::MetaGraphDef mapped = SeedMetaGraph();
  for (auto& node : *mapped.mutable_graph_def()->mutable_node()) {
    if (!absl::EndsWith(node.name(), "tensor_names")) continue;
    auto* keys = (*node.mutable_attr())["value"].mutable_tensor();
    for (std::string& key : *keys->mutable_string_val()) {
      if (key == "W1") key = "W5";
    }
  }
  ASSERT_OK(fs().CreateDirectory(Path("mapped")));
  WriteMetaGraph(fs(), Path("mapped/model.meta"), mapped);
  ASSERT_OK_AND_ASSIGN(model_, Load(Path("mapped")));
  ASSERT_OK(Extend(Head()));
  ASSERT_OK(
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save({}, nullptr, call_));
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       CheckpointReader::Open(fs(), saved.checkpoint));
  ExpectTensorEqual<float>(*reader->Read("W5"), {4}, {1, 3, 10, 15});
  ExpectTensorEqual<float>(*reader->Read("W5_1"), {4}, {2, 2, 2, 2});
}

// As the object graph of a SavedModel, which TensorFlow wants to find.
TEST_F(ExtendTest, TheNewSaverWritesTheConstantsOfTheOldOne) {
  tensorflow::MetaGraphDef constant = SeedMetaGraph();
  TestGraph objects;
  objects.Const("objects", Tensor::Scalar<std::string>("bytes"));
  constant.mutable_graph_def()->MergeFrom(objects.def());
  for (auto& node : *constant.mutable_graph_def()->mutable_node()) {
    if (node.name() == "save/SaveV2") {
      node.add_input("objects");
      (*node.mutable_attr())["dtypes"].mutable_list()->add_type(DT_STRING);
    }
    if (!absl::StartsWith(node.name(), "save/SaveV2/")) continue;
    auto* names = (*node.mutable_attr())["value"].mutable_tensor();
    names->add_string_val(
        absl::EndsWith(node.name(), "tensor_names") ? "objects_key" : "");
    auto* size = names->mutable_tensor_shape()->mutable_dim(0);
    size->set_size(size->size() + 1);
  }
  WriteMetaGraph(fs(), Path("model.meta"), constant);
  ASSERT_OK_AND_ASSIGN(model_, Load(folder()));
  ASSERT_EQ(model_->graph()->saver_plan().constants.size(), 1u);
  ASSERT_OK(Extend(Head()));
  ASSERT_OK(model_->InitializeVariables(InitializeScope::kUninitialized, {},
                                        false, -1, call_));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save({}, nullptr, call_));
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       CheckpointReader::Open(fs(), saved.checkpoint));
  ASSERT_OK_AND_ASSIGN(const Tensor value, reader->Read("objects_key"));
  EXPECT_EQ(value.scalar<std::string>(), "bytes");
  EXPECT_OK(reader->Read("W5"));
  // Its op as well.
  EXPECT_OK(Target("save_1/control_dependency"));
}

// The graph has grown since that checkpoint was written.
TEST_F(ExtendTest, RollbackToACheckpointLeavesNewVariablesAlone) {
  ASSERT_OK(Extend(Head()));
  ASSERT_OK(model_->InitializeVariables(InitializeScope::kUninitialized, {},
                                        false, -1, call_));
  ASSERT_OK_AND_ASSIGN(const RollbackResult back,
                       model_->Rollback({}, -1, call_));
  EXPECT_TRUE(back.from_checkpoint);
  EXPECT_THAT(Out(), ElementsAre(10, 18, 30, 74));
}

// As a newer TensorFlow exports a graph that it imported.
TEST_F(ExtendTest, KnownNodesMayComeInOtherWords) {
  tensorflow::MetaGraphDef whole = SeedMetaGraph();
  for (auto& node : *whole.mutable_graph_def()->mutable_node()) {
    node.set_device("/job:worker/cpu:0");
    if (node.op() == "VariableV2") {
      (*node.mutable_attr())["container"].set_s("");
      (*node.mutable_attr())["_output_shapes"].mutable_list();
    }
    if (node.name() == "init") {
      std::reverse(node.mutable_input()->begin(), node.mutable_input()->end());
    }
  }
  whole.mutable_graph_def()->MergeFrom(Head().graph_def());
  ASSERT_OK_AND_ASSIGN(const ExtendResult extended, Extend(whole));
  EXPECT_EQ(extended.added_nodes, 7);
}

TEST_F(ExtendTest, AModelOfFormatV1StaysOne) {
  TestGraph graph;
  graph.Variable("W1", FloatVector({1, 2, 3, 4}));
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddV1Saver(graph, {"W1"});
  *meta.mutable_graph_def() = graph.def();
  ASSERT_OK(fs().CreateDirectory(Path("old")));
  WriteMetaGraph(fs(), Path("old/model.meta"), meta);
  ASSERT_OK_AND_ASSIGN(model_, Load(Path("old")));
  TestGraph more;
  more.Variable("W5", FloatVector({2, 2}));
  tensorflow::MetaGraphDef head;
  *head.mutable_graph_def() = more.def();
  ASSERT_OK(Extend(head));
  ASSERT_OK(
      model_->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save({}, nullptr, call_));
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       CheckpointReader::Open(fs(), saved.checkpoint));
  EXPECT_EQ(reader->format(), 1);
  ExpectTensorEqual<float>(*reader->Read("W5"), {2}, {2, 2});
  ASSERT_OK_AND_ASSIGN(model_, Load(Path("old")));
  EXPECT_EQ(model_->graph()->variables().size(), 2u);
}

TEST_F(ExtendTest, ASaverWithoutItsNodesIsLeftOut) {
  tensorflow::MetaGraphDef part;
  tensorflow::NodeDef* node = part.mutable_graph_def()->add_node();
  node->set_name("more");
  node->set_op("NoOp");
  part.mutable_saver_def()->set_restore_op_name("cut/restore_all");
  ASSERT_OK(Extend(part));
  const auto graph = model_->graph();
  EXPECT_EQ(graph->meta().def.saver_def().restore_op_name(),
            "save/restore_all");
  EXPECT_TRUE(graph->saver_plan().complete());
}

TEST_F(ExtendTest, RefusalsChangeNothing) {
  tensorflow::MetaGraphDef clash;
  tensorflow::NodeDef* node = clash.mutable_graph_def()->add_node();
  node->set_name("W3");
  node->set_op("NoOp");
  EXPECT_THAT(Extend(clash), HasCode(absl::StatusCode::kInvalidArgument, "W3"));
  node->set_name("new");
  node->add_input("nowhere");
  EXPECT_THAT(Extend(clash),
              HasCode(absl::StatusCode::kInvalidArgument, "nowhere"));
  const auto add =
      [](const std::vector<std::pair<std::string, std::vector<std::string>>>&
             nodes,
         DataType dtype) {
        TestGraph graph;
        for (const auto& [name, inputs] : nodes) {
          graph.Node(name, inputs.size() == 1 ? "Identity" : "AddV2", inputs,
                     {{"T", dtype}});
        }
        tensorflow::MetaGraphDef meta;
        *meta.mutable_graph_def() = graph.def();
        return meta;
      };
  EXPECT_THAT(Extend(add({{"a", {"b"}}, {"b", {"a"}}}, DT_FLOAT)),
              HasCode(absl::StatusCode::kInvalidArgument, "cycle"));
  EXPECT_THAT(Extend(add({{"a", {"W1/read:7"}}}, DT_FLOAT)),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Connecting to invalid output 7 of source node W1/read"));
  EXPECT_THAT(Extend(add({{"a", {"W1/read"}}}, DT_INT64)),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Input 0 of node a was passed float from W1/read:0 "
                      "incompatible with expected int64"));
  EXPECT_THAT(Extend(add({{"a", {"W1/read", "W1/read"}}}, DT_STRING)),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Value for attr 'T' of string is not in the list of "
                      "allowed values"));
  ExtendOptions options;
  options.expected_graph_version = 3;
  EXPECT_THAT(Extend(Head(), options),
              HasCode(absl::StatusCode::kAborted, "Current version is 0"));
  options = {};
  options.expected_generation = 99;
  EXPECT_THAT(Extend(Head(), options),
              HasCode(absl::StatusCode::kAborted, "expected 99"));
  EXPECT_EQ(model_->graph()->variables().size(), 3u);
  EXPECT_EQ(model_->graph()->meta().graph->version(), 0);
}

}  // namespace
}  // namespace metagraph
