#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/access_writer.h"
#include "server/call_record.h"
#include "server/line_rate.h"

namespace metagraph {

// Which calls get a line: none but those that end with INTERNAL, our own
// fault; those that fail; these and a few of the others; all.
enum class AccessLogMode { kOff, kErrors, kSampled, kAll };

// The caller's W3C trace context, "00-TRACE-SPAN-FLAGS"; empty if it sent none,
// or none that is well formed. Lives as long as the context.
absl::string_view TraceParentOf(const grpc::CallbackServerContext& context);

// Writes calls to the log soon after they end. Of failures at most 20 lines a
// second are written (unless it is all calls that are), of other calls 10 in a
// second where they are sampled. Thread-safe.
class AccessLog {
 public:
  explicit AccessLog(AccessLogMode mode = AccessLogMode::kErrors,
                     AccessWriter::Output output = {})
      : mode_(mode), clock_(*output.clock), writer_(std::move(output)) {}

  // `is_failure`: the status is no normal end, as it is of a stream that goes
  // on until its caller has enough.
  void Add(const CallRecord& call, const grpc::CallbackServerContext& context,
           const absl::Status& status, bool is_failure);
  // Returns when all lines of calls that were added are written.
  void Flush() { writer_.Flush(); }
  // Lines that could not be written, since calls ended too fast.
  int64_t dropped() const { return writer_.dropped(); }
  int64_t internal_errors() const { return internal_errors_; }

 private:
  // As LineRate::Take, by the mode.
  int64_t WhetherToWrite(const absl::Status& status, bool is_failure);

  const AccessLogMode mode_;
  Clock& clock_;
  LineRate failures_{20};
  LineRate samples_{10};
  std::atomic<int64_t> internal_errors_{0};
  AccessWriter writer_;
};

}  // namespace metagraph
