// What callers see while the daemon ends.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "core/base/mutex.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

using grpc::StatusCode;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class DrainTest : public ServerTest {
 protected:
  HealthCheckResponse::ServingStatus Health(const std::string& service) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = health_->Check(&context, request, &response);
    EXPECT_TRUE(status.ok()) << service << ": " << status.error_message();
    return response.status();
  }
  void AddBrokenModel() {
    ASSERT_OK(fs().CreateDirectory(Path("broken")));
    WriteSeedModel(fs(), Path("broken"));
    ASSERT_OK(fs().Remove(Path("broken/model.data-00000-of-00001")));
    options_.models.push_back({"broken", Path("broken")});
  }
};

// Callers with a connection each, who do not give up.
class Callers {
 public:
  Callers(int count, const std::string& address,
          const v1::RunRequest& request) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, address, request, i] {
        grpc::ChannelArguments own;
        own.SetInt("caller", i);
        v1::Inference::Stub stub(grpc::CreateCustomChannel(
            address, grpc::InsecureChannelCredentials(), own));
        while (!stop_) Call(stub, request);
      });
    }
  }
  ~Callers() { Stop(); }

  void WaitForAnswers(int64_t count) const {
    while (answered_ < count) std::this_thread::yield();
  }
  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // How calls ended that were not answered, with the last text.
  std::map<StatusCode, std::string> ends() {
    MutexLock lock(mu_);
    return ends_;
  }

 private:
  void Call(v1::Inference::Stub& stub, const v1::RunRequest& request) {
    grpc::ClientContext context;
    v1::RunResponse response;
    const grpc::Status status = stub.Run(&context, request, &response);
    if (status.ok()) {
      ++answered_;
      return;
    }
    MutexLock lock(mu_);
    ends_[status.error_code()] = status.error_message();
  }

  std::atomic<int64_t> answered_{0};
  std::atomic<bool> stop_{false};
  Mutex mu_;
  std::map<StatusCode, std::string> ends_ GUARDED_BY(mu_);
  std::vector<std::thread> threads_;
};

TEST_F(DrainTest, CallersAreToldToTryAgain) {
  AddSeedModel();
  Start();
  for (int round = 0; round < 3; ++round) {
    Callers callers(16, server_->addresses()[0], SeedRun());
    callers.WaitForAnswers(200);
    server_->Drain(absl::ZeroDuration(), absl::Seconds(30));
    server_.reset();
    callers.Stop();
    for (const auto& [code, text] : callers.ends()) {
      EXPECT_EQ(code, StatusCode::UNAVAILABLE) << text;
    }
    Start();
  }
}

TEST_F(DrainTest, ACallThatDoesNotEndIsCutAndToldToTryAgain) {
  AddEndlessModel();
  for (const std::string& address :
       {std::string("127.0.0.1:0"), "unix:" + Path("socket")}) {
    options_.listen = {address};
    Start();
    grpc::Status status;
    std::thread caller([&] {
      v1::RunResponse response;
      status = Run(EndlessRun(), &response);
    });
    while (server_->calls_in_flight() == 0) std::this_thread::yield();
    server_->Drain(absl::ZeroDuration(), absl::Milliseconds(100));
    caller.join();
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE)
        << address << ": " << status.error_message();
    server_.reset();
  }
}

// It has begun no call, nor even HTTP/2.
TEST_F(DrainTest, AConnectionThatSaysNothingHoldsUpNobody) {
  AddSeedModel();
  options_.listen = {"127.0.0.1:0"};
  Start();
  const std::string& address = server_->addresses()[0];
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(
      static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  const int silent = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(connect(silent, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
            0);
  // Whoever comes later has been accepted later.
  v1::RunResponse response;
  ASSERT_TRUE(Run(SeedRun(), &response).ok());
  server_->Drain(absl::ZeroDuration(), absl::Seconds(300));
  // gRPC may have said what it speaks, and then it is the end.
  char byte = 0;
  while (recv(silent, &byte, 1, 0) > 0) {
  }
  EXPECT_EQ(recv(silent, &byte, 1, MSG_DONTWAIT), 0);
  close(silent);
}

// --on_load_error=serve.
TEST_F(DrainTest, HealthTellsWhichModelIsMissing) {
  AddSeedModel();
  AddBrokenModel();
  options_.serve_on_load_error = true;
  Start();
  EXPECT_EQ(Health(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Health("broken"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Health("seed"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health("metagraph.v1.Inference"), HealthCheckResponse::SERVING);
  // The configuration without it.
  options_.models.pop_back();
  grpc::ClientContext context;
  auto watch = health_->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  server_->ApplyModels(options_.models);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  context.TryCancel();
}

// Does not go on in the middle of a load until it is let go.
class SlowFileSystem final : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override {
    if (path.ends_with(".data-00000-of-00001")) {
      MutexLock lock(mu_);
      waiting_ = true;
      changed_.NotifyAll();
      while (!let_go_) changed_.Wait(mu_);
    }
    return FakeFileSystem::OpenForReading(path);
  }
  void WaitUntilReading() {
    MutexLock lock(mu_);
    while (!waiting_) changed_.Wait(mu_);
  }
  void LetGo() {
    MutexLock lock(mu_);
    let_go_ = true;
    changed_.NotifyAll();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool waiting_ GUARDED_BY(mu_) = false;
  bool let_go_ GUARDED_BY(mu_) = false;
};

TEST_F(DrainTest, AStartThatIsEndedSaysSoAndLoadsNoMore) {
  SlowFileSystem files({"/seed"});
  WriteSeedModel(files, "/seed");
  options_.models = {{"seed", "/seed"}};
  options_.listen = {"unix:" + Path("socket")};
  options_.max_tensor_memory = int64_t{1} << 40;
  CallContext call;
  absl::Status ended;
  std::thread starter([&] {
    Platform platform = Platform::Real();
    platform.files = &files;
    ended = Server::Start(options_, platform, call).status();
  });
  files.WaitUntilReading();
  Connect("unix:" + Path("socket"));
  EXPECT_EQ(Health("seed"), HealthCheckResponse::NOT_SERVING);
  v1::RunResponse response;
  EXPECT_EQ(Run(SeedRun(), &response).error_code(), StatusCode::UNAVAILABLE);
  // Who waits for a load of theirs is told to try again, too.
  grpc::Status load_ended;
  std::thread loader([&] {
    grpc::ClientContext context;
    v1::LoadModelRequest load;
    load.set_model("other");
    load.set_directory("/seed");
    load.set_wait(true);
    v1::LoadModelResponse loaded;
    load_ended = admin_->LoadModel(&context, load, &loaded);
  });
  v1::ListModelsResponse models;
  while (models.models_size() < 2) {
    grpc::ClientContext context;
    ASSERT_TRUE(inspect_->ListModels(&context, {}, &models).ok());
  }
  call.Cancel();
  files.LetGo();
  starter.join();
  loader.join();
  EXPECT_THAT(ended, HasCode(absl::StatusCode::kCancelled, ""));
  EXPECT_EQ(load_ended.error_code(), StatusCode::UNAVAILABLE)
      << load_ended.error_message();
  EXPECT_THAT(*fs().List(dir_.path()), testing::IsEmpty());
}

}  // namespace
}  // namespace metagraph
