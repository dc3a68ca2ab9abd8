// Start, health, drain, and who may change what.

#include <thread>

#include "absl/strings/match.h"
#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using testing::HasSubstr;

class LifecycleTest : public ServerTest {};

TEST_F(LifecycleTest, WritesTheBoundPorts) {
  AddSeedModel();
  options_.listen = {"127.0.0.1:0", "unix:" + Path("socket")};
  options_.admin_listen = "127.0.0.1:0";
  options_.port_file = Path("ports");
  Start();
  ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(fs(), Path("ports")));
  EXPECT_EQ(text, server_->addresses()[0] + "\nunix:" + Path("socket") + "\n" +
                      server_->admin_address() + "\n");
  EXPECT_THAT(text, testing::Not(HasSubstr(":0\n")));
  EXPECT_THAT(*fs().List(dir_.path()),
              testing::UnorderedElementsAre("ports", "seed", "socket"))
      << "nothing else is left";
  Connect("unix:" + Path("socket"));
  v1::RunResponse response;
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
}

TEST_F(LifecycleTest, PortInUseIsAClearError) {
  AddSeedModel();
  Start();
  ServerOptions second = options_;
  second.listen = {"127.0.0.1:0", server_->addresses()[0]};
  EXPECT_THAT(Server::Start(second, Platform::Real()),
              HasCode(absl::StatusCode::kUnavailable,
                      "cannot listen on " + server_->addresses()[0] +
                          ": Address already in use"));
}

TEST_F(LifecycleTest, UnreadableModelsAreClearErrors) {
  options_.models = {{"gone", Path("gone")}};
  EXPECT_THAT(Server::Start(options_, Platform::Real()),
              HasCode(absl::StatusCode::kNotFound, "model \"gone\""));
  ASSERT_OK(fs().CreateDirectory(Path("bad")));
  ASSERT_OK(WriteFileAtomically(fs(), Path("bad/model.meta"), "no graph"));
  options_.models = {{"bad", Path("bad")}};
  EXPECT_THAT(Server::Start(options_, Platform::Real()),
              HasCode(absl::StatusCode::kDataLoss, "model \"bad\""));
}

TEST_F(LifecycleTest, HealthTellsTheTruthUntilTheEnd) {
  AddSeedModel();
  Start();
  for (const char* service :
       {"", "metagraph.v1.Inference", "tensorflow.serving.SessionService"}) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    ASSERT_TRUE(health_->Check(&context, request, &response).ok()) << service;
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  }
  {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service("unknown");
    HealthCheckResponse response;
    EXPECT_EQ(health_->Check(&context, request, &response).error_code(),
              grpc::StatusCode::NOT_FOUND);
  }

  grpc::ClientContext context;
  auto reader = health_->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  std::thread drain(
      [&] { server_->Drain(absl::Hours(24), absl::Seconds(30)); });
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  for (const char* service :
       {"metagraph.v1.Admin", "tensorflow.serving.SessionService"}) {
    grpc::ClientContext of_one;
    HealthCheckRequest request;
    request.set_service(service);
    ASSERT_TRUE(health_->Check(&of_one, request, &response).ok()) << service;
    EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING) << service;
  }
  {
    grpc::ClientContext of_process;
    HealthCheckRequest request;
    request.set_service("liveness");
    ASSERT_TRUE(health_->Check(&of_process, request, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  }
  // In the grace calls are still answered.
  v1::RunResponse run_response;
  EXPECT_TRUE(Run(SeedRun(), &run_response).ok());
  context.TryCancel();
  server_->HurryDrain();
  drain.join();
  EXPECT_FALSE(Run(SeedRun(), &run_response).ok());
}

TEST_F(LifecycleTest, DrainWaitsForCallsUnderWayAndEndsWatches) {
  AddEndlessModel();
  Start();
  grpc::ClientContext watch_context;
  auto watch = inspect_->Watch(&watch_context, {});
  v1::WatchResponse event;
  ASSERT_TRUE(watch->Read(&event));

  grpc::Status status;
  std::thread caller([&] {
    v1::RunRequest request = EndlessRun();
    request.set_timeout_ms(300);
    v1::RunResponse response;
    status = Run(request, &response);
  });
  while (server_->calls_in_flight() == 0) std::this_thread::yield();
  server_->Drain(absl::ZeroDuration(), absl::Seconds(60));
  caller.join();
  // Its own limit ended it, not the drain.
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  while (watch->Read(&event)) {
  }
  const grpc::Status end = watch->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(end.error_message(), "the server is draining");
}

TEST_F(LifecycleTest, StateIsChangedOnLoopbackOrTheAdminListenerOnly) {
  AddSeedModel();
  options_.listen = {"0.0.0.0:0"};
  Start();
  const std::string port =
      server_->addresses()[0].substr(server_->addresses()[0].rfind(':'));
  Connect("127.0.0.1" + port);
  v1::RunResponse response;
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
  EXPECT_THAT(Restore(""),
              HasCode(absl::StatusCode::kPermissionDenied, "--admin_listen"));
  server_.reset();

  options_.listen = {"127.0.0.1:0"};
  options_.admin_listen = "127.0.0.1:0";
  Start();
  EXPECT_THAT(Restore(""), HasCode(absl::StatusCode::kPermissionDenied, ""));
  Connect(server_->admin_address());
  EXPECT_OK(Restore(""));
}

TEST_F(LifecycleTest, RescanRestoresWhatIsNew) {
  AddSeedModel();
  Start();
  grpc::ClientContext context;
  auto watch = inspect_->Watch(&context, {});
  v1::WatchResponse event;
  ASSERT_TRUE(watch->Read(&event));
  WriteSeedCheckpoint(fs(), Path("seed/model-3"), {0, 0, 0, 0}, {0, 0, 0, 0});
  server_->RescanModels();
  ASSERT_TRUE(watch->Read(&event));
  EXPECT_EQ(event.kind(), v1::EVENT_KIND_RESTORE);
  EXPECT_EQ(event.checkpoint(), Path("seed/model-3"));
  context.TryCancel();
}

// Before models take their time to load.
TEST_F(LifecycleTest, APortFileThatCannotBeWrittenIsNoticedFirst) {
  options_.models = {{"gone", Path("gone")}};
  options_.port_file = Path("absent/ports");
  EXPECT_THAT(Server::Start(options_, Platform::Real()),
              HasCode(absl::StatusCode::kNotFound, "--port_file"));
}

// Though callers still run on the one that goes.
TEST_F(LifecycleTest, AModelCanBeLoadedRightAfterItWasUnloaded) {
  AddSeedModel();
  Start();
  std::atomic<bool> done = false;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!done) {
        v1::RunResponse response;
        const grpc::Status status = Run(SeedRun(), &response);
        if (status.ok()) continue;
        // Unloaded for a moment: NOT_FOUND, or UNAVAILABLE while it goes.
        EXPECT_THAT(status.error_code(),
                    testing::AnyOf(grpc::StatusCode::NOT_FOUND,
                                   grpc::StatusCode::UNAVAILABLE))
            << status.error_message();
      }
    });
  }
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    grpc::ClientContext unload_context;
    v1::UnloadModelRequest unload;
    unload.set_model("seed");
    v1::UnloadModelResponse unloaded;
    EXPECT_TRUE(admin_->UnloadModel(&unload_context, unload, &unloaded).ok());
    grpc::ClientContext load_context;
    v1::LoadModelRequest load;
    load.set_model("seed");
    load.set_directory(Path("seed"));
    load.set_wait(true);
    v1::LoadModelResponse loaded;
    const grpc::Status status = admin_->LoadModel(&load_context, load, &loaded);
    EXPECT_TRUE(status.ok()) << i << ": " << status.error_message();
    EXPECT_EQ(loaded.generation(), 1);
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
}

// A version that is copied file by file, and then removed.
TEST_F(LifecycleTest, WatchTakesVersionsThatAreWholeAndFollowsTheirRemoval) {
  for (const char* version : {"v", "v/1", "new"}) {
    ASSERT_OK(fs().CreateDirectory(Path(version)));
  }
  WriteSeedModel(fs(), Path("v/1"));
  WriteSeedModel(fs(), Path("new"));
  options_.models.push_back({"seed", Path("v")});
  options_.watch = absl::Milliseconds(20);
  Start();
  const auto model = [&](int64_t version) {
    grpc::ClientContext context;
    v1::GetModelRequest request;
    request.set_model("seed");
    if (version > 0) request.set_version(version);
    v1::GetModelResponse response;
    const grpc::Status status =
        inspect_->GetModel(&context, request, &response);
    EXPECT_TRUE(version > 0 || status.ok()) << status.error_message();
    return response.model();
  };
  ASSERT_OK(fs().CreateDirectory(Path("v/2")));
  for (const char* name :
       {"model.meta", "model.data-00000-of-00001", "model.index"}) {
    EXPECT_EQ(model(0).version(), 1);
    v1::RunResponse response;
    EXPECT_TRUE(Run(SeedRun(), &response).ok());
    const std::string path = std::string("/") + name;
    ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(fs(), Path("new") + path));
    ASSERT_OK(WriteFileAtomically(fs(), Path("v/2") + path, bytes));
    while (model(0).version() == 1 &&
           !absl::StrContains(model(0).awaited(), "version 2")) {
      std::this_thread::yield();
    }
  }
  while (model(0).version() != 2) std::this_thread::yield();
  while (model(1).state() != v1::MODEL_STATE_UNSPECIFIED) {
    std::this_thread::yield();  // unloaded
  }
  for (const char* name :
       {"model.meta", "model.data-00000-of-00001", "model.index"}) {
    ASSERT_OK(fs().Remove(Path("v/2/") + name));
  }
  EXPECT_EQ(model(0).version(), 2);
  ASSERT_OK(fs().RemoveDirectory(Path("v/2")));
  while (model(0).version() != 1) std::this_thread::yield();
  v1::RunResponse response;
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
}

}  // namespace
}  // namespace metagraph
