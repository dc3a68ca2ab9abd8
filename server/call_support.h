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
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "server/admission.h"

namespace metagraph {

// As gRPC sends it: the code, at most 1024 bytes of the message, and the
// details for programs unless they are longer than a trailer may be.
grpc::Status ToGrpcStatus(const absl::Status& status);

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
  ThreadPool& background;  // restores, saves, streams: what takes its time
};

// One call from its arrival to its status.
class CallScope {
 public:
  CallScope(CallSupport& support, const char* method,
            grpc::CallbackServerContext& context);
  CallScope(CallScope&&) = default;
  CallScope& operator=(CallScope&&) = delete;

  // OK, or why the call is turned away.
  const absl::Status& admitted() const { return ticket_.status(); }
  // What to answer; a failure is logged.
  grpc::Status Close(const absl::Status& status);

 private:
  CallSupport& support_;
  const char* const method_;
  grpc::CallbackServerContext& context_;
  const int64_t start_;
  absl::StatusOr<Admission::Ticket> ticket_;
};

}  // namespace metagraph
