#include "server/handlers/inspect_handler.h"

#include <fstream>

#include "core/checkpoint/v1_writer.h"
#include "server/handlers/describe.h"
#include "tests/server/handler_fixture.h"
#include "tests/support/expiring_clock.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InspectHandlerTest : public HandlerTest {};

TEST_F(InspectHandlerTest, DescribesTheModel) {
  v1::ListModelsResponse list;
  ASSERT_OK(inspect_.ListModels({}, call_, &list));
  ASSERT_EQ(list.models_size(), 1);
  EXPECT_EQ(list.models(0).name(), "seed");
  EXPECT_EQ(list.models(0).state(), v1::MODEL_STATE_AVAILABLE);
  EXPECT_EQ(list.models(0).checkpoint(), Path("model"));
  EXPECT_EQ(list.models(0).variable_bytes(), 48);

  v1::GetModelRequest request;
  request.set_model("seed");
  v1::GetModelResponse response;
  ASSERT_OK(inspect_.GetModel(request, call_, &response));
  EXPECT_EQ(response.model().variable_count(), 3);
  EXPECT_EQ(response.model().initialized_variable_count(), 3);
  EXPECT_EQ(response.model().tensorflow_version(), "1.15.0");
  EXPECT_EQ(response.model().last_restore().code(), 0);
  request.set_model("sed");
  EXPECT_THAT(inspect_.GetModel(request, call_, &response),
              HasCode(absl::StatusCode::kNotFound, "\"seed\""));
}

TEST_F(InspectHandlerTest, TellsTheLabelsOfAVersion) {
  ASSERT_OK(models_.SetLabels("seed", {{"stable", 0}, {"canary", 0}}));
  v1::ListModelsResponse list;
  ASSERT_OK(inspect_.ListModels({}, call_, &list));
  EXPECT_THAT(list.models(0).labels(), ElementsAre("canary", "stable"));
  v1::GetModelRequest request;
  request.set_model("seed@stable");
  v1::GetModelResponse response;
  ASSERT_OK(inspect_.GetModel(request, call_, &response));
  EXPECT_THAT(response.model().labels(), ElementsAre("canary", "stable"));
}

TEST_F(InspectHandlerTest, ListsTensorsByEveryCondition) {
  const auto names =
      [&](const std::function<void(v1::ListTensorsRequest*)>& condition) {
        v1::ListTensorsRequest request;
        request.set_model("seed");
        condition(&request);
        v1::ListTensorsResponse response;
        EXPECT_OK(inspect_.ListTensors(request, call_, &response));
        std::vector<std::string> out;
        for (const auto& tensor : response.tensors())
          out.push_back(tensor.name());
        return out;
      };
  EXPECT_THAT(names([](auto* r) {
                r->add_names("add1:0");
                r->add_names("W3");
              }),
              ElementsAre("add1:0", "W3:0"));
  EXPECT_THAT(names([](auto* r) { r->set_op("Placeholder"); }),
              ElementsAre("W3:0"));
  EXPECT_THAT(names([](auto* r) { r->set_role(v1::TENSOR_ROLE_VARIABLE); }),
              ElementsAre("W1:0", "W2:0", "Variable:0"));
  EXPECT_THAT(names([](auto* r) { r->set_collection("add1"); }),
              ElementsAre("add1:0"));
  EXPECT_THAT(names([](auto* r) { r->set_glob("add*:0"); }),
              ElementsAre("add:0", "add1:0"));
  EXPECT_THAT(names([](auto* r) {
                r->set_prefix("W1");
                r->set_op("Identity");
              }),
              ElementsAre("W1/read:0"));
}

TEST_F(InspectHandlerTest, PagesTensors) {
  v1::ListTensorsRequest request;
  request.set_model("seed");
  request.set_page_size(4);
  std::vector<std::string> all;
  int64_t total = 0;
  do {
    v1::ListTensorsResponse response;
    ASSERT_OK(inspect_.ListTensors(request, call_, &response));
    EXPECT_LE(response.tensors_size(), 4);
    for (const auto& tensor : response.tensors()) all.push_back(tensor.name());
    total = response.total_size();
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(static_cast<int64_t>(all.size()), total);
  request.set_page_token("nonsense");
  v1::ListTensorsResponse response;
  EXPECT_THAT(inspect_.ListTensors(request, call_, &response),
              HasCode(absl::StatusCode::kInvalidArgument, "nonsense"));
}

TEST_F(InspectHandlerTest, ResolvesCollections) {
  v1::ListCollectionsRequest list_request;
  list_request.set_model("seed");
  v1::ListCollectionsResponse list;
  ASSERT_OK(inspect_.ListCollections(list_request, call_, &list));
  EXPECT_EQ(list.collections_size(), 5);

  v1::GetCollectionRequest request;
  request.set_model("seed");
  request.set_collection("w1");
  v1::GetCollectionResponse response;
  ASSERT_OK(inspect_.GetCollection(request, call_, &response));
  EXPECT_EQ(response.kind(), v1::COLLECTION_KIND_BYTES_LIST);
  EXPECT_EQ(response.entries(0).bytes_value(), "W1:0");
  EXPECT_EQ(response.entries(0).tensor().name(), "W1:0");

  request.set_collection("w3");
  response.Clear();
  ASSERT_OK(inspect_.GetCollection(request, call_, &response));
  EXPECT_EQ(response.entries(0).node_value(), "W3:0");
  EXPECT_EQ(response.entries(0).tensor().op(), "Placeholder");

  request.set_collection("variables");
  response.Clear();
  ASSERT_OK(inspect_.GetCollection(request, call_, &response));
  EXPECT_EQ(response.entries(0).variable().variable_name(), "W1:0");
  request.set_collection("w4");
  EXPECT_THAT(inspect_.GetCollection(request, call_, &response),
              HasCode(absl::StatusCode::kNotFound, "w4"));
}

TEST_F(InspectHandlerTest, WhatIsNestedTooDeepForAMessageIsAnError) {
  TestGraph g;
  g.Node("v", "VarHandleOp", {},
         {{"dtype", DT_VARIANT}, {"shape", PartialShape(TensorShape())}});
  g.Const("shape", Tensor::Scalar<int32_t>(-1));
  g.Const("max", Tensor::Scalar<int32_t>(-1));
  const TestGraph::Attrs list = {{"element_dtype", DT_VARIANT},
                                 {"shape_type", DT_INT32}};
  g.Node("l0", "EmptyTensorList", {"shape", "max"}, list);
  for (int i = 1; i <= 60; ++i) {
    g.Node(absl::StrCat("l", i), "TensorListPushBack",
           {"l0", absl::StrCat("l", i - 1)}, {{"element_dtype", DT_VARIANT}});
  }
  g.Node("keep_9", "AssignVariableOp", {"v", "l9"}, {{"dtype", DT_VARIANT}});
  g.Node("keep_60", "AssignVariableOp", {"v", "l60"}, {{"dtype", DT_VARIANT}});
  const TempDir dir;
  std::ofstream(dir.Join("graph.pb")) << g.def().SerializeAsString();
  ASSERT_OK(models_.Load("lists", dir.Join("graph.pb")));
  v1::ReadVariablesRequest read;
  read.set_model("lists");
  read.add_names("v");
  const auto read_after = [&](const char* target) -> absl::Status {
    v1::RunRequest run;
    run.set_model("lists");
    run.add_target(target);
    v1::RunResponse response;
    RETURN_IF_ERROR(inference_.Run(run, call_, &response));
    return inspect_.ReadVariables(read, call_,
                                  [](const auto&) { return true; });
  };
  EXPECT_OK(read_after("keep_9"));
  EXPECT_THAT(read_after("keep_60"),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "\"v\" has variants nested more than 45 deep"));
}

TEST_F(InspectHandlerTest, ListsAndReadsVariables) {
  v1::ListVariablesRequest list_request;
  list_request.set_model("seed");
  v1::ListVariablesResponse list;
  ASSERT_OK(inspect_.ListVariables(list_request, call_, &list));
  ASSERT_EQ(list.variables_size(), 3);
  EXPECT_EQ(list.variables(0).name(), "W1");
  EXPECT_TRUE(list.variables(0).initialized());
  EXPECT_TRUE(list.variables(0).in_checkpoint());
  EXPECT_TRUE(list.variables(0).trainable());
  list_request.set_only_uninitialized(true);
  list.Clear();
  ASSERT_OK(inspect_.ListVariables(list_request, call_, &list));
  EXPECT_EQ(list.variables_size(), 0);

  v1::ReadVariablesRequest request;
  request.set_model("seed");
  request.add_names("W1");
  request.set_chunk_bytes(8);
  std::vector<float> values;
  int pieces = 0;
  ASSERT_OK(inspect_.ReadVariables(
      request, call_, [&](const v1::ReadVariablesResponse& piece) {
        EXPECT_EQ(piece.first_element(), static_cast<int64_t>(values.size()));
        for (float v : ValuesOf(piece.tensor())) values.push_back(v);
        ++pieces;
        EXPECT_EQ(piece.last(), values.size() == 4);
        return true;
      }));
  EXPECT_EQ(pieces, 2);
  EXPECT_THAT(values, ElementsAre(1, 3, 10, 15));

  request.add_begin(1);
  request.add_size(2);
  request.clear_chunk_bytes();
  ASSERT_OK(inspect_.ReadVariables(
      request, call_, [&](const v1::ReadVariablesResponse& piece) {
        EXPECT_THAT(ValuesOf(piece.tensor()), ElementsAre(3, 10));
        return true;
      }));
  request.set_size(0, 9);
  EXPECT_THAT(
      inspect_.ReadVariables(request, call_, [](const auto&) { return true; }),
      HasCode(absl::StatusCode::kInvalidArgument, "dimension 0"));
  request.set_names(0, "W9");
  EXPECT_THAT(
      inspect_.ReadVariables(request, call_, [](const auto&) { return true; }),
      HasCode(absl::StatusCode::kNotFound, "did you mean"));
  request.set_names(0, "W1");
  request.clear_begin();
  request.clear_size();
  EXPECT_THAT(
      inspect_.ReadVariables(request, call_, [](const auto&) { return false; }),
      HasCode(absl::StatusCode::kCancelled, ""));
}

TEST_F(InspectHandlerTest, SendsTheGraphWholeOrInPart) {
  v1::GetGraphRequest request;
  request.set_model("seed");
  std::string bytes;
  const auto gather = [&](const v1::GetGraphResponse& piece) {
    bytes += piece.has_data() ? piece.data() : piece.text();
    return true;
  };
  ASSERT_OK(inspect_.GetGraph(request, call_, gather));
  tensorflow::MetaGraphDef meta;
  ASSERT_TRUE(meta.ParseFromString(bytes));
  EXPECT_EQ(meta.graph_def().node_size(),
            SeedMetaGraph().graph_def().node_size());
  EXPECT_EQ(meta.collection_def_size(), 5);

  request.add_fetch("add:0");
  request.set_format(v1::GRAPH_FORMAT_DOT);
  bytes.clear();
  ASSERT_OK(inspect_.GetGraph(request, call_, gather));
  EXPECT_THAT(bytes, HasSubstr("\"W1/read\" -> \"add\""));
  EXPECT_THAT(bytes, testing::Not(HasSubstr("W2")));
  request.set_format(v1::GRAPH_FORMAT_TEXT);
  bytes.clear();
  ASSERT_OK(inspect_.GetGraph(request, call_, gather));
  EXPECT_THAT(bytes, HasSubstr("name: \"W1/read\""));
}

TEST_F(InspectHandlerTest, ExplainsWhatIsMissing) {
  v1::ExplainRequest request;
  request.set_model("seed");
  request.add_fetch("collection:add1");
  v1::ExplainResponse response;
  ASSERT_OK(inspect_.Explain(request, call_, &response));
  EXPECT_FALSE(response.runnable());
  ASSERT_EQ(response.missing_feeds_size(), 1);
  EXPECT_EQ(response.missing_feeds(0).name(), "W3:0");
  request.add_feed("W3:0");
  response.Clear();
  ASSERT_OK(inspect_.Explain(request, call_, &response));
  EXPECT_TRUE(response.runnable()) << response.error();
  EXPECT_EQ(response.op_counts().at("AddV2"), 2);
}

TEST_F(InspectHandlerTest, ListsOps) {
  v1::ListOpsRequest request;
  request.set_prefix("AddV2");
  v1::ListOpsResponse response;
  ASSERT_OK(inspect_.ListOps(request, call_, &response));
  ASSERT_EQ(response.ops_size(), 1);
  EXPECT_EQ(response.ops(0).signature(), "AddV2(x: T, y: T) -> (z: T)");
}

TEST_F(InspectHandlerTest, ListsAndVerifiesCheckpoints) {
  WriteSeedCheckpoint(fs(), Path("model-3"), {0, 0, 0, 0}, {0, 0, 0, 0});
  v1::ListCheckpointsRequest list_request;
  list_request.set_model("seed");
  v1::ListCheckpointsResponse list;
  ASSERT_OK(inspect_.ListCheckpoints(list_request, call_, &list));
  ASSERT_EQ(list.checkpoints_size(), 2);
  EXPECT_EQ(list.checkpoints(0).prefix(), Path("model-3"));
  EXPECT_TRUE(list.checkpoints(0).newest());
  EXPECT_TRUE(list.checkpoints(0).complete());
  EXPECT_EQ(list.checkpoints(0).global_step(), 3);
  EXPECT_TRUE(list.checkpoints(1).serving());
  EXPECT_EQ(list.state_file_problem(), "");

  v1::VerifyCheckpointRequest request;
  request.set_model("seed");
  v1::VerifyCheckpointResponse response;
  ASSERT_OK(inspect_.VerifyCheckpoint(request, call_, &response));
  EXPECT_TRUE(response.ok());
  EXPECT_EQ(response.checkpoint(), Path("model-3"));
  EXPECT_EQ(response.tensor_count(), 3);

  ASSERT_OK(WriteFileAtomically(fs(), Path("model-3.data-00000-of-00001"),
                                std::string(48, 'x')));
  response.Clear();
  ASSERT_OK(inspect_.VerifyCheckpoint(request, call_, &response));
  EXPECT_FALSE(response.ok());
  EXPECT_GE(response.problems_size(), 1);
  // Too short shows without reading.
  ASSERT_OK(WriteFileAtomically(fs(), Path("model-3.data-00000-of-00001"),
                                std::string(20, 'x')));
  request.set_skip_values(true);
  response.Clear();
  ASSERT_OK(inspect_.VerifyCheckpoint(request, call_, &response));
  EXPECT_FALSE(response.ok());
  list.Clear();
  ASSERT_OK(inspect_.ListCheckpoints(list_request, call_, &list));
  EXPECT_FALSE(list.checkpoints(0).complete());
  // Names that only the disk chose: any bytes.
  WriteCheckpoint(fs(), Path("model-\xff"), {{"k\xfe", FloatVector({1})}});
  list.Clear();
  ASSERT_OK(inspect_.ListCheckpoints(list_request, call_, &list));
  EXPECT_EQ(list.checkpoints(0).prefix(), Path("model-\\xff"));
  request.set_checkpoint("model-\xff");
  response.Clear();
  ASSERT_OK(inspect_.VerifyCheckpoint(request, call_, &response));
  ASSERT_EQ(response.report().extra_size(), 1);
  EXPECT_EQ(response.report().extra(0), "k\\xfe");
  request.set_checkpoint("/etc/passwd");
  EXPECT_THAT(inspect_.VerifyCheckpoint(request, call_, &response),
              HasCode(absl::StatusCode::kPermissionDenied, "/etc/passwd"));
  request.set_checkpoint("absent");
  EXPECT_THAT(inspect_.VerifyCheckpoint(request, call_, &response),
              HasCode(absl::StatusCode::kNotFound, "absent"));
}

// The call is open to everybody: what is checked is what is opened, however
// the checkpoint is named.
TEST_F(InspectHandlerTest, VerifiesNoCheckpointOfOtherFolders) {
  TempDir foreign;
  WriteSeedCheckpoint(fs(), foreign.Join("secret-1"), {0, 0, 0, 0},
                      {0, 0, 0, 0});
  ASSERT_OK(WriteFileAtomically(fs(), foreign.Join("checkpoint"),
                                "model_checkpoint_path: 'secret-1'"));
  v1::VerifyCheckpointRequest request;
  request.set_model("seed");
  v1::VerifyCheckpointResponse response;
  const std::string up =
      Path(absl::StrCat("../", Basename(foreign.path()), "/secret-1"));
  for (const std::string& name :
       {foreign.Join("secret-1"), "file://" + foreign.Join("secret-1"),
        "file://host" + foreign.Join("secret-1"), foreign.path(),
        "file://" + foreign.path(), foreign.Join("checkpoint"), up,
        "file://" + up, foreign.Join("secret-*"),
        "file://" + foreign.Join("secret-?")}) {
    request.set_checkpoint(name);
    response.Clear();
    EXPECT_THAT(inspect_.VerifyCheckpoint(request, call_, &response),
                HasCode(absl::StatusCode::kPermissionDenied, "outside"))
        << name;
    EXPECT_EQ(response.ByteSizeLong(), 0) << name;
  }
  // By a state file, too: of the model's folder and of one below it.
  ASSERT_OK(fs().CreateDirectory(Path("below")));
  for (const char* folder : {"", "below"}) {
    ASSERT_OK(WriteFileAtomically(fs(), JoinPath(Path(folder), "checkpoint"),
                                  absl::StrCat("model_checkpoint_path: '",
                                               foreign.Join("secret-1"), "'")));
  }
  request.clear_checkpoint();
  response.Clear();
  EXPECT_THAT(inspect_.VerifyCheckpoint(request, call_, &response),
              HasCode(absl::StatusCode::kPermissionDenied, "outside"));
  request.set_checkpoint("below");
  EXPECT_THAT(inspect_.VerifyCheckpoint(request, call_, &response),
              HasCode(absl::StatusCode::kNotFound, "secret-1"));
}

TEST_F(InspectHandlerTest, VerifiesAsTensorFlowNamesFiles) {
  WriteSeedCheckpoint(fs(), Path("model-3"), {0, 0, 0, 0}, {0, 0, 0, 0});
  v1::VerifyCheckpointRequest request;
  request.set_model("seed");
  request.set_checkpoint("file://" + Path("model-3"));
  v1::VerifyCheckpointResponse response;
  ASSERT_OK(inspect_.VerifyCheckpoint(request, call_, &response));
  EXPECT_TRUE(response.ok());
  EXPECT_EQ(response.checkpoint(), Path("model-3"));
}

TEST_F(InspectHandlerTest, TellsWhichFilesOfACheckpointAreMissing) {
  V1Writer writer(fs(), Path("old-00000-of-00002"));
  ASSERT_OK(writer.Add("W1", FloatVector({1, 2, 3, 4})));
  ASSERT_OK(writer.Finish());
  v1::VerifyCheckpointRequest request;
  request.set_model("seed");
  request.set_checkpoint("old-\?\?\?\?\?-of-00002");
  v1::VerifyCheckpointResponse response;
  ASSERT_OK(inspect_.VerifyCheckpoint(request, call_, &response));
  EXPECT_FALSE(response.ok());
  ASSERT_GE(response.problems_size(), 1);
  EXPECT_THAT(response.problems(0), HasSubstr("only 1 of 2 files are there"));
}

TEST_F(InspectHandlerTest, SendsStringsInPieces) {
  TestGraph graph;
  graph.Variable("words",
                 MakeTensor<std::string>({3}, {std::string(20, 'a'), "", "c"}));
  ASSERT_OK(WriteFileAtomically(fs(), Path("words.pb"),
                                graph.def().SerializeAsString()));
  ASSERT_OK(models_.Load("words", Path("words.pb")));
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("words"));
  ASSERT_OK(
      model->InitializeVariables(InitializeScope::kAll, {}, false, -1, call_));
  v1::ReadVariablesRequest request;
  request.set_model("words");
  request.set_chunk_bytes(17);
  std::vector<int> sizes;
  ASSERT_OK(inspect_.ReadVariables(
      request, call_, [&](const v1::ReadVariablesResponse& piece) {
        sizes.push_back(piece.tensor().string_val_size());
        return true;
      }));
  EXPECT_THAT(sizes, ElementsAre(1, 2)) << "at least one, then what fits";
}

TEST_F(InspectHandlerTest, AReadEndsWithItsCall) {
  v1::ReadVariablesRequest request;
  request.set_model("seed");
  request.set_chunk_bytes(4);
  int pieces = 0;
  EXPECT_THAT(inspect_.ReadVariables(request, call_,
                                     [&](const v1::ReadVariablesResponse&) {
                                       ++pieces;
                                       call_.Cancel();
                                       return true;
                                     }),
              HasCode(absl::StatusCode::kCancelled, ""));
  EXPECT_EQ(pieces, 1);
}

// Wherever its time ends, a look at files ends with it, and says nothing of
// what it has not seen.
TEST_F(InspectHandlerTest, LooksAtFilesEndWithTheirCalls) {
  WriteSeedCheckpoint(fs(), Path("model-3"), {0, 0, 0, 0}, {0, 0, 0, 0});
  const std::string folder = Path("alone");
  ASSERT_OK(fs().CreateDirectory(folder));
  WriteSeedCheckpoint(fs(), JoinPath(folder, "model"), {1, 1, 1, 1},
                      {2, 2, 2, 2});
  ModelEnvironment environment = Environment();
  environment.checkpoint_alone = true;
  ModelManager checkpoints(environment);
  ASSERT_OK(checkpoints.Load("alone", folder));
  const InspectHandler alone(checkpoints);
  using Answer = absl::StatusOr<std::string>;
  const auto list = [](const InspectHandler& handler, const char* model) {
    return [&handler, model](CallContext& call) -> Answer {
      v1::ListVariablesRequest request;
      request.set_model(model);
      v1::ListVariablesResponse response;
      RETURN_IF_ERROR(handler.ListVariables(request, call, &response));
      return response.DebugString();
    };
  };
  const std::pair<const char*, std::function<Answer(CallContext&)>> looks[] = {
      {"variables", list(inspect_, "seed")},
      {"variables of a checkpoint", list(alone, "alone")},
      {"values of a checkpoint",
       [&alone](CallContext& call) -> Answer {
         v1::ReadVariablesRequest request;
         request.set_model("alone");
         std::string out;
         RETURN_IF_ERROR(alone.ReadVariables(
             request, call, [&](const v1::ReadVariablesResponse& piece) {
               absl::StrAppend(&out, piece.DebugString());
               return true;
             }));
         return out;
       }},
      {"checkpoints",
       [this](CallContext& call) -> Answer {
         v1::ListCheckpointsRequest request;
         request.set_model("seed");
         v1::ListCheckpointsResponse response;
         RETURN_IF_ERROR(inspect_.ListCheckpoints(request, call, &response));
         return response.DebugString();
       }},
      {"a checkpoint", [this](CallContext& call) -> Answer {
         v1::VerifyCheckpointRequest request;
         request.set_model("seed");
         v1::VerifyCheckpointResponse response;
         RETURN_IF_ERROR(inspect_.VerifyCheckpoint(request, call, &response));
         return response.DebugString();
       }}};
  for (const auto& [name, look] : looks) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const std::string whole, look(call_));
    int asks = 0;
    Answer answer = absl::UnknownError("");
    for (; asks < 1000 && !answer.ok(); ++asks) {
      ExpiringClock clock(asks);
      CallContext call(ExpiringClock::Deadline(), clock);
      answer = look(call);
      if (answer.ok()) break;
      EXPECT_THAT(answer, HasCode(absl::StatusCode::kDeadlineExceeded, ""))
          << "after " << asks;
    }
    ASSERT_OK(answer);
    EXPECT_EQ(*answer, whole);
    EXPECT_GT(asks, 5) << "each read of a file is a place to end";
  }
}

TEST_F(InspectHandlerTest, ACheckpointIsNotMissingToACallThatHasEnded) {
  v1::VerifyCheckpointRequest request;
  request.set_model("seed");
  request.set_checkpoint("absent");
  v1::VerifyCheckpointResponse response;
  call_.Cancel();
  EXPECT_THAT(inspect_.VerifyCheckpoint(request, call_, &response),
              HasCode(absl::StatusCode::kCancelled, ""));
}

TEST_F(InspectHandlerTest, LongNamesAndTextsAreCut) {
  v1::GetModelRequest request;
  request.set_model(std::string(5000, 'x'));
  v1::GetModelResponse response;
  EXPECT_THAT(
      inspect_.GetModel(request, call_, &response),
      HasCode(absl::StatusCode::kInvalidArgument, "model has 5000 bytes"));
  std::string text(8191, 'x');
  for (int i = 0; i < 10; ++i) text += "\xc3\xa4";  // cut between characters
  EXPECT_EQ(ErrorTextOf(absl::InternalError(text)),
            std::string(8191, 'x') + "... and 20 bytes more");
}

TEST_F(InspectHandlerTest, TellsTheStepThatACheckpointHolds) {
  TestGraph graph;
  graph.Variable("global_step", Tensor::Scalar<int64_t>(0));
  tensorflow::MetaGraphDef meta;
  tensorflow::VariableDef variable;
  variable.set_variable_name("global_step:0");
  (*meta.mutable_collection_def())["global_step"]
      .mutable_bytes_list()
      ->add_value(variable.SerializeAsString());
  *meta.mutable_graph_def() = graph.def();
  meta.mutable_graph_def()->mutable_versions()->set_producer(134);
  ASSERT_OK(fs().CreateDirectory(Path("counts")));
  WriteMetaGraph(fs(), Path("counts/model.meta"), meta);
  WriteCheckpoint(fs(), Path("counts/model"),
                  {{"global_step", Tensor::Scalar<int64_t>(41)}});
  ASSERT_OK(
      UpdateCheckpointState(fs(), Path("counts"), Path("counts/model"), {}));
  ASSERT_OK(models_.Load("counts", Path("counts")));
  v1::ListCheckpointsRequest request;
  request.set_model("counts");
  v1::ListCheckpointsResponse response;
  ASSERT_OK(inspect_.ListCheckpoints(request, call_, &response));
  ASSERT_EQ(response.checkpoints_size(), 1);
  EXPECT_EQ(response.checkpoints(0).global_step(), 41);
  EXPECT_TRUE(response.checkpoints(0).serving());
  // Other values than those of the checkpoint.
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("counts"));
  ASSERT_OK(model->AssignVariables(
      {{"global_step", Tensor::Scalar<int64_t>(50)}}, -1, call_));
  response.Clear();
  ASSERT_OK(inspect_.ListCheckpoints(request, call_, &response));
  EXPECT_EQ(response.checkpoints(0).global_step(), 41);
  EXPECT_FALSE(response.checkpoints(0).serving());
}

TEST_F(InspectHandlerTest, PagesEndWhereNamesAreVeryLong) {
  TestGraph graph;
  const std::string scope(1 << 20, 'x');
  constexpr int kNodes = 100;
  for (int i = 0; i < kNodes; ++i) {
    graph.Const(absl::StrCat(scope, i), Tensor::Scalar<float>(1));
  }
  ASSERT_OK(WriteFileAtomically(fs(), Path("long.pb"),
                                graph.def().SerializeAsString()));
  ASSERT_OK(models_.Load("long", Path("long.pb")));
  v1::ListTensorsRequest request;
  request.set_model("long");
  int tensors = 0;
  int pages = 0;
  do {
    v1::ListTensorsResponse response;
    ASSERT_OK(inspect_.ListTensors(request, call_, &response));
    EXPECT_LT(response.ByteSizeLong(), size_t{80} << 20);
    tensors += response.tensors_size();
    ++pages;
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(tensors, kNodes);
  EXPECT_EQ(pages, 2);
}

TEST_F(InspectHandlerTest, WatchTellsTheStateAndThenEvents) {
  std::vector<v1::WatchResponse> events;
  auto watcher = inspect_.Watch({}, [](const auto&) {});
  const auto take = [&] {
    while (const auto event = watcher->Next()) events.push_back(*event);
  };
  take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind(), v1::EVENT_KIND_MODEL_STATE);
  EXPECT_EQ(events[0].state(), v1::MODEL_STATE_AVAILABLE);
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("seed"));
  watcher = inspect_.Watch({}, [](const auto&) {});
  ASSERT_OK(model->Restore({}, nullptr, call_));
  events.clear();
  take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].kind(), v1::EVENT_KIND_RESTORE);
  EXPECT_EQ(events[1].checkpoint(), Path("model"));
  for (const v1::WatchResponse& event : events) {
    EXPECT_GT(event.time().seconds(), 1'500'000'000);
    EXPECT_EQ(event.code(), 0);
    EXPECT_GT(event.generation(), 0);
  }
  RestoreOptions absent;
  absent.checkpoint = "absent";
  watcher =
      inspect_.Watch({}, [&](const auto& event) { events.push_back(*event); });
  while (watcher->Next() != nullptr) {
  }
  EXPECT_FALSE(model->Restore(absent, nullptr, call_).ok());
  ASSERT_EQ(events.size(), 3u) << "who waits is told at once";
  EXPECT_EQ(events[2].code(), static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_THAT(events[2].error(), HasSubstr("absent"));
  EXPECT_EQ(watcher->Next(), nullptr) << "and waits again";
  watcher.reset();
  ASSERT_OK(model->Restore({}, nullptr, call_));
  EXPECT_EQ(events.size(), 3u);
}

TEST_F(InspectHandlerTest, WatchTellsOfTheModelsNamed) {
  ASSERT_OK(models_.Load("second", dir_.path()));
  std::vector<std::string> told;
  v1::WatchRequest request;
  request.add_models("second");
  const auto watcher = inspect_.Watch(request, [](const auto&) {});
  for (const char* name : {"seed", "second"}) {
    ASSERT_OK_AND_ASSIGN(auto model, models_.Find(name));
    ASSERT_OK(model->Restore({}, nullptr, call_));
  }
  while (const auto event = watcher->Next()) told.push_back(event->model());
  EXPECT_THAT(told, testing::ElementsAre("second", "second"))
      << "its state, and its restore";
}

TEST_F(InspectHandlerTest, AVariableWithoutAValueCannotBeReadByName) {
  TempDir empty;
  WriteMetaGraph(fs(), empty.Join("model.meta"), SeedMetaGraph());
  ASSERT_OK(models_.Load("empty", empty.path()));
  v1::ReadVariablesRequest request;
  request.set_model("empty");
  int pieces = 0;
  const auto count = [&](const v1::ReadVariablesResponse&) {
    ++pieces;
    return true;
  };
  EXPECT_OK(inspect_.ReadVariables(request, call_, count));
  EXPECT_EQ(pieces, 0) << "of all those that have a value none is sent";
  request.add_names("W1");
  EXPECT_THAT(inspect_.ReadVariables(request, call_, count),
              HasCode(absl::StatusCode::kFailedPrecondition,
                      "variable \"W1\" has no value"));
  request.set_chunk_bytes(-1);
  EXPECT_THAT(inspect_.ReadVariables(request, call_, count),
              HasCode(absl::StatusCode::kInvalidArgument, "chunk_bytes"));
}

}  // namespace
}  // namespace metagraph
