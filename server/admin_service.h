#pragma once

#include "metagraph/v1/admin.grpc.pb.h"
#include "server/call_support.h"
#include "server/handlers/admin_handler.h"

namespace metagraph {

// metagraph.v1.Admin over gRPC.
class AdminService final : public v1::Admin::CallbackService {
 public:
  AdminService(const AdminHandler& handler, CallSupport& support)
      : handler_(handler), support_(support) {}

  grpc::ServerUnaryReactor* LoadModel(grpc::CallbackServerContext* context,
                                      const v1::LoadModelRequest* request,
                                      v1::LoadModelResponse* response) override;
  grpc::ServerUnaryReactor* UnloadModel(
      grpc::CallbackServerContext* context,
      const v1::UnloadModelRequest* request,
      v1::UnloadModelResponse* response) override;
  grpc::ServerWriteReactor<v1::RestoreResponse>* Restore(
      grpc::CallbackServerContext* context,
      const v1::RestoreRequest* request) override;
  grpc::ServerUnaryReactor* Rollback(grpc::CallbackServerContext* context,
                                     const v1::RollbackRequest* request,
                                     v1::RollbackResponse* response) override;
  grpc::ServerWriteReactor<v1::SaveResponse>* Save(
      grpc::CallbackServerContext* context,
      const v1::SaveRequest* request) override;
  grpc::ServerUnaryReactor* InitializeVariables(
      grpc::CallbackServerContext* context,
      const v1::InitializeVariablesRequest* request,
      v1::InitializeVariablesResponse* response) override;
  grpc::ServerUnaryReactor* AssignVariables(
      grpc::CallbackServerContext* context,
      const v1::AssignVariablesRequest* request,
      v1::AssignVariablesResponse* response) override;
  grpc::ServerUnaryReactor* ExtendGraph(
      grpc::CallbackServerContext* context,
      const v1::ExtendGraphRequest* request,
      v1::ExtendGraphResponse* response) override;
  grpc::ServerUnaryReactor* SetLogLevel(
      grpc::CallbackServerContext* context,
      const v1::SetLogLevelRequest* request,
      v1::SetLogLevelResponse* response) override;

 private:
  const AdminHandler& handler_;
  CallSupport& support_;
};

}  // namespace metagraph
