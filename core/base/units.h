#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace metagraph {

// Sizes and times as people write them. INVALID_ARGUMENT: what was expected
// and what was found.

// "2GiB" (2^30 each), "512MB" (10^6 each), "1.5k", "100": bytes, at least 0.
// Units are B, k, M, G, T with an optional "B" or "iB", small or capital.
absl::StatusOr<int64_t> ParseBytes(absl::string_view text);

// "5s", "500ms", "1h30m", or a number of seconds: a time of at least 0 that is
// not for ever.
absl::StatusOr<absl::Duration> ParseTime(absl::string_view text);

}  // namespace metagraph
