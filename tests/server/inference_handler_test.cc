#include "server/handlers/inference_handler.h"

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "tests/server/handler_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using tensorflow::serving::SessionRunRequest;
using tensorflow::serving::SessionRunResponse;
using testing::ElementsAre;

// Making its kernel takes a minute of this clock.
FakeClock& CompileClock() {
  static auto* clock = new FakeClock;
  return *clock;
}
class SlowToMake final : public Kernel {
 public:
  absl::Status Init(KernelConstruction&) {
    CompileClock().Advance(absl::Minutes(1));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  }
};
REGISTER_OP("TestSlowToMake", [](OpBuilder& op) {
  op.Input("x: float").Output("y: float");
  op.Kernel<SlowToMake>();
});

class InferenceHandlerTest : public HandlerTest {
 protected:
  absl::Status Run(const v1::RunRequest& request) {
    response_.Clear();
    return inference_.Run(request, call_, &response_);
  }
  absl::Status SessionRun(const SessionRunRequest& request) {
    session_response_.Clear();
    return inference_.SessionRun(request, call_, &session_response_);
  }
  static SessionRunRequest SeedSessionRun() {
    SessionRunRequest request;
    request.mutable_model_spec()->set_name("seed");
    AddFeed("W3:0", FloatVector({1, 2, 3, 4}), request.mutable_feed());
    request.add_fetch("add1:0");
    return request;
  }

  v1::RunResponse response_;
  SessionRunResponse session_response_;
};

TEST_F(InferenceHandlerTest, AnswersInTheOrderAskedWithTheGeneration) {
  v1::RunRequest request = SeedRun();
  request.add_fetch("add:0");
  ASSERT_OK(Run(request));
  ASSERT_EQ(response_.tensor_size(), 2);
  EXPECT_EQ(response_.tensor(0).name(), "add1:0");
  EXPECT_THAT(ValuesOf(response_.tensor(0).tensor()),
              ElementsAre(5, 9, 15, 37));
  EXPECT_EQ(response_.tensor(1).name(), "add:0");
  EXPECT_THAT(ValuesOf(response_.tensor(1).tensor()),
              ElementsAre(2, 5, 13, 19));
  EXPECT_EQ(response_.checkpoint(), Path("model"));
  EXPECT_GT(response_.generation(), 0);
}

// What one request was answered with must not answer another that looks alike.
TEST_F(InferenceHandlerTest, NamesAreTakenAsTheyAre) {
  v1::RunRequest request = SeedRun();
  request.add_fetch("add:0");
  ASSERT_OK(Run(request));
  request.clear_fetch();
  request.add_fetch(
      "add1:0\x01"
      "add:0");
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kNotFound, ""));

  SessionRunRequest session_run = SeedSessionRun();
  session_run.add_fetch("add:0");
  ASSERT_OK(SessionRun(session_run));
  session_run.clear_fetch();
  session_run.add_fetch(
      "add1:0\x01"
      "add:0");
  EXPECT_THAT(SessionRun(session_run),
              HasCode(absl::StatusCode::kNotFound, ""));
}

TEST_F(InferenceHandlerTest, FetchesACollection) {
  v1::RunRequest request = SeedRun();
  request.clear_fetch();
  request.add_fetch("collection:add1");
  request.add_fetch("collection:w1");
  request.add_fetch("collection:variables");
  ASSERT_OK(Run(request));
  ASSERT_EQ(response_.tensor_size(), 5);
  EXPECT_EQ(response_.tensor(0).name(), "add1:0");
  EXPECT_EQ(response_.tensor(1).name(), "W1:0");
  request.set_fetch(0, "collection:ad1");
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kNotFound, "\"add1\""));
}

TEST_F(InferenceHandlerTest, RunsOperations) {
  v1::RunRequest request;
  request.set_model("seed");
  request.add_fetch("init");
  ASSERT_OK(Run(request));
  EXPECT_EQ(response_.tensor_size(), 0);
  const int64_t after = response_.generation();
  ASSERT_OK(Run(SeedRun()));
  EXPECT_EQ(response_.generation(), after);
}

TEST_F(InferenceHandlerTest, RefusesFeedsThatDoNotFit) {
  v1::RunRequest request = SeedRun();
  request.clear_feed();
  AddFeed("W3:0", MakeTensor<int32_t>({4}, {1, 2, 3, 4}),
          request.mutable_feed());
  absl::Status status = Run(request);
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument,
                              "feed \"W3:0\" is int32 [4], expected float"));
  EXPECT_EQ(Detail(status, "expected"), "float");
  EXPECT_EQ(Detail(status, "found"), "int32");

  request.clear_feed();
  AddFeed("W3:0", MakeTensor<float>({3}, {1, 2, 3}), request.mutable_feed());
  status = Run(request);
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument,
                              "expected shape [4]"));
  EXPECT_EQ(Detail(status, "found"), "[3]");

  // A few bytes that stand for far more than may be allocated.
  tensorflow::TensorProto& huge = *request.mutable_feed(0)->mutable_tensor();
  huge.mutable_tensor_shape()->mutable_dim(0)->set_size(int64_t{1} << 36);
  huge.clear_tensor_content();
  huge.add_float_val(1);
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kInvalidArgument,
                                    "expected shape [4]"));

  request.clear_feed();
  AddFeed("W3:0", MakeTensor<float>({2, 2}, {1, 2, 3, 4}),
          request.mutable_feed());
  EXPECT_THAT(Run(request),
              HasCode(absl::StatusCode::kInvalidArgument, "float [2,2]"));
}

TEST_F(InferenceHandlerTest, RefusesAHostileShape) {
  v1::RunRequest request = SeedRun();
  auto* shape =
      request.mutable_feed(0)->mutable_tensor()->mutable_tensor_shape();
  shape->mutable_dim(0)->set_size(int64_t{1} << 60);
  EXPECT_THAT(Run(request),
              HasCode(absl::StatusCode::kInvalidArgument, "feed \"W3:0\""));
}

TEST_F(InferenceHandlerTest, NamesWhatIsMissing) {
  v1::RunRequest request = SeedRun();
  request.clear_feed();
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kInvalidArgument, "W3"));
  request = SeedRun();
  request.set_fetch(0, "ad1:0");
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kNotFound, "ad1"));
  request.set_model("sed");
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kNotFound, "\"seed\""));
  request.set_model("");
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kInvalidArgument, ""));
}

TEST_F(InferenceHandlerTest, RunsOnAPinnedGeneration) {
  ASSERT_OK(Run(SeedRun()));
  const int64_t first = response_.generation();
  WriteSeedCheckpoint(fs(), Path("zero"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("seed"));
  ASSERT_OK(model->Restore({}, nullptr, call_));
  ASSERT_OK(Run(SeedRun()));
  EXPECT_THAT(ValuesOf(response_.tensor(0).tensor()), ElementsAre(1, 2, 3, 4));
  v1::RunRequest pinned = SeedRun();
  pinned.set_generation(first);
  ASSERT_OK(Run(pinned));
  EXPECT_EQ(response_.generation(), first);
  EXPECT_THAT(ValuesOf(response_.tensor(0).tensor()),
              ElementsAre(5, 9, 15, 37));
  pinned.set_generation(999);
  EXPECT_THAT(Run(pinned), HasCode(absl::StatusCode::kNotFound, "999"));
}

TEST_F(InferenceHandlerTest, SessionRunSpeaksAsTensorFlowServing) {
  ASSERT_OK(SessionRun(SeedSessionRun()));
  ASSERT_EQ(session_response_.tensor_size(), 1);
  EXPECT_EQ(session_response_.tensor(0).name(), "add1:0");
  EXPECT_EQ(session_response_.model_spec().name(), "seed");
  EXPECT_TRUE(session_response_.model_spec().has_version());

  SessionRunRequest request = SeedSessionRun();
  request.clear_model_spec();
  EXPECT_THAT(SessionRun(request),
              HasCode(absl::StatusCode::kInvalidArgument, "Missing ModelSpec"));
  request.mutable_model_spec();
  EXPECT_THAT(SessionRun(request), HasCode(absl::StatusCode::kInvalidArgument,
                                           "ModelSpec has no name specified."));
  request.mutable_model_spec()->set_name("other");
  EXPECT_THAT(SessionRun(request),
              HasCode(absl::StatusCode::kNotFound,
                      "Servable not found for request: Latest(other)"));
  request.mutable_model_spec()->mutable_version()->set_value(3);
  EXPECT_THAT(SessionRun(request),
              HasCode(absl::StatusCode::kNotFound, "Specific(other, 3)"));
  request.mutable_model_spec()->set_version_label("stable");
  EXPECT_THAT(SessionRun(request),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Unrecognized servable version label: stable"));
  ASSERT_OK(models_.SetLabels("seed", {{"stable", 0}}));
  request.mutable_model_spec()->set_name("seed");
  EXPECT_OK(SessionRun(request));
}

TEST_F(InferenceHandlerTest, SessionRunTakesTheNamesOfASignature) {
  tensorflow::MetaGraphDef meta = SeedMetaGraph();
  auto& add = (*meta.mutable_signature_def())["add"];
  (*add.mutable_inputs())["x"].set_name("W3:0");
  (*add.mutable_outputs())["sum"].set_name("add1:0");
  ASSERT_OK(fs().CreateDirectory(Path("signed")));
  WriteSeedModel(fs(), Path("signed"));
  WriteMetaGraph(fs(), Path("signed/model.meta"), meta);
  ASSERT_OK(models_.Load("signed", Path("signed")));
  SessionRunRequest request;
  request.mutable_model_spec()->set_name("signed");
  request.mutable_model_spec()->set_signature_name("add");
  request.set_tensor_name_is_alias(true);
  AddFeed("x", FloatVector({1, 2, 3, 4}), request.mutable_feed());
  request.add_fetch("sum");
  ASSERT_OK(SessionRun(request));
  EXPECT_EQ(session_response_.tensor(0).name(), "sum");
  EXPECT_THAT(ValuesOf(session_response_.tensor(0).tensor()),
              ElementsAre(5, 9, 15, 37));
  EXPECT_EQ(session_response_.model_spec().signature_name(), "add");

  request.set_fetch(0, "x");
  EXPECT_THAT(SessionRun(request), HasCode(absl::StatusCode::kInvalidArgument,
                                           "output alias \"x\""));
  request.set_fetch(0, "sum");
  request.mutable_feed(0)->set_name("sum");
  EXPECT_THAT(SessionRun(request), HasCode(absl::StatusCode::kInvalidArgument,
                                           "input alias \"sum\""));
  request.mutable_model_spec()->clear_signature_name();
  EXPECT_THAT(SessionRun(request),
              HasCode(absl::StatusCode::kFailedPrecondition,
                      "Serving signature key \"serving_default\" not found."));
}

TEST_F(InferenceHandlerTest, TracesAreNotTaken) {
  v1::RunRequest request = SeedRun();
  request.set_trace(true);
  EXPECT_THAT(Run(request), HasCode(absl::StatusCode::kUnimplemented, "trace"));
}

TEST_F(InferenceHandlerTest, SessionRunKeepsTensorFlowsCodeForAWrongDtype) {
  SessionRunRequest request = SeedSessionRun();
  request.clear_feed();
  AddFeed("W3:0", MakeTensor<int32_t>({4}, {1, 2, 3, 4}),
          request.mutable_feed());
  EXPECT_THAT(SessionRun(request), HasCode(absl::StatusCode::kInternal, ""));
}

TEST_F(InferenceHandlerTest, CancelledAndLateRunsEnd) {
  call_.Cancel();
  EXPECT_THAT(Run(SeedRun()), HasCode(absl::StatusCode::kCancelled, ""));
  CallContext late(absl::InfinitePast());
  v1::RunResponse response;
  EXPECT_THAT(inference_.Run(SeedRun(), late, &response),
              HasCode(absl::StatusCode::kDeadlineExceeded, ""));
}

// Also before its load has begun; TensorFlow Serving says NOT_FOUND here, on
// which callers give up.
TEST_F(InferenceHandlerTest, AModelThatIsLoadingIsUnavailable) {
  models_.Announce("later", Path("later"));
  v1::RunRequest run = SeedRun();
  run.set_model("later");
  v1::RunResponse run_response;
  EXPECT_THAT(inference_.Run(run, call_, &run_response),
              HasCode(absl::StatusCode::kUnavailable, "\"later\" is loading"));
  tensorflow::serving::SessionRunRequest session;
  session.mutable_model_spec()->set_name("later");
  session.add_fetch("add1:0");
  tensorflow::serving::SessionRunResponse session_response;
  EXPECT_THAT(inference_.SessionRun(session, call_, &session_response),
              HasCode(absl::StatusCode::kUnavailable, "\"later\" is loading"));
  session.mutable_model_spec()->mutable_version()->set_value(3);
  EXPECT_THAT(inference_.SessionRun(session, call_, &session_response),
              HasCode(absl::StatusCode::kUnavailable, "\"later\" is loading"));
  session.mutable_model_spec()->set_version_label("stable");
  EXPECT_THAT(inference_.SessionRun(session, call_, &session_response),
              HasCode(absl::StatusCode::kUnavailable, "\"later\" is loading"));
  session.mutable_model_spec()->mutable_version()->set_value(3);
  session.mutable_model_spec()->set_name("latex");
  EXPECT_THAT(inference_.SessionRun(session, call_, &session_response),
              HasCode(absl::StatusCode::kNotFound, "Servable not found"));
  v1::ListTensorsRequest tensors;
  tensors.set_model("later");
  v1::ListTensorsResponse tensors_response;
  EXPECT_THAT(inspect_.ListTensors(tensors, call_, &tensors_response),
              HasCode(absl::StatusCode::kUnavailable, "\"later\" is loading"));
  v1::GetModelRequest get;
  get.set_model("later");
  v1::GetModelResponse model;
  ASSERT_OK(inspect_.GetModel(get, call_, &model));
  EXPECT_EQ(model.model().state(), v1::MODEL_STATE_LOADING);
}

TEST_F(InferenceHandlerTest, TheRunsOwnLimitEndsCompiling) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Node("slow", "TestSlowToMake", {"x"});
  g.Node("y", "Neg", {"slow"}, {{"T", DT_FLOAT}});
  ASSERT_OK(
      WriteFileAtomically(fs(), Path("slow.pb"), g.def().SerializeAsString()));
  ModelEnvironment environment = Environment();
  environment.clock = &CompileClock();
  ModelManager models(environment);
  ASSERT_OK(models.Load("slow", Path("slow.pb")));
  const InferenceHandler inference(models);
  v1::RunRequest request;
  request.set_model("slow");
  AddFeed("x:0", Tensor::Scalar<float>(1), request.mutable_feed());
  request.add_fetch("y:0");
  request.set_timeout_ms(1000);
  v1::RunResponse response;
  EXPECT_THAT(inference.Run(request, call_, &response),
              HasCode(absl::StatusCode::kDeadlineExceeded, ""));
  request.set_timeout_ms(1'000'000);
  EXPECT_OK(inference.Run(request, call_, &response));
}

}  // namespace
}  // namespace metagraph
