#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "glog/logging.h"
#include "server/call_record.h"
#include "server/log_format.h"

namespace metagraph {

// What a line of the access log tells, kept until it is written: small, since
// calls make it.
struct AccessLine {
  CallRecord call;  // but for its model, which may be gone by then
  std::string model;
  std::string peer;
  std::string traceparent;  // empty: none
  std::string error;        // message of the status
  absl::Time end;           // of the call
  bool is_failure = false;
  int64_t left_out = 0;  // others like it, which are not written
};

google::LogSeverity SeverityOf(absl::StatusCode code, bool is_failure);

// Makes text of lines. For one thread.
class AccessText {
 public:
  explicit AccessText(LogFormat format) : format_(format), start_(format) {}

  void Append(const AccessLine& line, std::string* out);
  // That so many lines were dropped.
  void AppendDropped(int64_t count, absl::Time now, std::string* out);

 private:
  const LogFormat format_;
  LineStart start_;
  std::string message_;  // kept for its memory
};

}  // namespace metagraph
