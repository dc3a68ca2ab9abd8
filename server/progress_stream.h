#pragma once

// Server-streaming calls of gRPC's callback API that tell how far their work
// is.

#include <deque>
#include <optional>
#include <utility>

#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/tensor/out_of_memory.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/call_support.h"
#include "server/handlers/message_size.h"
#include "server/handlers/message_source.h"
#include "server/reader_patience.h"
#include "server/refuse_stream.h"
#include "server/stream_bounds.h"

namespace metagraph {

// Work, absl::Status(CallContext&, const MessageSink<Message>&), is done on a
// pool. It never waits for the caller: progress is left out that the caller is
// too slow for. Its place is free when the work is done; what is unsent then is
// given up with the patience for its reader. Deletes itself.
template <typename Message, typename Work>
class ProgressStream final : public grpc::ServerWriteReactor<Message> {
 public:
  static constexpr size_t kMaxUnsent = 4;

  ProgressStream(CallScope scope, grpc::CallbackServerContext& context,
                 Timers& timers, Work work)
      : scope_(std::move(scope)),
        context_(context),
        call_(DeadlineOf(context)),
        timers_(timers),
        work_(std::move(work)) {}

  void Start(ThreadPool& pool) {
    pool.Schedule([this] {
      scope_->RecordStart();
      const absl::Status status = CatchOutOfMemory([this] {
        return work_(call_,
                     [this](const Message& message) { return Send(message); });
      });
      End(too_large_.ok() ? status : too_large_);
    });
  }

  void OnWriteDone(bool ok) override EXCLUDES(mu_) {
    std::optional<Timers::Token> timer;
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
        timer = std::exchange(timer_, std::nullopt);
      }
    }
    if (!ok) call_.Cancel();
    if (timer) timers_.Cancel(*timer);
    if (finish) this->Finish(answer_);
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  // False: nobody listens any more.
  bool Send(const Message& message) EXCLUDES(mu_) {
    if (too_large_.ok()) too_large_ = CheckMessageSize(message);
    if (!too_large_.ok()) return false;
    MutexLock lock(mu_);
    if (broken_ || call_.cancelled()) return false;
    if (message.has_progress() && unsent_.size() >= kMaxUnsent) return true;
    unsent_.push_back(message);
    if (unsent_.size() == 1) this->StartWrite(&unsent_.front());
    return true;
  }

  // Answers once all is sent.
  void End(const absl::Status& status) EXCLUDES(mu_) {
    grpc::Status answer = scope_->Close(status);
    scope_.reset();  // gives its place back
    {
      MutexLock lock(mu_);
      ended_ = true;
      if (!unsent_.empty()) {
        answer_ = std::move(answer);
        int64_t bytes = 0;
        for (const Message& message : unsent_) {
          bytes += static_cast<int64_t>(message.ByteSizeLong());
        }
        timer_ =
            timers_.Set(ReaderPatience().StartWaiting(timers_.now(), bytes),
                        [this] { context_.TryCancel(); });
        return;
      }
    }
    this->Finish(std::move(answer));
  }

  std::optional<CallScope> scope_;  // until the work is done
  grpc::CallbackServerContext& context_;
  CallContext call_;
  Timers& timers_;
  Work work_;
  absl::Status too_large_;  // of the thread that does the work

  Mutex mu_;
  std::deque<Message> unsent_ GUARDED_BY(mu_);  // the first is being written
  std::optional<Timers::Token> timer_ GUARDED_BY(mu_);
  bool ended_ GUARDED_BY(mu_) = false;
  bool broken_ GUARDED_BY(mu_) = false;
  grpc::Status answer_;
};

// Does the work on the pool, if the call is admitted.
template <typename Message, typename Request, typename Work>
grpc::ServerWriteReactor<Message>* StartProgress(
    CallSupport& support, ThreadPool& pool, Admission& admission,
    const char* method, grpc::CallbackServerContext& context,
    const Request& request, Work work) {
  CallScope scope(support, admission, method, context);
  scope.Describe(request);
  if (const absl::Status admitted = scope.admitted(); !admitted.ok()) {
    return RefuseStream<Message>(scope.Close(admitted));
  }
  auto* call = new ProgressStream<Message, Work>(
      std::move(scope), context, support.streams.timers, std::move(work));
  call->Start(pool);
  return call;
}

}  // namespace metagraph
