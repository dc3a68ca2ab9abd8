#include "server/inspect_service.h"

#include <atomic>
#include <utility>

#include "server/pulled_stream.h"
#include "server/reader_patience.h"
#include "server/refuse_stream.h"
#include "server/unary_call.h"

namespace metagraph {

// One Watch call: of events it holds the one on its way, see EventFeed. It is
// given up with the patience for its reader: who waits for events that do not
// come uses up none. Deletes itself.
class InspectService::WatchCall final
    : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  WatchCall(InspectService& service, grpc::CallbackServerContext& context,
            CallScope scope)
      : service_(service),
        context_(context),
        timers_(service.support_.streams.timers),
        scope_(std::move(scope)) {}

  void Start(const InspectHandler& handler, const v1::WatchRequest& request) {
    auto watcher = handler.Watch(
        request, [this](EventFeed::Event event) { Send(std::move(event)); });
    {
      MutexLock lock(mu_);
      if (ended_) return;
      watcher_ = std::move(watcher);
    }
    SendNext();
  }

  void End(const absl::Status& status) EXCLUDES(mu_) {
    EventFeed::Watcher* watcher = nullptr;
    {
      MutexLock lock(mu_);
      if (ended_) return;
      ended_ = true;
      watcher = watcher_.get();
    }
    // No event comes any more; this waits for one under way, so not under mu_.
    if (watcher != nullptr) watcher->Stop();
    const grpc::Status answer = scope_.CloseEndless(status);
    {
      MutexLock lock(mu_);
      answer_ = answer;
      may_finish_ = true;
      if (writing_) return;
    }
    Finish(answer);
  }

  void OnWriteDone(bool ok) override EXCLUDES(mu_) {
    bool finish = false;
    bool go_on = false;
    Timers::Token timer;
    {
      MutexLock lock(mu_);
      timer = timer_;
    }
    timers_.Cancel(timer);
    {
      MutexLock lock(mu_);
      patience_.StopWaiting(timers_.now());
      writing_ = false;
      finish = may_finish_;
      go_on = ok && !ended_;
    }
    if (finish) return Finish(answer_);
    if (go_on) SendNext();
  }
  void OnCancel() override {
    End(absl::CancelledError(given_up_ ? ReaderPatience::kUsedUp
                                       : "the caller has gone"));
  }
  void OnDone() override {
    {
      MutexLock lock(service_.mu_);
      service_.watches_.erase(this);
    }
    delete this;
  }

 private:
  void SendNext() {
    if (EventFeed::Event event = watcher_->Next()) Send(std::move(event));
  }
  void Send(EventFeed::Event event) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (ended_) return;
    current_ = std::move(event);
    writing_ = true;
    timer_ = timers_.Set(
        patience_.StartWaiting(timers_.now(),
                               static_cast<int64_t>(current_->ByteSizeLong())),
        [this] { GiveUp(); });
    StartWrite(current_.get());
  }
  void GiveUp() {
    given_up_ = true;
    context_.TryCancel();
  }

  InspectService& service_;
  grpc::CallbackServerContext& context_;
  Timers& timers_;
  CallScope scope_;  // its place among the watches
  std::atomic<bool> given_up_{false};
  // Set under mu_, before the first event is sent.
  std::unique_ptr<EventFeed::Watcher> watcher_;
  Mutex mu_;
  EventFeed::Event current_ GUARDED_BY(mu_);  // being written
  bool writing_ GUARDED_BY(mu_) = false;
  ReaderPatience patience_ GUARDED_BY(mu_);
  Timers::Token timer_ GUARDED_BY(mu_);
  bool ended_ GUARDED_BY(mu_) = false;
  bool may_finish_ GUARDED_BY(mu_) = false;
  grpc::Status answer_;
};

grpc::ServerWriteReactor<v1::WatchResponse>* InspectService::Watch(
    grpc::CallbackServerContext* context, const v1::WatchRequest* request) {
  CallScope scope(support_, support_.watching, "metagraph.v1.Inspect/Watch",
                  *context);
  scope.Describe(*request);
  // Who is not let in costs nothing.
  if (const absl::Status admitted = scope.admitted(); !admitted.ok()) {
    return RefuseStream<v1::WatchResponse>(scope.Close(admitted));
  }
  auto* call = new WatchCall(*this, *context, std::move(scope));
  bool ending = false;
  {
    MutexLock lock(mu_);
    watches_.insert(call);
    ending = ending_;
  }
  if (ending) {
    call->End(absl::UnavailableError("the server is draining"));
  } else {
    call->Start(handler_, *request);
  }
  return call;
}

void InspectService::EndWatches() {
  MutexLock lock(mu_);
  ending_ = true;
  // Under the lock: a call leaves the set, and dies, only with it.
  for (WatchCall* call : watches_) {
    call->End(absl::UnavailableError("the server is draining"));
  }
}

#define INSPECT_CALL(name, pool, admission)                                    \
  grpc::ServerUnaryReactor* InspectService::name(                              \
      grpc::CallbackServerContext* context, const v1::name##Request* request,  \
      v1::name##Response* response) {                                          \
    return StartUnary(support_, support_.pool, support_.admission,             \
                      "metagraph.v1.Inspect/" #name, *context, *request,       \
                      response, [this, request, response](CallContext& call) { \
                        return handler_.name(*request, call, response);        \
                      });                                                      \
  }
#define INSPECT_STREAM(name, open)                                    \
  grpc::ServerWriteReactor<v1::name##Response>* InspectService::name( \
      grpc::CallbackServerContext* context,                           \
      const v1::name##Request* request) {                             \
    return StartPulled<v1::name##Response>(                           \
        support_, "metagraph.v1.Inspect/" #name, *context, *request,  \
        [this, request](CallContext& call) {                          \
          return handler_.open(*request, call);                       \
        });                                                           \
  }

INSPECT_CALL(ListModels, inspection, inspecting)
INSPECT_CALL(GetModel, inspection, inspecting)
INSPECT_CALL(ListTensors, inspection, inspecting)
INSPECT_CALL(ListCollections, inspection, inspecting)
INSPECT_CALL(GetCollection, inspection, inspecting)
INSPECT_CALL(ListVariables, inspection, inspecting)
INSPECT_CALL(Explain, inspection, inspecting)
INSPECT_CALL(ListOps, inspection, inspecting)
INSPECT_CALL(ListCheckpoints, checks, checking)
INSPECT_CALL(VerifyCheckpoint, checks, checking)
INSPECT_STREAM(ReadVariables, OpenVariables)
INSPECT_STREAM(GetGraph, OpenGraph)

#undef INSPECT_CALL
#undef INSPECT_STREAM

}  // namespace metagraph
