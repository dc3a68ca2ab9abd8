// Errors carry what a program can use of them, on every way to a caller.

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Pair;

using Details = std::map<std::string, std::string>;

Details DetailsIn(const grpc::Status& status) {
  EXPECT_FALSE(status.ok());
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.details_size(), 1) << status.error_message();
  google::rpc::ErrorInfo info;
  if (details.details_size() == 0 || !details.details(0).UnpackTo(&info)) {
    return {};
  }
  EXPECT_EQ(info.domain(), "metagraph");
  return {info.metadata().begin(), info.metadata().end()};
}

class ErrorDetailsTest : public ServerTest {
 protected:
  void SetUp() override {
    AddSeedModel();
    TestGraph g;
    g.Node("x", "Placeholder", {},
           {{"dtype", DT_FLOAT}, {"shape", PartialShape(TensorShape({4}))}});
    g.Node("odd", "OddOp", {"x"}, {{"T", DT_FLOAT}});
    g.def().mutable_versions()->set_producer(134);
    ASSERT_OK(
        WriteFileAtomically(fs(), Path("odd.pb"), g.def().SerializeAsString()));
    options_.models.push_back({"odd", Path("odd.pb")});
    Start();
  }

  // The details of the same mistake on all ways to a run.
  std::vector<Details> Runs(const std::string& model,
                            const std::vector<std::string>& feeds,
                            const std::string& fetch) {
    v1::RunRequest run;
    tensorflow::serving::SessionRunRequest session_run;
    run.set_model(model);
    session_run.mutable_model_spec()->set_name(model);
    for (const std::string& name : feeds) {
      auto* feed = run.add_feed();
      feed->set_name(name);
      TensorToProto(FloatVector({1, 2, 3, 4}), feed->mutable_tensor());
      *session_run.add_feed() = *feed;
    }
    run.add_fetch(fetch);
    session_run.add_fetch(fetch);
    std::vector<Details> out;
    v1::RunResponse response;
    out.push_back(DetailsIn(Run(run, &response)));
    grpc::ClientContext context;
    tensorflow::serving::SessionRunResponse session_response;
    out.push_back(DetailsIn(
        session_->SessionRun(&context, session_run, &session_response)));
    return out;
  }
  template <typename Request, typename Response>
  Details Ask(grpc::Status (v1::Inspect::Stub::*call)(grpc::ClientContext*,
                                                      const Request&,
                                                      Response*),
              const Request& request) {
    grpc::ClientContext context;
    Response response;
    return DetailsIn((inspect_.get()->*call)(&context, request, &response));
  }
};

TEST_F(ErrorDetailsTest, OfFeedsAndFetches) {
  for (const Details& d : Runs("seed", {"W3:0"}, "ad1:0")) {
    EXPECT_THAT(d, AllOf(Contains(Pair("name", "ad1:0")),
                         Contains(Pair("nearest", HasSubstr("add1")))));
  }
  for (const Details& d : Runs("seed", {"W3x:0"}, "add1:0")) {
    EXPECT_THAT(d, AllOf(Contains(Pair("name", "W3x:0")),
                         Contains(Pair("nearest", HasSubstr("W3")))));
  }
  for (const Details& d : Runs("seed", {}, "add1:0")) {
    EXPECT_THAT(d, AllOf(Contains(Pair("name", "W3:0")),
                         Contains(Pair("expected", HasSubstr("float")))));
  }
  for (const Details& d : Runs("seed", {"W3:0", "W3"}, "add1:0")) {
    EXPECT_THAT(d, Contains(Pair("name", "W3")));
  }
  for (const Details& d : Runs("seed", {"W3:0"}, "add1:7")) {
    EXPECT_THAT(d, Contains(Pair("name", "add1:7")));
  }
  v1::ExplainRequest explain;
  explain.set_model("seed");
  explain.add_fetch("ad1:0");
  EXPECT_THAT(Ask(&v1::Inspect::Stub::Explain, explain),
              Contains(Pair("name", "ad1:0")));
}

TEST_F(ErrorDetailsTest, OfAnOpWithoutKernel) {
  for (const Details& d : Runs("odd", {"x:0"}, "odd:0")) {
    EXPECT_THAT(d, Contains(Pair("name", "OddOp")));
  }
}

TEST_F(ErrorDetailsTest, OfModelsAndGenerations) {
  for (const Details& d : Runs("sed", {}, "add1:0")) {
    EXPECT_THAT(d, AllOf(Contains(Pair("name", "sed")),
                         Contains(Pair("nearest", "seed"))));
  }
  v1::GetModelRequest get;
  get.set_model("sed");
  EXPECT_THAT(Ask(&v1::Inspect::Stub::GetModel, get),
              Contains(Pair("nearest", "seed")));

  grpc::ClientContext contexts[4];
  v1::AssignVariablesRequest assign;
  assign.set_model("seed");
  assign.set_expected_generation(77);
  auto* value = assign.add_values();
  value->set_name("W1");
  TensorToProto(FloatVector({1, 2, 3, 4}), value->mutable_tensor());
  v1::AssignVariablesResponse assigned;
  const auto expects77 =
      AllOf(Contains(Pair("expected", "77")), Contains(Key("found")));
  EXPECT_THAT(
      DetailsIn(admin_->AssignVariables(&contexts[0], assign, &assigned)),
      expects77);
  v1::UnloadModelRequest unload;
  unload.set_model("seed");
  unload.set_expected_generation(77);
  v1::UnloadModelResponse unloaded;
  EXPECT_THAT(DetailsIn(admin_->UnloadModel(&contexts[1], unload, &unloaded)),
              expects77);
  v1::RestoreRequest restore;
  restore.set_model("seed");
  restore.set_expected_generation(77);
  EXPECT_THAT(DetailsIn(admin_->Restore(&contexts[2], restore)->Finish()),
              expects77);
  v1::RunRequest pinned = SeedRun();
  pinned.set_generation(77);
  v1::RunResponse response;
  EXPECT_THAT(DetailsIn(Run(pinned, &response)), Contains(Pair("found", "77")));
}

TEST_F(ErrorDetailsTest, OfCollectionsAndVariables) {
  v1::GetCollectionRequest collection;
  collection.set_model("seed");
  collection.set_collection("ad1");
  const auto nearest_add1 = AllOf(Contains(Pair("name", "ad1")),
                                  Contains(Pair("nearest", HasSubstr("add1"))));
  EXPECT_THAT(Ask(&v1::Inspect::Stub::GetCollection, collection), nearest_add1);
  v1::ListTensorsRequest tensors;
  tensors.set_model("seed");
  tensors.set_collection("ad1");
  EXPECT_THAT(Ask(&v1::Inspect::Stub::ListTensors, tensors), nearest_add1);
  v1::ListVariablesRequest variables;
  variables.set_model("seed");
  variables.set_collection("ad1");
  EXPECT_THAT(Ask(&v1::Inspect::Stub::ListVariables, variables), nearest_add1);
  EXPECT_THAT(Runs("seed", {}, "add1:9")[0], Contains(Key("name")));

  variables.clear_collection();
  variables.add_names("W9");
  const auto nearest_w = AllOf(Contains(Pair("name", "W9")),
                               Contains(Pair("nearest", HasSubstr("W1"))));
  EXPECT_THAT(Ask(&v1::Inspect::Stub::ListVariables, variables), nearest_w);
  grpc::ClientContext contexts[2];
  v1::InitializeVariablesRequest init;
  init.set_model("seed");
  init.add_names("W9");
  v1::InitializeVariablesResponse initialized;
  EXPECT_THAT(
      DetailsIn(admin_->InitializeVariables(&contexts[0], init, &initialized)),
      nearest_w);
  v1::AssignVariablesRequest assign;
  assign.set_model("seed");
  auto* value = assign.add_values();
  value->set_name("W1");
  TensorToProto(FloatVector({1}), value->mutable_tensor());
  v1::AssignVariablesResponse assigned;
  EXPECT_THAT(
      DetailsIn(admin_->AssignVariables(&contexts[1], assign, &assigned)),
      AllOf(Contains(Pair("name", "W1")),
            Contains(Pair("expected", HasSubstr("[4]"))),
            Contains(Pair("found", HasSubstr("[1]")))));
}

}  // namespace
}  // namespace metagraph
