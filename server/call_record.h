#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// What is known of a call when it ends, for metrics and the access log.
// Durations are nanoseconds; -1 stands for what is not known.
struct CallRecord {
  // "package.Service/Method", a literal.
  const char* method = "";
  // As the request names it, whether it is there or not; points into the
  // request.
  absl::string_view model;
  int64_t version = -1;
  int64_t generation = -1;  // whose values a run read, or left
  absl::StatusCode code = absl::StatusCode::kOk;
  int64_t rows = -1;  // the first dimension of what is fed

  int64_t total_nanos = 0;
  int64_t queue_nanos = -1;   // before a thread took it
  int64_t decode_nanos = -1;  // from message to tensors and program
  int64_t run_nanos = -1;
  int64_t encode_nanos = -1;  // from tensors to message

  int64_t request_bytes = -1;
  int64_t response_bytes = -1;
};

}  // namespace metagraph
