#pragma once

// Unary calls of gRPC's callback API on top of handlers that just return.

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/call_context.h"
#include "core/base/clock.h"
#include "core/tensor/out_of_memory.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/call_support.h"

namespace metagraph {

// A call whose work, absl::Status(CallContext&) or, where the work knows more
// of the call than its request says, absl::Status(CallContext&, CallScope&), is
// done on a pool. Deletes itself.
template <typename Work>
class PooledUnary final : public grpc::ServerUnaryReactor {
 public:
  PooledUnary(CallScope scope, absl::Time deadline, Work work)
      : scope_(std::move(scope)), call_(deadline), work_(std::move(work)) {}

  void Start(ThreadPool& pool) {
    Count(1);
    pool.Schedule([this] { TakeTurn(absl::OkStatus()); });
  }
  // In its turn among the runs of all models.
  void Start(RunPool& pool, std::string model, std::string host,
             int64_t expected_nanos) {
    Count(1);
    RunQueue::Job job;
    job.model = std::move(model);
    job.host = std::move(host);
    job.expected_nanos = expected_nanos;
    if (call_.has_deadline()) {
      job.deadline =
          SteadyNanos() +
          absl::ToInt64Nanoseconds(call_.deadline() - Clock::Real().Now());
    }
    job.run = [this](const absl::Status& turn) { TakeTurn(turn); };
    pool.Schedule(std::move(job));
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  void Count(int64_t change) {
    scope_.support().counts.queued.fetch_add(change, std::memory_order_relaxed);
  }
  // An error is answered in place of what the work says.
  void TakeTurn(const absl::Status& turn) {
    Count(-1);
    scope_.RecordStart();
    absl::Status status =
        turn.ok() ? CatchOutOfMemory([this] { return DoWork(); }) : turn;
    // What it holds, of a model, is not the caller's to keep.
    work_.reset();
    // Nothing may be touched after Finish: OnDone comes on another thread.
    Finish(scope_.Close(std::move(status)));
  }
  absl::Status DoWork() {
    if constexpr (std::is_invocable_v<Work&, CallContext&, CallScope&>) {
      return (*work_)(call_, scope_);
    } else {
      return (*work_)(call_);
    }
  }

  CallScope scope_;
  CallContext call_;
  std::optional<Work> work_;  // until it is done
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
    CallSupport& support, ThreadPool& pool, Admission& admission,
    const char* method, grpc::CallbackServerContext& context,
    const Request& request, const google::protobuf::MessageLite* answer,
    Work work) {
  CallScope scope(support, admission, method, context, answer);
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
