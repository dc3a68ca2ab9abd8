#pragma once

// Unary calls of gRPC's callback API on top of handlers that just return.

#include <type_traits>
#include <utility>

#include "core/base/call_context.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/call_support.h"

namespace metagraph {

// A call whose work, absl::Status(CallContext&) or, where the work knows more
// of the call than its request says, absl::Status(CallContext&, CallRecord&),
// is done on a pool. Deletes itself.
template <typename Work>
class PooledUnary final : public grpc::ServerUnaryReactor {
 public:
  PooledUnary(CallScope scope, absl::Time deadline, Work work)
      : scope_(std::move(scope)), call_(deadline), work_(std::move(work)) {}

  void Start(ThreadPool& pool) {
    scope_.support().counts.queued.fetch_add(1, std::memory_order_relaxed);
    pool.Schedule([this] {
      scope_.support().counts.queued.fetch_sub(1, std::memory_order_relaxed);
      scope_.RecordStart();
      // Nothing may be touched after Finish: OnDone comes on another thread.
      Finish(scope_.Close(DoWork()));
    });
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  absl::Status DoWork() {
    if constexpr (std::is_invocable_v<Work&, CallContext&, CallRecord&>) {
      return work_(call_, scope_.record());
    } else {
      return work_(call_);
    }
  }

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
template <typename Request, typename Work>
grpc::ServerUnaryReactor* StartUnary(
    CallSupport& support, ThreadPool& pool, const char* method,
    grpc::CallbackServerContext& context, const Request& request,
    const google::protobuf::MessageLite* answer, Work work) {
  CallScope scope(support, method, context, answer);
  scope.Describe(request);
  if (const absl::Status status = scope.admitted(); !status.ok()) {
    return FinishNow(context, scope.Close(status));
  }
  auto* call = new PooledUnary<Work>(std::move(scope), DeadlineOf(context),
                                     std::move(work));
  call->Start(pool);
  return call;
}

}  // namespace metagraph
