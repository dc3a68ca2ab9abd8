#include "client/remote_backend.h"

#include <chrono>
#include <climits>
#include <memory>
#include <string>
#include <utility>

#include "client/grpc_status.h"
#include "core/base/status.h"
#include "grpcpp/client_context.h"
#include "metagraph/v1/admin.grpc.pb.h"
#include "metagraph/v1/inference.grpc.pb.h"
#include "metagraph/v1/inspect.grpc.pb.h"

namespace metagraph {
namespace {

using v1::Admin;
using v1::Inference;
using v1::Inspect;

class RemoteBackend final : public Backend {
 public:
  RemoteBackend(Connection connection, absl::Duration timeout)
      : timeout_(timeout),
        token_(std::move(connection.token)),
        inspect_(Inspect::NewStub(connection.channel)),
        inference_(Inference::NewStub(connection.channel)),
        admin_(Admin::NewStub(connection.channel)) {}

  absl::StatusOr<v1::ListModelsResponse> ListModels(
      const v1::ListModelsRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::ListModels, request);
  }
  absl::StatusOr<v1::GetModelResponse> GetModel(
      const v1::GetModelRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::GetModel, request);
  }
  absl::StatusOr<v1::ListTensorsResponse> ListTensors(
      const v1::ListTensorsRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::ListTensors, request);
  }
  absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::ListCollections, request);
  }
  absl::StatusOr<v1::GetCollectionResponse> GetCollection(
      const v1::GetCollectionRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::GetCollection, request);
  }
  absl::StatusOr<v1::ListVariablesResponse> ListVariables(
      const v1::ListVariablesRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::ListVariables, request);
  }
  absl::Status ReadVariables(const v1::ReadVariablesRequest& request,
                             Sink<v1::ReadVariablesResponse> sink) override {
    return Streaming(*inspect_, &Inspect::Stub::ReadVariables, request, sink);
  }
  absl::Status GetGraph(const v1::GetGraphRequest& request,
                        Sink<v1::GetGraphResponse> sink) override {
    return Streaming(*inspect_, &Inspect::Stub::GetGraph, request, sink);
  }
  absl::StatusOr<v1::ExplainResponse> Explain(
      const v1::ExplainRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::Explain, request);
  }
  absl::StatusOr<v1::ListOpsResponse> ListOps(
      const v1::ListOpsRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::ListOps, request);
  }
  absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(
      const v1::ListCheckpointsRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::ListCheckpoints, request);
  }
  absl::StatusOr<v1::VerifyCheckpointResponse> VerifyCheckpoint(
      const v1::VerifyCheckpointRequest& request) override {
    return Unary(*inspect_, &Inspect::Stub::VerifyCheckpoint, request);
  }
  absl::Status Watch(const v1::WatchRequest& request,
                     Sink<v1::WatchResponse> sink) override {
    return Streaming(*inspect_, &Inspect::Stub::Watch, request, sink);
  }

  absl::StatusOr<v1::RunResponse> Run(const v1::RunRequest& request) override {
    return Unary(*inference_, &Inference::Stub::Run, request);
  }

  absl::StatusOr<v1::LoadModelResponse> LoadModel(
      const v1::LoadModelRequest& request) override {
    return Unary(*admin_, &Admin::Stub::LoadModel, request);
  }
  absl::StatusOr<v1::UnloadModelResponse> UnloadModel(
      const v1::UnloadModelRequest& request) override {
    return Unary(*admin_, &Admin::Stub::UnloadModel, request);
  }
  absl::Status Restore(const v1::RestoreRequest& request,
                       Sink<v1::RestoreResponse> sink) override {
    return Streaming(*admin_, &Admin::Stub::Restore, request, sink);
  }
  absl::StatusOr<v1::RollbackResponse> Rollback(
      const v1::RollbackRequest& request) override {
    return Unary(*admin_, &Admin::Stub::Rollback, request);
  }
  absl::Status Save(const v1::SaveRequest& request,
                    Sink<v1::SaveResponse> sink) override {
    return Streaming(*admin_, &Admin::Stub::Save, request, sink);
  }
  absl::StatusOr<v1::InitializeVariablesResponse> InitializeVariables(
      const v1::InitializeVariablesRequest& request) override {
    return Unary(*admin_, &Admin::Stub::InitializeVariables, request);
  }
  absl::StatusOr<v1::AssignVariablesResponse> AssignVariables(
      const v1::AssignVariablesRequest& request) override {
    return Unary(*admin_, &Admin::Stub::AssignVariables, request);
  }
  absl::StatusOr<v1::ExtendGraphResponse> ExtendGraph(
      const v1::ExtendGraphRequest& request) override {
    return Unary(*admin_, &Admin::Stub::ExtendGraph, request);
  }
  absl::StatusOr<v1::SetLogLevelResponse> SetLogLevel(
      const v1::SetLogLevelRequest& request) override {
    return Unary(*admin_, &Admin::Stub::SetLogLevel, request);
  }

 private:
  // protobuf dies of a message that is too large.
  static absl::Status CheckSize(const google::protobuf::MessageLite& request) {
    const size_t bytes = request.ByteSizeLong();
    if (bytes <= INT_MAX) return absl::OkStatus();
    return ResourceExhausted("the request has ", bytes,
                             " bytes, one message holds at most ", INT_MAX,
                             ": send less at a time");
  }

  void Prepare(grpc::ClientContext* context) const {
    if (!token_.empty()) {
      context->AddMetadata("authorization", "Bearer " + token_);
    }
    if (timeout_ == absl::InfiniteDuration()) return;
    context->set_deadline(std::chrono::system_clock::now() +
                          absl::ToChronoMilliseconds(timeout_));
  }

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Unary(
      Stub& stub,
      grpc::Status (Stub::*call)(grpc::ClientContext*, const Request&,
                                 Response*),
      const Request& request) const {
    RETURN_IF_ERROR(CheckSize(request));
    grpc::ClientContext context;
    Prepare(&context);
    Response response;
    const grpc::Status status = (stub.*call)(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  template <typename Stub, typename Request, typename Response>
  absl::Status Streaming(Stub& stub,
                         std::unique_ptr<grpc::ClientReader<Response>> (
                             Stub::*call)(grpc::ClientContext*, const Request&),
                         const Request& request, Sink<Response> sink) const {
    grpc::ClientContext context;
    Prepare(&context);
    const auto reader = (stub.*call)(&context, request);
    Response response;
    while (reader->Read(&response)) {
      if (absl::Status status = sink(response); !status.ok()) {
        context.TryCancel();
        reader->Finish();
        return status;
      }
    }
    return FromGrpcStatus(reader->Finish());
  }

  const absl::Duration timeout_;
  const std::string token_;
  const std::unique_ptr<Inspect::Stub> inspect_;
  const std::unique_ptr<Inference::Stub> inference_;
  const std::unique_ptr<Admin::Stub> admin_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Backend>> MakeRemoteBackend(
    const RemoteOptions& options) {
  ASSIGN_OR_RETURN(Connection connection, Connect(options.connection));
  return std::make_shared<RemoteBackend>(std::move(connection),
                                         options.timeout);
}

}  // namespace metagraph
