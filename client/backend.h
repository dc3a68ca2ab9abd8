#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "metagraph/v1/admin.pb.h"
#include "metagraph/v1/inference.pb.h"
#include "metagraph/v1/inspect.pb.h"

namespace metagraph {

// Takes the messages of a streaming call one by one. An error ends the call,
// which then returns it.
template <typename Message>
using Sink = absl::FunctionRef<absl::Status(const Message&)>;

// The calls of metagraph.v1, wherever they are answered: by a daemon
// (RemoteBackend) or in this process. Thread-safe.
//
// Errors have the codes that common.proto lists and may carry details, see
// core/base/error_details.h.
class Backend {
 public:
  virtual ~Backend() = default;

  // Inspect.
  virtual absl::StatusOr<v1::ListModelsResponse> ListModels(
      const v1::ListModelsRequest& request) = 0;
  virtual absl::StatusOr<v1::GetModelResponse> GetModel(
      const v1::GetModelRequest& request) = 0;
  virtual absl::StatusOr<v1::ListTensorsResponse> ListTensors(
      const v1::ListTensorsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request) = 0;
  virtual absl::StatusOr<v1::GetCollectionResponse> GetCollection(
      const v1::GetCollectionRequest& request) = 0;
  virtual absl::StatusOr<v1::ListVariablesResponse> ListVariables(
      const v1::ListVariablesRequest& request) = 0;
  virtual absl::Status ReadVariables(const v1::ReadVariablesRequest& request,
                                     Sink<v1::ReadVariablesResponse> sink) = 0;
  virtual absl::Status GetGraph(const v1::GetGraphRequest& request,
                                Sink<v1::GetGraphResponse> sink) = 0;
  virtual absl::StatusOr<v1::ExplainResponse> Explain(
      const v1::ExplainRequest& request) = 0;
  virtual absl::StatusOr<v1::ListOpsResponse> ListOps(
      const v1::ListOpsRequest& request) = 0;
  virtual absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(
      const v1::ListCheckpointsRequest& request) = 0;
  virtual absl::StatusOr<v1::VerifyCheckpointResponse> VerifyCheckpoint(
      const v1::VerifyCheckpointRequest& request) = 0;
  virtual absl::Status Watch(const v1::WatchRequest& request,
                             Sink<v1::WatchResponse> sink) = 0;

  // Inference.
  virtual absl::StatusOr<v1::RunResponse> Run(
      const v1::RunRequest& request) = 0;

  // Admin.
  virtual absl::StatusOr<v1::LoadModelResponse> LoadModel(
      const v1::LoadModelRequest& request) = 0;
  virtual absl::StatusOr<v1::UnloadModelResponse> UnloadModel(
      const v1::UnloadModelRequest& request) = 0;
  virtual absl::Status Restore(const v1::RestoreRequest& request,
                               Sink<v1::RestoreResponse> sink) = 0;
  virtual absl::StatusOr<v1::RollbackResponse> Rollback(
      const v1::RollbackRequest& request) = 0;
  virtual absl::Status Save(const v1::SaveRequest& request,
                            Sink<v1::SaveResponse> sink) = 0;
  virtual absl::StatusOr<v1::InitializeVariablesResponse> InitializeVariables(
      const v1::InitializeVariablesRequest& request) = 0;
  virtual absl::StatusOr<v1::AssignVariablesResponse> AssignVariables(
      const v1::AssignVariablesRequest& request) = 0;
  virtual absl::StatusOr<v1::ExtendGraphResponse> ExtendGraph(
      const v1::ExtendGraphRequest& request) = 0;
  virtual absl::StatusOr<v1::SetLogLevelResponse> SetLogLevel(
      const v1::SetLogLevelRequest& request) = 0;
};

}  // namespace metagraph
