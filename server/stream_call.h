#pragma once

// Server-streaming calls of gRPC's callback API on top of handlers that hand
// their messages to a sink.

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/call_context.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/tensor/out_of_memory.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/call_support.h"
#include "server/handlers/inspect_handler.h"
#include "server/handlers/message_size.h"

namespace metagraph {

// Work, absl::Status(CallContext&, const MessageSink<Message>&), is done on a
// pool. Deletes itself.
//
// Of messages with values none is left out: the sink waits while too much lies
// unsent, and a caller that takes nothing for long is given up. Of messages
// with progress those are left out that the caller is too slow for: the work,
// a restore say, never waits.
template <typename Message, typename Work>
class PooledStream final : public grpc::ServerWriteReactor<Message> {
 public:
  static constexpr int64_t kPatienceNanos = 60'000'000'000;
  static constexpr size_t kMaxUnsent = 4;
  static constexpr size_t kMaxUnsentBytes = size_t{8} << 20;
  static constexpr bool kTellsProgress = requires(const Message& message) {
    message.has_progress();
  };

  PooledStream(CallScope scope, grpc::CallbackServerContext& context, Work work)
      : scope_(std::move(scope)),
        context_(context),
        call_(DeadlineOf(context)),
        work_(std::move(work)) {}

  void Start(ThreadPool& pool) {
    pool.Schedule([this] {
      scope_.RecordStart();
      End(Drained(CatchOutOfMemory([this] {
        return work_(call_, [this](const Message& m) { return Send(m); });
      })));
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
      unsent_bytes_ -= unsent_.front().ByteSizeLong();
      unsent_.pop_front();
      if (!ok) {
        unsent_.clear();
        unsent_bytes_ = 0;
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
    const size_t bytes = message.ByteSizeLong();
    MutexLock lock(mu_);
    if (stopped_.ok()) stopped_ = CheckMessageSize(message);
    if (!stopped_.ok()) return false;
    const size_t room = kMaxUnsentBytes - std::min(kMaxUnsentBytes, bytes);
    if constexpr (kTellsProgress) {
      if (message.has_progress() && LiesUnsent(kMaxUnsent - 1, room)) {
        return !broken_;
      }
    } else {
      WaitWhileUnsent(kMaxUnsent - 1, room);
    }
    if (broken_ || call_.cancelled()) return false;
    unsent_.push_back(message);
    unsent_bytes_ += bytes;
    if (unsent_.size() == 1) this->StartWrite(&unsent_.front());
    return true;
  }

  // Waits until all is sent, for as long as the caller takes anything: without
  // a thread that waits nobody would notice that it does not.
  absl::Status Drained(const absl::Status& status) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if constexpr (!kTellsProgress) WaitWhileUnsent(0, 0);
    return stopped_.ok() ? status : stopped_;
  }

  // Whether more lies unsent than these.
  bool LiesUnsent(size_t messages, size_t bytes) const REQUIRES(mu_) {
    return unsent_.size() > messages ||
           (!unsent_.empty() && unsent_bytes_ > bytes);
  }

  // Waits while it does, and ends the call if the caller takes nothing.
  void WaitWhileUnsent(size_t messages, size_t bytes) REQUIRES(mu_) {
    int64_t give_up = SteadyNanos() + kPatienceNanos;
    size_t left = unsent_.size();
    while (LiesUnsent(messages, bytes) && !broken_ && !call_.cancelled()) {
      // Wakes now and then, since a cancellation does not notify.
      taken_.WaitFor(mu_, std::chrono::milliseconds(50));
      if (unsent_.size() < left) {
        left = unsent_.size();
        give_up = SteadyNanos() + kPatienceNanos;
      }
      if (SteadyNanos() < give_up) continue;
      stopped_ = absl::CancelledError(
          absl::StrCat("the caller has taken nothing for ",
                       kPatienceNanos / 1'000'000'000, " seconds"));
      call_.Cancel();
      context_.TryCancel();
    }
  }

  CallScope scope_;
  grpc::CallbackServerContext& context_;
  CallContext call_;
  Work work_;

  Mutex mu_;
  CondVar taken_;
  std::deque<Message> unsent_ GUARDED_BY(mu_);  // the first is being written
  size_t unsent_bytes_ GUARDED_BY(mu_) = 0;
  // Why the stream ends before its work does.
  absl::Status stopped_ GUARDED_BY(mu_);
  bool ended_ GUARDED_BY(mu_) = false;
  bool broken_ GUARDED_BY(mu_) = false;
  grpc::Status answer_;
};

// Does the work on the pool, if the call is admitted.
template <typename Message, typename Request, typename Work>
grpc::ServerWriteReactor<Message>* StartStream(
    CallSupport& support, ThreadPool& pool, Admission& admission,
    const char* method, grpc::CallbackServerContext& context,
    const Request& request, Work work) {
  CallScope scope(support, admission, method, context);
  scope.Describe(request);
  const absl::Status admitted = scope.admitted();
  auto* call = new PooledStream<Message, Work>(std::move(scope), context,
                                               std::move(work));
  if (admitted.ok()) {
    call->Start(pool);
  } else {
    call->End(admitted);
  }
  return call;
}

}  // namespace metagraph
