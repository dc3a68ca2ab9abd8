#pragma once

#include <functional>

#include "absl/status/status.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "metagraph/v1/admin.pb.h"
#include "server/handlers/inspect_handler.h"

namespace metagraph {

// Reads and sets what the process logs.
struct LogControl {
  std::function<v1::LogLevel()> level;
  std::function<void(v1::LogLevel)> set_level;
  std::function<int32_t()> verbosity;
  std::function<void(int32_t)> set_verbosity;
};

// metagraph.v1.Admin: changes what is served. Knows no gRPC. Thread-safe.
class AdminHandler {
 public:
  // `models` outlives the handler. Without a log control SetLogLevel is
  // UNIMPLEMENTED.
  explicit AdminHandler(ModelManager& models, LogControl log = {})
      : models_(models), log_(std::move(log)) {}

  absl::Status LoadModel(const v1::LoadModelRequest& request, CallContext& call,
                         v1::LoadModelResponse* response) const;
  absl::Status UnloadModel(const v1::UnloadModelRequest& request,
                           CallContext& call,
                           v1::UnloadModelResponse* response) const;
  absl::Status Restore(const v1::RestoreRequest& request, CallContext& call,
                       const MessageSink<v1::RestoreResponse>& sink) const;
  absl::Status Rollback(const v1::RollbackRequest& request, CallContext& call,
                        v1::RollbackResponse* response) const;
  absl::Status Save(const v1::SaveRequest& request, CallContext& call,
                    const MessageSink<v1::SaveResponse>& sink) const;
  absl::Status InitializeVariables(
      const v1::InitializeVariablesRequest& request, CallContext& call,
      v1::InitializeVariablesResponse* response) const;
  absl::Status AssignVariables(const v1::AssignVariablesRequest& request,
                               CallContext& call,
                               v1::AssignVariablesResponse* response) const;
  absl::Status ExtendGraph(const v1::ExtendGraphRequest& request,
                           CallContext& call,
                           v1::ExtendGraphResponse* response) const;
  absl::Status SetLogLevel(const v1::SetLogLevelRequest& request,
                           CallContext& call,
                           v1::SetLogLevelResponse* response) const;

 private:
  ModelManager& models_;
  const LogControl log_;
};

}  // namespace metagraph
