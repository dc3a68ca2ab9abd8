#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// For a person: "NOT_FOUND: no tensor "ad:0"", and on further lines what the
// error details add to the message.
std::string ErrorText(const absl::Status& status);

// An error in what was typed, found before any call was made.
absl::Status UsageError(absl::string_view message);
bool IsUsageError(const absl::Status& status);

}  // namespace metagraph
