// What all calls on a model have in common: which model they mean, and that
// those that change it compare the generation that the caller expects.

#include <functional>

#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;

class EveryCallTest : public HandlerTest {
 protected:
  struct Call {
    const char* name;
    std::unique_ptr<google::protobuf::Message> request;
    std::function<absl::Status(const google::protobuf::Message&)> run;
  };

  template <typename Request, typename Response, typename Handler>
  Call Unary(const char* name, Handler& handler,
             absl::Status (Handler::*method)(const Request&, CallContext&,
                                             Response*) const,
             const Request& request) {
    return {name, std::make_unique<Request>(request),
            [this, &handler, method](const google::protobuf::Message& message) {
              Response response;
              return (handler.*method)(static_cast<const Request&>(message),
                                       call_, &response);
            }};
  }
  template <typename Request, typename Response, typename Handler>
  Call Stream(const char* name, Handler& handler,
              absl::Status (Handler::*method)(const Request&, CallContext&,
                                              const MessageSink<Response>&)
                  const,
              const Request& request) {
    return {name, std::make_unique<Request>(request),
            [this, &handler, method](const google::protobuf::Message& message) {
              return (handler.*method)(static_cast<const Request&>(message),
                                       call_,
                                       [](const Response&) { return true; });
            }};
  }

  std::vector<Call> Changes() {
    v1::AssignVariablesRequest assign;
    AddFeed("W1", FloatVector({1, 2, 3, 4}), assign.mutable_values());
    v1::ExtendGraphRequest extend;
    TestGraph more;
    more.Const("added", FloatVector({1}));
    *extend.mutable_graph() = more.def();
    v1::SaveRequest save;
    save.set_prefix("next");
    v1::InitializeVariablesRequest initialize;
    initialize.add_names("W1");
    std::vector<Call> out;
    out.push_back(Stream("Restore", admin_, &AdminHandler::Restore,
                         v1::RestoreRequest()));
    out.push_back(Stream("Save", admin_, &AdminHandler::Save, save));
    out.push_back(
        Unary("Assign", admin_, &AdminHandler::AssignVariables, assign));
    out.push_back(Unary("Initialize", admin_,
                        &AdminHandler::InitializeVariables, initialize));
    out.push_back(Unary("Extend", admin_, &AdminHandler::ExtendGraph, extend));
    out.push_back(Unary("Rollback", admin_, &AdminHandler::Rollback,
                        v1::RollbackRequest()));
    out.push_back(Unary("Unload", admin_, &AdminHandler::UnloadModel,
                        v1::UnloadModelRequest()));
    return out;
  }
  std::vector<Call> Reads() {
    v1::RunRequest run = SeedRun();
    v1::GetCollectionRequest collection;
    collection.set_collection("variables");
    std::vector<Call> out;
    out.push_back(Unary<v1::RunRequest, v1::RunResponse, InferenceHandler>(
        "Run", inference_, &InferenceHandler::Run, run));
    out.push_back(Unary("GetModel", inspect_, &InspectHandler::GetModel,
                        v1::GetModelRequest()));
    out.push_back(Unary("ListTensors", inspect_, &InspectHandler::ListTensors,
                        v1::ListTensorsRequest()));
    out.push_back(Unary("ListCollections", inspect_,
                        &InspectHandler::ListCollections,
                        v1::ListCollectionsRequest()));
    out.push_back(Unary("GetCollection", inspect_,
                        &InspectHandler::GetCollection, collection));
    out.push_back(Unary("ListVariables", inspect_,
                        &InspectHandler::ListVariables,
                        v1::ListVariablesRequest()));
    out.push_back(Stream("ReadVariables", inspect_,
                         &InspectHandler::ReadVariables,
                         v1::ReadVariablesRequest()));
    out.push_back(Stream("GetGraph", inspect_, &InspectHandler::GetGraph,
                         v1::GetGraphRequest()));
    out.push_back(Unary("ListCheckpoints", inspect_,
                        &InspectHandler::ListCheckpoints,
                        v1::ListCheckpointsRequest()));
    out.push_back(Unary("VerifyCheckpoint", inspect_,
                        &InspectHandler::VerifyCheckpoint,
                        v1::VerifyCheckpointRequest()));
    return out;
  }

  static void SetText(google::protobuf::Message& message, const char* field,
                      const std::string& value) {
    const auto* found = message.GetDescriptor()->FindFieldByName(field);
    ASSERT_NE(found, nullptr) << field;
    message.GetReflection()->SetString(&message, found, value);
  }
  static void SetNumber(google::protobuf::Message& message, const char* field,
                        int64_t value) {
    const auto* found = message.GetDescriptor()->FindFieldByName(field);
    ASSERT_NE(found, nullptr) << field;
    message.GetReflection()->SetInt64(&message, found, value);
  }
};

// Also before its load has begun. Only GetModel answers, with the state.
TEST_F(EveryCallTest, AModelThatIsLoadingIsUnavailable) {
  models_.Announce("later", Path("later"));
  std::vector<Call> calls = Reads();
  for (Call& call : Changes()) calls.push_back(std::move(call));
  for (Call& call : calls) {
    SCOPED_TRACE(call.name);
    for (const char* name : {"later", "later@stable"}) {
      if (call.name == std::string("GetModel") &&
          name == std::string("later")) {
        continue;
      }
      SetText(*call.request, "model", name);
      EXPECT_THAT(call.run(*call.request),
                  HasCode(StatusCode::kUnavailable, "\"later\" is loading"));
    }
  }
}

TEST_F(EveryCallTest, TakesALabelForAVersion) {
  ASSERT_OK(models_.SetLabels("seed", {{"stable", 0}}));
  for (Call& call : Reads()) {
    SCOPED_TRACE(call.name);
    SetText(*call.request, "model", "seed@stable");
    EXPECT_OK(call.run(*call.request));
    SetText(*call.request, "model", "seed@canary");
    EXPECT_THAT(call.run(*call.request),
                HasCode(StatusCode::kNotFound, "no label \"canary\""));
  }
}

TEST_F(EveryCallTest, NamesItsModelAndVersion) {
  std::vector<Call> calls = Reads();
  for (Call& call : Changes()) calls.push_back(std::move(call));
  for (Call& call : calls) {
    SCOPED_TRACE(call.name);
    SetText(*call.request, "model", "");
    EXPECT_THAT(call.run(*call.request), testing::Not(IsOk()));
    SetText(*call.request, "model", "sead");
    EXPECT_THAT(call.run(*call.request),
                HasCode(StatusCode::kNotFound, "\"seed\""));
    SetText(*call.request, "model", "seed");
    SetNumber(*call.request, "version", 7);
    EXPECT_THAT(call.run(*call.request),
                HasCode(StatusCode::kNotFound, "version 7"));
  }
  for (Call& call : Reads()) {
    SCOPED_TRACE(call.name);
    SetText(*call.request, "model", "seed");
    EXPECT_OK(call.run(*call.request));
    SetNumber(*call.request, "version", 0);
    EXPECT_OK(call.run(*call.request));
  }
}

TEST_F(EveryCallTest, ThatChangesAModelComparesTheGeneration) {
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("seed"));
  for (Call& call : Changes()) {
    SCOPED_TRACE(call.name);
    const int64_t now = model->generation_number();
    const int64_t version = model->graph()->meta().graph->version();
    const auto files = *fs().List(dir_.path());
    SetText(*call.request, "model", "seed");
    for (const int64_t expected : {now + 1, now - 1}) {
      SetNumber(*call.request, "expected_generation", expected);
      EXPECT_THAT(
          call.run(*call.request),
          HasCode(StatusCode::kAborted, absl::StrCat("generation is ", now,
                                                     ", expected ", expected)));
    }
    EXPECT_EQ(model->generation_number(), now) << "nothing has changed";
    EXPECT_EQ(model->graph()->meta().graph->version(), version);
    EXPECT_EQ(*fs().List(dir_.path()), files);
    EXPECT_OK(models_.Find("seed"));
    SetNumber(*call.request, "expected_generation", now);
    EXPECT_OK(call.run(*call.request));
  }
}

TEST_F(EveryCallTest, LoadExpectsNoGeneration) {
  v1::LoadModelRequest request;
  request.set_model("second");
  request.set_directory(dir_.path());
  request.set_expected_generation(1);
  v1::LoadModelResponse response;
  EXPECT_THAT(admin_.LoadModel(request, call_, &response),
              HasCode(StatusCode::kAborted, "expected 1"));
  request.set_expected_generation(0);
  EXPECT_OK(admin_.LoadModel(request, call_, &response));
  request.set_directory("");
  EXPECT_THAT(admin_.LoadModel(request, call_, &response),
              HasCode(StatusCode::kInvalidArgument, "no directory"));
}

TEST_F(EveryCallTest, BoundsOfNumbersAreKept) {
  v1::SaveRequest save;
  save.set_model("seed");
  const auto saved = [&] {
    return admin_.Save(save, call_, [](const auto&) { return true; });
  };
  save.set_shards(99999);
  EXPECT_OK(saved());
  save.set_shards(100000);
  EXPECT_THAT(saved(), HasCode(StatusCode::kInvalidArgument,
                               "shards is 100000, expected 0 to 99999"));
  save.set_shards(0);
  save.set_keep(-1);
  EXPECT_OK(saved());
  save.set_keep(-2);
  EXPECT_THAT(saved(), HasCode(StatusCode::kInvalidArgument,
                               "keep is -2, expected -1 or more"));
  save.set_keep(0);
  save.set_global_step(0);
  EXPECT_OK(saved());
  save.set_global_step(-1);
  EXPECT_THAT(saved(), HasCode(StatusCode::kInvalidArgument,
                               "global_step is -1, expected at least 0"));
  v1::RunRequest run = SeedRun();
  v1::RunResponse response;
  run.set_timeout_ms(-1);
  EXPECT_THAT(inference_.Run(run, call_, &response),
              HasCode(StatusCode::kInvalidArgument,
                      "timeout_ms is -1, expected 0 or more"));
  v1::RestoreRequest restore;
  restore.set_model("seed");
  restore.set_mode(static_cast<v1::RestoreMode>(77));
  EXPECT_THAT(admin_.Restore(restore, call_, [](const auto&) { return true; }),
              HasCode(StatusCode::kInvalidArgument, "unknown restore mode 77"));
}

}  // namespace
}  // namespace metagraph
