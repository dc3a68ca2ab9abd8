#pragma once

// What every gRPC call needs: admission, its limits, and one line in the log
// if it fails.

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/base/thread_pool.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "server/admission.h"
#include "server/authorizer.h"

namespace metagraph {

// As gRPC sends it: the code, at most 1024 bytes of the message, and the
// details for programs unless they are longer than a trailer may be.
grpc::Status ToGrpcStatus(const absl::Status& status);

// On one line and not too long: names in it come from callers, who must not
// write lines of their own.
std::string ForLog(absl::string_view text);

// When the caller gives up.
absl::Time DeadlineOf(const grpc::CallbackServerContext& context);

// Writes failed calls to the log, at most so many a second. Thread-safe.
class FailureLog {
 public:
  void Add(absl::string_view method, const std::string& peer,
           const absl::Status& status, int64_t nanos) EXCLUDES(mu_);
  int64_t internal_errors() const { return internal_errors_; }

 private:
  Mutex mu_;
  int64_t second_ GUARDED_BY(mu_) = 0;
  int written_ GUARDED_BY(mu_) = 0;
  int64_t left_out_ GUARDED_BY(mu_) = 0;
  std::atomic<int64_t> internal_errors_{0};
};

// Shared by all services; outlives them.
struct CallSupport {
  Admission& admission;
  FailureLog& failures;
  ThreadPool& requests;    // runs that are not over in a moment
  ThreadPool& inspection;  // looks at models, which long runs must not delay
  // What takes its time, apart: neither callers that read slowly nor those that
  // have checkpoints checked hold up a restore.
  ThreadPool& readers;  // streams of values and graphs: one thread each
  ThreadPool& checks;   // looks at the files of checkpoints
  ThreadPool& admin;    // loads, restores, saves
  Admission& reading;   // streams of values and graphs under way
  Admission& watching;  // streams of events, which may go on for ever
  // Of the listener; nullptr: every call is allowed.
  const Authorizer* authorizer = nullptr;
};

// One call from its arrival to its status.
class CallScope {
 public:
  // `answer`: the one message of a call that does not stream; it outlives this.
  CallScope(CallSupport& support, const char* method,
            grpc::CallbackServerContext& context,
            const google::protobuf::MessageLite* answer = nullptr);
  // A stream that counts among its like only, and on which no message is made
  // before it is sent.
  CallScope(CallSupport& support, Admission& admission, const char* method,
            grpc::CallbackServerContext& context);
  CallScope(CallScope&&) = default;
  CallScope& operator=(CallScope&&) = delete;

  // Whether a run may change variables, tables or files.
  bool may_change_state() const { return Contains(decision_.roles, kAdmin); }
  // OK, or why the call is turned away.
  const absl::Status& admitted() const { return ticket_.status(); }
  // What to answer; a failure is logged. RESOURCE_EXHAUSTED in place of OK: the
  // answer is too large to be sent.
  grpc::Status Close(absl::Status status);

 private:
  CallSupport& support_;
  const char* const method_;
  grpc::CallbackServerContext& context_;
  const google::protobuf::MessageLite* const answer_;
  const int64_t start_;
  const Authorizer::Decision decision_;
  absl::StatusOr<Admission::Ticket> ticket_;
};

}  // namespace metagraph
