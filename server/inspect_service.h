#pragma once

#include <memory>
#include <set>

#include "core/base/mutex.h"
#include "metagraph/v1/inspect.grpc.pb.h"
#include "server/call_support.h"
#include "server/handlers/inspect_handler.h"

namespace metagraph {

// metagraph.v1.Inspect over gRPC.
class InspectService final : public v1::Inspect::CallbackService {
 public:
  InspectService(const InspectHandler& handler, CallSupport& support)
      : handler_(handler), support_(support) {}

  // Ends all Watch calls, which would go on for ever, and takes no new ones.
  void EndWatches() EXCLUDES(mu_);

  grpc::ServerUnaryReactor* ListModels(
      grpc::CallbackServerContext* context,
      const v1::ListModelsRequest* request,
      v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;
  grpc::ServerUnaryReactor* ListTensors(
      grpc::CallbackServerContext* context,
      const v1::ListTensorsRequest* request,
      v1::ListTensorsResponse* response) override;
  grpc::ServerUnaryReactor* ListCollections(
      grpc::CallbackServerContext* context,
      const v1::ListCollectionsRequest* request,
      v1::ListCollectionsResponse* response) override;
  grpc::ServerUnaryReactor* GetCollection(
      grpc::CallbackServerContext* context,
      const v1::GetCollectionRequest* request,
      v1::GetCollectionResponse* response) override;
  grpc::ServerUnaryReactor* ListVariables(
      grpc::CallbackServerContext* context,
      const v1::ListVariablesRequest* request,
      v1::ListVariablesResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadVariablesResponse>* ReadVariables(
      grpc::CallbackServerContext* context,
      const v1::ReadVariablesRequest* request) override;
  grpc::ServerWriteReactor<v1::GetGraphResponse>* GetGraph(
      grpc::CallbackServerContext* context,
      const v1::GetGraphRequest* request) override;
  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context,
                                    const v1::ExplainRequest* request,
                                    v1::ExplainResponse* response) override;
  grpc::ServerUnaryReactor* ListOps(grpc::CallbackServerContext* context,
                                    const v1::ListOpsRequest* request,
                                    v1::ListOpsResponse* response) override;
  grpc::ServerUnaryReactor* ListCheckpoints(
      grpc::CallbackServerContext* context,
      const v1::ListCheckpointsRequest* request,
      v1::ListCheckpointsResponse* response) override;
  grpc::ServerUnaryReactor* VerifyCheckpoint(
      grpc::CallbackServerContext* context,
      const v1::VerifyCheckpointRequest* request,
      v1::VerifyCheckpointResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(
      grpc::CallbackServerContext* context,
      const v1::WatchRequest* request) override;

 private:
  class WatchCall;

  const InspectHandler& handler_;
  CallSupport& support_;
  Mutex mu_;
  bool ending_ GUARDED_BY(mu_) = false;
  std::set<WatchCall*> watches_ GUARDED_BY(mu_);
};

}  // namespace metagraph
