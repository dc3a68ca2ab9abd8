#pragma once

#include "metagraph/v1/inference.grpc.pb.h"
#include "server/arena_allocator.h"
#include "server/call_support.h"
#include "server/handlers/inference_handler.h"
#include "tensorflow/session_service.grpc.pb.h"

namespace metagraph {

// metagraph.v1.Inference over gRPC.
class InferenceService final : public v1::Inference::CallbackService {
 public:
  InferenceService(const InferenceHandler& handler, CallSupport& support);

  grpc::ServerUnaryReactor* Run(grpc::CallbackServerContext* context,
                                const v1::RunRequest* request,
                                v1::RunResponse* response) override;

 private:
  const InferenceHandler& handler_;
  CallSupport& support_;
  ArenaAllocator<v1::RunRequest, v1::RunResponse> allocator_;
};

// tensorflow.serving.SessionService over gRPC.
class SessionService final
    : public tensorflow::serving::SessionService::CallbackService {
 public:
  SessionService(const InferenceHandler& handler, CallSupport& support);

  grpc::ServerUnaryReactor* SessionRun(
      grpc::CallbackServerContext* context,
      const tensorflow::serving::SessionRunRequest* request,
      tensorflow::serving::SessionRunResponse* response) override;

 private:
  const InferenceHandler& handler_;
  CallSupport& support_;
  ArenaAllocator<tensorflow::serving::SessionRunRequest,
                 tensorflow::serving::SessionRunResponse>
      allocator_;
};

}  // namespace metagraph
