#pragma once

// What every gRPC call needs: admission, its limits, and a record of how it
// ended, for metrics and the access log.

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/thread_pool.h"
#include "core/tensor/buffer.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "server/access_log.h"
#include "server/admission.h"
#include "server/authorizer.h"
#include "server/call_record.h"
#include "server/run_pool.h"
#include "server/stream_bounds.h"
#include "server/unsent_answers.h"

namespace metagraph {

// As gRPC sends it: the code, at most 1024 bytes of the message, and the
// details for programs unless they are longer than a trailer may be.
grpc::Status ToGrpcStatus(const absl::Status& status);

// When the caller gives up.
absl::Time DeadlineOf(const grpc::CallbackServerContext& context);

class CallMetrics;

// Of all listeners together.
struct CallCounts {
  std::atomic<int64_t> queued{0};  // unary calls that wait for a thread
  // A drain waits until then for calls (SteadyNanos), and cuts the rest.
  std::atomic<int64_t> drain_end{std::numeric_limits<int64_t>::max()};
  std::atomic<int64_t> dropped{0};
};

// A part of a budget, given back when destroyed.
class BudgetShare {
 public:
  BudgetShare() = default;
  BudgetShare(BudgetShare&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
  BudgetShare& operator=(BudgetShare&&) = delete;
  ~BudgetShare() {
    if (budget_ != nullptr) budget_->Give(bytes_);
  }
  // What is alone always finds room. REQUIRES: was not called before.
  bool Take(MemoryBudget& budget, int64_t bytes);

 private:
  MemoryBudget* budget_ = nullptr;
  int64_t bytes_ = 0;
};

// Shared by all services; outlives them.
struct CallSupport {
  // Each kind of call has bounds of its own, so that none shuts out another.
  Admission& running;
  Admission& inspecting;
  Admission& changing;
  Admission& checking;  // looks at the files of checkpoints
  Admission& reading;   // streams of values and graphs under way
  Admission& watching;  // streams of events, which may go on for ever
  UnsentAnswers& unsent;
  MemoryBudget& received;  // of requests until they are answered
  AccessLog& log;
  RunPool& runs;           // runs that are not over in a moment
  ThreadPool& inspection;  // looks at models, which long runs must not delay
  // What takes its time, apart: neither callers that read much nor those that
  // have checkpoints checked hold up a restore.
  ThreadPool& readers;  // makes the messages of values and graphs
  ThreadPool& checks;   // looks at the files of checkpoints
  ThreadPool& admin;    // loads, restores, saves
  StreamBounds& streams;
  CallCounts& counts;
  // Of the listener; nullptr: every call is allowed.
  const Authorizer* authorizer = nullptr;
  CallMetrics* metrics = nullptr;  // null: nobody counts
};

// One call from its arrival to its status.
class CallScope {
 public:
  // `admission`: of its kind. `answer`: the one message of a call that does not
  // stream; it outlives this.
  CallScope(CallSupport& support, Admission& admission, const char* method,
            grpc::CallbackServerContext& context,
            const google::protobuf::MessageLite* answer = nullptr);
  CallScope(CallScope&&) = default;
  CallScope& operator=(CallScope&&) = delete;

  // Whether a run may change variables, tables or files.
  bool may_change_state() const { return Contains(decision_.roles, kAdmin); }
  // OK, or why the call is turned away.
  const absl::Status& admitted() const { return ticket_.status(); }
  // Finds room for an answer before it is made; it is held as long as this.
  // RESOURCE_EXHAUSTED: callers have not yet taken what others asked for.
  absl::Status TakeRoom(int64_t bytes);
  // What to answer; a failure is logged. RESOURCE_EXHAUSTED in place of OK: the
  // answer is too large to be sent. From here on the call counts no more: that
  // a caller is slow to read shuts nobody out.
  grpc::Status Close(absl::Status status) {
    return Close(std::move(status), /*is_failure=*/true);
  }
  // The same for a stream that goes on until one side has enough: whatever the
  // status is, it is no failure.
  grpc::Status CloseEndless(absl::Status status) {
    return Close(std::move(status), /*is_failure=*/false);
  }

  // Records which model the request means, and its size, and finds room for it
  // among those that wait: else it is not admitted. The request outlives this.
  template <typename Request>
  void Describe(const Request& request);
  // For who knows more of the call.
  CallRecord& record() { return record_; }
  CallSupport& support() { return support_; }
  // A thread has taken the call.
  void RecordStart() { record_.queue_nanos = SteadyNanos() - start_; }

 private:
  grpc::Status Close(absl::Status status, bool is_failure);
  void HoldRequest();

  CallSupport& support_;
  grpc::CallbackServerContext& context_;
  const google::protobuf::MessageLite* const answer_;
  const int64_t start_;
  const Authorizer::Decision decision_;
  absl::StatusOr<Admission::Ticket> ticket_;
  UnsentAnswers::Room room_;
  BudgetShare received_;
  CallRecord record_;
};

template <typename Request>
void CallScope::Describe(const Request& request) {
  if constexpr (requires { request.model_spec(); }) {
    record_.model = request.model_spec().name();
    if (request.model_spec().has_version()) {
      record_.version = request.model_spec().version().value();
    }
  } else if constexpr (requires { request.model(); }) {
    record_.model = request.model();
    if constexpr (requires { request.has_version(); }) {
      if (request.has_version()) record_.version = request.version();
    }
  }
  record_.request_bytes = static_cast<int64_t>(request.ByteSizeLong());
  HoldRequest();
}

}  // namespace metagraph
