#pragma once

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "metagraph/v1/inspect.pb.h"
#include "server/handlers/event_feed.h"
#include "server/handlers/message_source.h"

namespace metagraph {

// metagraph.v1.Inspect: reads only. Knows no gRPC. Thread-safe.
class InspectHandler {
 public:
  // `models` outlives the handler.
  explicit InspectHandler(ModelManager& models)
      : models_(models), feed_(std::make_unique<EventFeed>(models)) {}

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
  // Streams, to be asked for their messages one by one; the request and the
  // call outlive them. ReadVariables and GetGraph send all to a sink.
  absl::StatusOr<std::unique_ptr<MessageSource<v1::ReadVariablesResponse>>>
  OpenVariables(const v1::ReadVariablesRequest& request,
                CallContext& call) const;
  absl::StatusOr<std::unique_ptr<MessageSource<v1::GetGraphResponse>>>
  OpenGraph(const v1::GetGraphRequest& request, CallContext& call) const;
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

  // The request is not needed afterwards.
  std::unique_ptr<EventFeed::Watcher> Watch(
      const v1::WatchRequest& request, EventFeed::Listener listener) const {
    return feed_->Watch(request, std::move(listener));
  }

 private:
  ModelManager& models_;
  const std::unique_ptr<EventFeed> feed_;
};

}  // namespace metagraph
