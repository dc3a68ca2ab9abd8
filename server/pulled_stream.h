#pragma once

// Server-streaming calls of gRPC's callback API on top of sources that are
// asked for one message after the other.

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
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

// The source, which `Open`,
// absl::StatusOr<std::unique_ptr<MessageSource<Message>>>(CallContext&), gives,
// is asked on a pool for the next message when the last one has been taken, and
// while it is on its way to a caller that takes them at once. A caller that
// does not read holds no thread: a message or two, what they are made from, and
// its place, until the patience with it ends. Deletes itself.
//
// Only one thread makes messages at a time, and one message is written. Who is
// done with the one while the other does not go on begins what comes next.
template <typename Message, typename Open>
class PulledStream final : public grpc::ServerWriteReactor<Message> {
 public:
  PulledStream(CallScope scope, grpc::CallbackServerContext& context,
               StreamBounds& bounds, ThreadPool& pool, Open open)
      : scope_(std::move(scope)),
        context_(context),
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

  void OnWriteDone(bool ok) override EXCLUDES(mu_) {
    bounds_.timers.Cancel(timer_);
    const int64_t now = bounds_.timers.now();
    patience_.StopWaiting(now);
    is_prompt_ = now - written_at_ < kPromptNanos;
    {
      MutexLock lock(mu_);
      writing_ = false;
      broken_ = broken_ || !ok;
      if (maker_ == Maker::kBusy) return;
    }
    GoOn();
  }
  void OnCancel() override { call_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  using Step = typename MessageSource<Message>::Step;
  // A caller takes messages at once that has each in this time.
  static constexpr int64_t kPromptNanos = 100'000'000;
  enum class Maker { kIdle, kBusy, kHasMessage, kHasEnded };

  void Schedule() {
    pool_.Schedule([this] { Make(); });
  }

  // As the message and as its bytes for the wire.
  absl::Status Reserve() { return share_.GrowTo(2 * source_->bytes()); }

  // Into the message that is not being written.
  void Make() {
    Message& message = messages_[1 - written_];
    message.Clear();
    const absl::StatusOr<Step> step =
        CatchOutOfMemory([&] { return source_->Next(call_, &message); });
    if (!step.ok()) return HasMade(Maker::kHasEnded, step.status());
    if (*step == Step::kEnd) {
      return HasMade(Maker::kHasEnded, absl::OkStatus());
    }
    absl::Status fits = Reserve();
    if (fits.ok() && *step == Step::kMore) return Schedule();
    if (fits.ok()) fits = CheckMessageSize(message);
    HasMade(fits.ok() ? Maker::kHasMessage : Maker::kHasEnded, fits);
  }

  void HasMade(Maker maker, const absl::Status& end) EXCLUDES(mu_) {
    {
      MutexLock lock(mu_);
      maker_ = maker;
      end_ = end;
      if (writing_) return;
    }
    GoOn();
  }

  // Neither is a message being made nor written.
  void GoOn() EXCLUDES(mu_) {
    Maker maker = Maker::kIdle;
    bool broken = false;
    absl::Status end;
    {
      MutexLock lock(mu_);
      broken = broken_;
      end = end_;
      maker = maker_;
      if (maker == Maker::kIdle) maker_ = Maker::kBusy;
    }
    if (broken) return End(WhyNotTaken());
    if (maker == Maker::kIdle) return Schedule();
    if (maker == Maker::kHasEnded) return End(end);
    Message& message = messages_[1 - written_];
    // Known since it was checked.
    const auto bytes = static_cast<int64_t>(message.GetCachedSize());
    if (const absl::Status fits = share_.GrowTo(2 * bytes); !fits.ok()) {
      return End(fits);
    }
    written_ = 1 - written_;
    written_at_ = bounds_.timers.now();
    // Where there is room for two.
    const bool make = is_prompt_ && share_.GrowTo(4 * bytes).ok();
    {
      MutexLock lock(mu_);
      writing_ = true;
      maker_ = make ? Maker::kBusy : Maker::kIdle;
    }
    timer_ = bounds_.timers.Set(patience_.StartWaiting(written_at_, bytes),
                                [this] { GiveUp(); });
    if (make) Schedule();
    // Last: what it brings about may be the end of this.
    this->StartWrite(&message);
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
    for (Message& message : messages_) message.Clear();
    share_.Release();
    grpc::Status answer = scope_->Close(status);
    scope_.reset();
    this->Finish(std::move(answer));
  }

  std::optional<CallScope> scope_;  // until the end
  grpc::CallbackServerContext& context_;
  CallContext call_;
  StreamBounds& bounds_;
  ThreadPool& pool_;
  ByteBound::Share share_;
  Open open_;
  std::unique_ptr<MessageSource<Message>> source_;
  // Each is used by the one that is at work, and where neither is, by GoOn.
  std::array<Message, 2> messages_;
  size_t written_ = 0;  // the message that is being written, or was
  int64_t written_at_ = 0;
  bool is_prompt_ = false;
  ReaderPatience patience_;
  Timers::Token timer_;

  Mutex mu_;
  Maker maker_ GUARDED_BY(mu_) = Maker::kBusy;
  absl::Status end_ GUARDED_BY(mu_);  // where it has ended
  bool writing_ GUARDED_BY(mu_) = false;
  bool broken_ GUARDED_BY(mu_) = false;  // nothing can be written any more
  std::atomic<bool> given_up_{false};
};

// Streams what the source has, if the call is admitted.
template <typename Message, typename Request, typename Open>
grpc::ServerWriteReactor<Message>* StartPulled(
    CallSupport& support, const char* method,
    grpc::CallbackServerContext& context, const Request& request, Open open) {
  CallScope scope(support, support.reading, method, context);
  scope.Describe(request);
  if (const absl::Status admitted = scope.admitted(); !admitted.ok()) {
    return RefuseStream<Message>(scope.Close(admitted));
  }
  auto* call = new PulledStream<Message, Open>(std::move(scope), context,
                                               support.streams, support.readers,
                                               std::move(open));
  call->Start();
  return call;
}

}  // namespace metagraph
