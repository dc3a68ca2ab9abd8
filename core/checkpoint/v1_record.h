#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace metagraph {

// The bytes that parsing a V1 checkpoint's record of one slice, a
// SavedTensorSlices, takes at most: known before a message is made of it, which
// may be forty times as large as its text. Nothing if it is no such message.
std::optional<int64_t> BytesToParse(absl::string_view record);

}  // namespace metagraph
