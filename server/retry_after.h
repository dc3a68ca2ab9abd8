#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace metagraph {

// The status with what a caller does best: to try again after this time. Sent
// as google.rpc.RetryInfo.
absl::Status WithRetryAfter(absl::Status status, absl::Duration after);

// What WithRetryAfter has said; zero: nothing.
absl::Duration RetryAfter(const absl::Status& status);

}  // namespace metagraph
