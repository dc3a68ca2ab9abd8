#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// The payload that holds a serialised google.rpc.ErrorInfo.
inline constexpr absl::string_view kErrorInfoUrl =
    "type.googleapis.com/google.rpc.ErrorInfo";

// The status with what a program can use of it; keys as common.proto has them:
// "name", "expected", "found", "nearest".
absl::Status WithDetails(
    absl::Status status,
    const std::vector<std::pair<std::string, std::string>>& details);

}  // namespace metagraph
