#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace metagraph {

// At most `max` bytes of it, more than three, with "..." in place of the rest
// and no UTF-8 character cut.
std::string Shorten(absl::string_view text, size_t max);

// On one line and not too long: names in it come from callers, who must not
// write lines of their own.
std::string ForLog(absl::string_view text);

}  // namespace metagraph
