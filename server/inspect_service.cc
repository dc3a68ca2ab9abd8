#include "server/inspect_service.h"

#include <deque>
#include <utility>

#include "server/stream_call.h"
#include "server/unary_call.h"

namespace metagraph {

// One Watch call: events wait in a bounded queue. Deletes itself.
class InspectService::WatchCall final
    : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  static constexpr size_t kMaxUnsent = 1024;

  WatchCall(InspectService& service, CallScope scope)
      : service_(service), scope_(std::move(scope)) {}

  void Start(const InspectHandler& handler, const v1::WatchRequest& request) {
    auto subscription = handler.Watch(
        request, [this](const v1::WatchResponse& event) { Push(event); });
    MutexLock lock(mu_);
    if (!ended_) subscription_ = std::move(subscription);
  }

  // `turned_away`: it has not been watching.
  void End(const absl::Status& status, bool turned_away = false) EXCLUDES(mu_) {
    std::unique_ptr<InspectHandler::Subscription> subscription;
    {
      MutexLock lock(mu_);
      if (ended_) return;
      ended_ = true;
      subscription = std::move(subscription_);
    }
    // No event comes any more; this waits for one under way, so not under mu_.
    subscription.reset();
    const grpc::Status answer =
        turned_away ? scope_.Close(status) : scope_.CloseEndless(status);
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
    {
      MutexLock lock(mu_);
      writing_ = false;
      finish = may_finish_;
      if (ok && !ended_) Continue();
    }
    if (finish) Finish(answer_);
  }
  void OnCancel() override { End(absl::CancelledError("the caller has gone")); }
  void OnDone() override {
    {
      MutexLock lock(service_.mu_);
      service_.watches_.erase(this);
    }
    delete this;
  }

 private:
  void Push(const v1::WatchResponse& event) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (ended_) return;
    if (unsent_.size() >= kMaxUnsent) {
      ++missed_;
      return;
    }
    if (missed_ > 0) {
      v1::WatchResponse& gap = unsent_.emplace_back();
      gap.set_kind(v1::EVENT_KIND_MISSED);
      *gap.mutable_time() = event.time();
      gap.set_missed(std::exchange(missed_, 0));
    }
    unsent_.push_back(event);
    if (!writing_) Continue();
  }
  void Continue() REQUIRES(mu_) {
    if (unsent_.empty()) return;
    current_ = std::move(unsent_.front());
    unsent_.pop_front();
    writing_ = true;
    StartWrite(&current_);
  }

  InspectService& service_;
  CallScope scope_;  // its place among the watches
  Mutex mu_;
  std::unique_ptr<InspectHandler::Subscription> subscription_ GUARDED_BY(mu_);
  std::deque<v1::WatchResponse> unsent_ GUARDED_BY(mu_);
  v1::WatchResponse current_ GUARDED_BY(mu_);  // being written
  int64_t missed_ GUARDED_BY(mu_) = 0;
  bool writing_ GUARDED_BY(mu_) = false;
  bool ended_ GUARDED_BY(mu_) = false;
  bool may_finish_ GUARDED_BY(mu_) = false;
  grpc::Status answer_;
};

grpc::ServerWriteReactor<v1::WatchResponse>* InspectService::Watch(
    grpc::CallbackServerContext* context, const v1::WatchRequest* request) {
  CallScope scope(support_, support_.watching, "metagraph.v1.Inspect/Watch",
                  *context);
  scope.Describe(*request);
  const absl::Status admitted = scope.admitted();
  auto* call = new WatchCall(*this, std::move(scope));
  bool ending = false;
  {
    MutexLock lock(mu_);
    ending = ending_;
    watches_.insert(call);
  }
  if (ending) {
    call->End(absl::UnavailableError("the server is draining"),
              /*turned_away=*/true);
  } else if (!admitted.ok()) {
    call->End(admitted, /*turned_away=*/true);
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

#define INSPECT_CALL(name, pool)                                               \
  grpc::ServerUnaryReactor* InspectService::name(                              \
      grpc::CallbackServerContext* context, const v1::name##Request* request,  \
      v1::name##Response* response) {                                          \
    return StartUnary(support_, support_.pool, support_.inspecting,            \
                      "metagraph.v1.Inspect/" #name, *context, *request,       \
                      response, [this, request, response](CallContext& call) { \
                        return handler_.name(*request, call, response);        \
                      });                                                      \
  }
#define INSPECT_STREAM(name)                                           \
  grpc::ServerWriteReactor<v1::name##Response>* InspectService::name(  \
      grpc::CallbackServerContext* context,                            \
      const v1::name##Request* request) {                              \
    return StartStream<v1::name##Response>(                            \
        support_, support_.readers, support_.reading,                  \
        "metagraph.v1.Inspect/" #name, *context, *request,             \
        [this, request](CallContext& call,                             \
                        const MessageSink<v1::name##Response>& sink) { \
          return handler_.name(*request, call, sink);                  \
        });                                                            \
  }

INSPECT_CALL(ListModels, inspection)
INSPECT_CALL(GetModel, inspection)
INSPECT_CALL(ListTensors, inspection)
INSPECT_CALL(ListCollections, inspection)
INSPECT_CALL(GetCollection, inspection)
INSPECT_CALL(ListVariables, inspection)
INSPECT_CALL(Explain, inspection)
INSPECT_CALL(ListOps, inspection)
INSPECT_CALL(ListCheckpoints, checks)
INSPECT_CALL(VerifyCheckpoint, checks)
INSPECT_STREAM(ReadVariables)
INSPECT_STREAM(GetGraph)

#undef INSPECT_CALL
#undef INSPECT_STREAM

}  // namespace metagraph
