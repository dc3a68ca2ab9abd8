#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "metagraph/v1/inspect.pb.h"

namespace metagraph {

// Takes the messages of a streaming call one by one; false ends the call
// early, with CANCELLED.
template <typename Message>
using MessageSink = std::function<bool(const Message&)>;

// metagraph.v1.Inspect: reads only. Knows no gRPC. Thread-safe.
class InspectHandler {
 public:
  // `models` outlives the handler.
  explicit InspectHandler(ModelManager& models) : models_(models) {}

  absl::Status ListModels(const v1::ListModelsRequest& request,
                          CallContext& call,
                          v1::ListModelsResponse* response) const;
  absl::Status GetModel(const v1::GetModelRequest& request, CallContext& call,
                        v1::GetModelResponse* response) const;
  absl::Status ListTensors(const v1::ListTensorsRequest& request,
                           CallContext& call,
                           v1::ListTensorsResponse* response) const;
  absl::Status ListCollections(const v1::ListCollectionsRequest& request,
                               CallContext& call,
                               v1::ListCollectionsResponse* response) const;
  absl::Status GetCollection(const v1::GetCollectionRequest& request,
                             CallContext& call,
                             v1::GetCollectionResponse* response) const;
  absl::Status ListVariables(const v1::ListVariablesRequest& request,
                             CallContext& call,
                             v1::ListVariablesResponse* response) const;
  absl::Status ReadVariables(
      const v1::ReadVariablesRequest& request, CallContext& call,
      const MessageSink<v1::ReadVariablesResponse>& sink) const;
  absl::Status GetGraph(const v1::GetGraphRequest& request, CallContext& call,
                        const MessageSink<v1::GetGraphResponse>& sink) const;
  absl::Status Explain(const v1::ExplainRequest& request, CallContext& call,
                       v1::ExplainResponse* response) const;
  absl::Status ListOps(const v1::ListOpsRequest& request, CallContext& call,
                       v1::ListOpsResponse* response) const;
  absl::Status ListCheckpoints(const v1::ListCheckpointsRequest& request,
                               CallContext& call,
                               v1::ListCheckpointsResponse* response) const;
  absl::Status VerifyCheckpoint(const v1::VerifyCheckpointRequest& request,
                                CallContext& call,
                                v1::VerifyCheckpointResponse* response) const;

  // Events go to `listener` until the subscription is destroyed, first one for
  // each model as it is. `listener` must return at once.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };
  // An event as Watch answers it.
  static v1::WatchResponse EventToProto(const ModelEvent& event);
  std::unique_ptr<Subscription> Watch(
      const v1::WatchRequest& request,
      const std::function<void(const v1::WatchResponse&)>& listener) const;

 private:
  ModelManager& models_;
};

}  // namespace metagraph
