#pragma once

// Server-streaming calls of gRPC's callback API on top of sources that are
// asked for one message after the other.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
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

// The source, which `Open`,
// absl::StatusOr<std::unique_ptr<MessageSource<Message>>>(CallContext&), gives,
// is asked on a pool for the next message when the last one has been taken. A
// caller that does not read holds no thread: one message, what it is made from,
// and its place, until the patience with it ends. Deletes itself.
//
// It is at one thing at a time, making a message or writing one, and who has
// done that begins the next: so nothing here needs a lock.
template <typename Message, typename Open>
class PulledStream final : public grpc::ServerWriteReactor<Message> {
 public:
  PulledStream(CallScope scope, grpc::CallbackServerContext& context,
               std::string host, StreamBounds& bounds, ThreadPool& pool,
               Open open)
      : scope_(std::move(scope)),
        context_(context),
        host_(std::move(host)),
        call_(DeadlineOf(context)),
        bounds_(bounds),
        pool_(pool),
        share_(bounds.bytes),
        open_(std::move(open)) {}

  void Start() {
    pool_.Schedule([this] {
      scope_->RecordStart();
      auto source = CatchOutOfMemory([this] { return open_(call_); });
      if (!source.ok()) return End(source.status());
      source_ = *std::move(source);
      if (const absl::Status fits = Reserve(); !fits.ok()) return End(fits);
      Make();
    });
  }

  void OnWriteDone(bool ok) override {
    bounds_.timers.Cancel(timer_);
    patience_.StopWaiting(bounds_.timers.now());
    if (ok) {
      Schedule();
    } else {
      End(WhyNotTaken());
    }
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  using Step = typename MessageSource<Message>::Step;

  void Schedule() {
    pool_.Schedule([this] { Make(); });
  }

  // As the message and as its bytes for the wire.
  absl::Status Reserve() { return share_.GrowTo(2 * source_->bytes()); }

  void Make() {
    message_.Clear();
    const absl::StatusOr<Step> step =
        CatchOutOfMemory([this] { return source_->Next(call_, &message_); });
    if (!step.ok()) return End(step.status());
    if (*step == Step::kEnd) return End(absl::OkStatus());
    if (const absl::Status fits = Reserve(); !fits.ok()) return End(fits);
    if (*step == Step::kMore) return Schedule();
    const auto bytes = static_cast<int64_t>(message_.ByteSizeLong());
    absl::Status fits = CheckMessageSize(message_);
    if (fits.ok()) fits = share_.GrowTo(2 * bytes);
    if (!fits.ok()) return End(fits);
    timer_ =
        bounds_.timers.Set(patience_.StartWaiting(bounds_.timers.now(), bytes),
                           [this] { GiveUp(); });
    this->StartWrite(&message_);
  }

  void GiveUp() {
    given_up_ = true;
    call_.Cancel();
    context_.TryCancel();
  }

  absl::Status WhyNotTaken() const {
    if (given_up_) return absl::CancelledError(ReaderPatience::kUsedUp);
    absl::Status status = call_.Check();
    if (status.ok()) status = absl::CancelledError("the caller went away");
    return status;
  }

  // Gives back all that others may wait for, before the caller knows.
  void End(const absl::Status& status) {
    source_.reset();
    message_.Clear();
    share_.Release();
    bounds_.hosts.Leave(host_);
    grpc::Status answer = scope_->Close(status);
    scope_.reset();
    this->Finish(std::move(answer));
  }

  std::optional<CallScope> scope_;  // until the end
  grpc::CallbackServerContext& context_;
  const std::string host_;  // has entered
  CallContext call_;
  StreamBounds& bounds_;
  ThreadPool& pool_;
  ByteBound::Share share_;
  Open open_;
  std::unique_ptr<MessageSource<Message>> source_;
  Message message_;  // being made or written
  ReaderPatience patience_;
  Timers::Token timer_;
  std::atomic<bool> given_up_{false};
};

// Streams what the source has, if the call is admitted.
template <typename Message, typename Request, typename Open>
grpc::ServerWriteReactor<Message>* StartPulled(
    CallSupport& support, const char* method,
    grpc::CallbackServerContext& context, const Request& request, Open open) {
  CallScope scope(support, support.reading, method, context);
  scope.Describe(request);
  std::string host = HostBound::HostOf(context.peer());
  absl::Status admitted = scope.admitted();
  if (admitted.ok()) admitted = support.streams.hosts.Enter(host);
  if (!admitted.ok()) return RefuseStream<Message>(scope.Close(admitted));
  auto* call = new PulledStream<Message, Open>(
      std::move(scope), context, std::move(host), support.streams,
      support.readers, std::move(open));
  call->Start();
  return call;
}

}  // namespace metagraph
