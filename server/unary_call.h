#pragma once

// Unary calls of gRPC's callback API on top of handlers that just return.

#include <utility>

#include "core/base/call_context.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/call_support.h"

namespace metagraph {

// A call whose work, absl::Status(CallContext&), is done on a pool. Deletes
// itself.
template <typename Work>
class PooledUnary final : public grpc::ServerUnaryReactor {
 public:
  PooledUnary(CallScope scope, absl::Time deadline, Work work)
      : scope_(std::move(scope)), call_(deadline), work_(std::move(work)) {}

  void Start(ThreadPool& pool) {
    pool.Schedule([this] {
      // Nothing may be touched after Finish: OnDone comes on another thread.
      Finish(scope_.Close(work_(call_)));
    });
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  CallScope scope_;
  CallContext call_;
  Work work_;
};

inline grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext& context,
                                           grpc::Status status) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  reactor->Finish(std::move(status));
  return reactor;
}

// Does the work, which fills `answer`, on the pool, if the call is admitted.
template <typename Work>
grpc::ServerUnaryReactor* StartUnary(
    CallSupport& support, ThreadPool& pool, const char* method,
    grpc::CallbackServerContext& context,
    const google::protobuf::MessageLite* answer, Work work) {
  CallScope scope(support, method, context, answer);
  if (const absl::Status status = scope.admitted(); !status.ok()) {
    return FinishNow(context, scope.Close(status));
  }
  auto* call = new PooledUnary<Work>(std::move(scope), DeadlineOf(context),
                                     std::move(work));
  call->Start(pool);
  return call;
}

}  // namespace metagraph
