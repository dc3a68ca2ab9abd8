#pragma once

// Server-streaming calls of gRPC's callback API on top of handlers that hand
// their messages to a sink.

#include <chrono>
#include <deque>
#include <utility>

#include "core/base/call_context.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/call_support.h"
#include "server/handlers/inspect_handler.h"

namespace metagraph {

// Work, absl::Status(CallContext&, const MessageSink<Message>&), is done on a
// pool; the sink waits while too much lies unsent. Deletes itself.
template <typename Message, typename Work>
class PooledStream final : public grpc::ServerWriteReactor<Message> {
 public:
  // A client that takes nothing for so long is given up, for its sake no
  // thread is held for ever.
  static constexpr int64_t kPatienceNanos = 60'000'000'000;
  static constexpr size_t kMaxUnsent = 4;

  PooledStream(CallScope scope, absl::Time deadline, Work work)
      : scope_(std::move(scope)), call_(deadline), work_(std::move(work)) {}

  void Start(ThreadPool& pool) {
    pool.Schedule([this] {
      End(work_(call_, [this](const Message& m) { return Send(m); }));
    });
  }

  // Ends the call with this status once all is sent. Nothing may be touched
  // afterwards.
  void End(const absl::Status& status) EXCLUDES(mu_) {
    grpc::Status answer = scope_.Close(status);
    {
      MutexLock lock(mu_);
      ended_ = true;
      if (!unsent_.empty()) {
        answer_ = std::move(answer);
        return;
      }
    }
    this->Finish(std::move(answer));
  }

  void OnWriteDone(bool ok) override EXCLUDES(mu_) {
    bool finish = false;
    {
      MutexLock lock(mu_);
      unsent_.pop_front();
      if (!ok) {
        unsent_.clear();
        broken_ = true;
      }
      if (!unsent_.empty()) {
        this->StartWrite(&unsent_.front());
      } else {
        finish = ended_;
      }
      taken_.NotifyAll();
    }
    if (!ok) call_.Cancel();
    if (finish) this->Finish(answer_);
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  bool Send(const Message& message) EXCLUDES(mu_) {
    const int64_t give_up = SteadyNanos() + kPatienceNanos;
    MutexLock lock(mu_);
    while (unsent_.size() >= kMaxUnsent) {
      if (call_.cancelled() || SteadyNanos() > give_up) {
        return false;
      }
      // Wakes now and then, since a cancellation does not notify.
      taken_.WaitFor(mu_, std::chrono::milliseconds(50));
    }
    if (broken_ || call_.cancelled()) return false;
    unsent_.push_back(message);
    if (unsent_.size() == 1) this->StartWrite(&unsent_.front());
    return true;
  }

  CallScope scope_;
  CallContext call_;
  Work work_;

  Mutex mu_;
  CondVar taken_;
  std::deque<Message> unsent_ GUARDED_BY(mu_);  // the first is being written
  bool ended_ GUARDED_BY(mu_) = false;
  bool broken_ GUARDED_BY(mu_) = false;
  grpc::Status answer_;
};

template <typename Message, typename Work>
grpc::ServerWriteReactor<Message>* StartStream(
    CallSupport& support, const char* method,
    grpc::CallbackServerContext& context, Work work) {
  CallScope scope(support, method, context);
  const absl::Status admitted = scope.admitted();
  auto* call = new PooledStream<Message, Work>(
      std::move(scope), DeadlineOf(context), std::move(work));
  if (admitted.ok()) {
    call->Start(support.background);
  } else {
    call->End(admitted);
  }
  return call;
}

}  // namespace metagraph
