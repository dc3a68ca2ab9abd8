#pragma once

// What RE2 may take for a regular expression that somebody else wrote. Its own
// bound holds what it keeps, not what it takes on the way there, and it cannot
// be told to end.

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// Bytes that RE2 takes at most, roughly, while it compiles `pattern`, judged by
// the text alone.
int64_t RegexCompileBytes(absl::string_view pattern);

// INVALID_ARGUMENT: that is more than a pattern may take. RE2 itself refuses
// most of these, but only in the end.
absl::Status CheckRegexSize(absl::string_view pattern);

// What a search may cost in instructions of RE2's program times bytes of text:
// 0.3 to 4 nanoseconds each where RE2 is slow, and mostly far less.
constexpr int64_t kMaxRegexWork = int64_t{1} << 31;

// Of one search of `text_size` bytes by a program of so many instructions.
constexpr int64_t RegexWork(int program_size, int64_t text_size) {
  const int64_t size = program_size > 0 ? program_size : 1;
  return text_size >= INT64_MAX / size ? INT64_MAX : size * (text_size + 1);
}

}  // namespace metagraph
