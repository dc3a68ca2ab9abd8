#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/tensor/tensor_proto.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "metagraph/v1/admin.grpc.pb.h"
#include "metagraph/v1/inference.grpc.pb.h"
#include "metagraph/v1/inspect.grpc.pb.h"
#include "server/server.h"
#include "tensorflow/session_service.grpc.pb.h"
#include "tests/support/seed_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {

// A real server in this process, on a port of its own, and stubs to call it.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    options_.listen = {"127.0.0.1:0"};
    options_.threads = 2;
    options_.metrics_listen = "";
  }

  static FileSystem& fs() { return FileSystem::Posix(); }
  std::string Path(const std::string& name) const { return dir_.Join(name); }

  // Adds the seed model in a folder of its own.
  void AddSeedModel() {
    ASSERT_OK(fs().CreateDirectory(Path("seed")));
    WriteSeedModel(fs(), Path("seed"));
    options_.models.push_back({"seed", Path("seed")});
  }
  // Adds a model "loop" whose fetch "exit:0" counts for ever.
  void AddEndlessModel() {
    TestGraph g;
    g.Const("zero", Tensor::Scalar<int64_t>(0));
    g.Const("limit", Tensor::Scalar<int64_t>(int64_t{1} << 62));
    g.Node("enter", "Enter", {"zero"},
           {{"T", DT_INT64}, {"frame_name", "loop"}});
    g.Node("limit_in", "Enter", {"limit"},
           {{"T", DT_INT64}, {"frame_name", "loop"}, {"is_constant", true}});
    g.Node("merge", "Merge", {"enter", "next"}, {{"T", DT_INT64}, {"N", 2}});
    g.Node("less", "Less", {"merge", "limit_in"}, {{"T", DT_INT64}});
    g.Node("cond", "LoopCond", {"less"});
    g.Node("switch", "Switch", {"merge", "cond"}, {{"T", DT_INT64}});
    g.Node("body", "Identity", {"switch:1"}, {{"T", DT_INT64}});
    g.Const("one", Tensor::Scalar<int64_t>(1), {"^body"});
    g.Node("inc", "AddV2", {"body", "one"}, {{"T", DT_INT64}});
    g.Node("next", "NextIteration", {"inc"}, {{"T", DT_INT64}});
    g.Node("exit", "Exit", {"switch"}, {{"T", DT_INT64}});
    g.def().mutable_versions()->set_producer(134);
    ASSERT_OK(WriteFileAtomically(fs(), Path("loop.pb"),
                                  g.def().SerializeAsString()));
    options_.models.push_back({"loop", Path("loop.pb")});
  }

  void Start() {
    auto started = Server::Start(options_, Platform::Real());
    ASSERT_OK(started);
    server_ = *std::move(started);
    Connect(server_->addresses()[0]);
  }
  void Connect(const std::string& address) {
    channel_ = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    inference_ = v1::Inference::NewStub(channel_);
    inspect_ = v1::Inspect::NewStub(channel_);
    admin_ = v1::Admin::NewStub(channel_);
    session_ = tensorflow::serving::SessionService::NewStub(channel_);
    health_ = grpc::health::v1::Health::NewStub(channel_);
  }

  static v1::RunRequest SeedRun() {
    v1::RunRequest request;
    request.set_model("seed");
    auto* feed = request.add_feed();
    feed->set_name("W3:0");
    TensorToProto(FloatVector({1, 2, 3, 4}), feed->mutable_tensor());
    request.add_fetch("add1:0");
    return request;
  }
  static v1::RunRequest EndlessRun() {
    v1::RunRequest request;
    request.set_model("loop");
    request.add_fetch("exit:0");
    return request;
  }
  static std::vector<float> ValuesOf(const tensorflow::TensorProto& proto) {
    auto tensor = TensorFromProto(proto);
    EXPECT_OK(tensor);
    return tensor.ok() ? Values<float>(*tensor) : std::vector<float>();
  }
  grpc::Status Run(const v1::RunRequest& request, v1::RunResponse* response) {
    grpc::ClientContext context;
    return inference_->Run(&context, request, response);
  }
  // Restores; the result, or the status as its error.
  absl::StatusOr<v1::RestoreResult> Restore(const std::string& checkpoint) {
    v1::RestoreRequest request;
    request.set_model("seed");
    request.set_checkpoint(checkpoint);
    grpc::ClientContext context;
    auto reader = admin_->Restore(&context, request);
    v1::RestoreResponse message;
    v1::RestoreResult result;
    while (reader->Read(&message)) {
      if (message.has_result()) result = message.result();
    }
    const grpc::Status status = reader->Finish();
    if (!status.ok()) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          status.error_message());
    }
    return result;
  }
  absl::StatusOr<v1::SaveResult> Save(const std::string& prefix) {
    v1::SaveRequest request;
    request.set_model("seed");
    request.set_prefix(prefix);
    grpc::ClientContext context;
    auto reader = admin_->Save(&context, request);
    v1::SaveResponse message;
    v1::SaveResult result;
    while (reader->Read(&message)) {
      if (message.has_result()) result = message.result();
    }
    const grpc::Status status = reader->Finish();
    if (!status.ok()) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          status.error_message());
    }
    return result;
  }

  TempDir dir_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Inference::Stub> inference_;
  std::unique_ptr<v1::Inspect::Stub> inspect_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<tensorflow::serving::SessionService::Stub> session_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

}  // namespace metagraph
