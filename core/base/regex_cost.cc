#include "core/base/regex_cost.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// As measured, and a little more.
constexpr int64_t kBytesPerCharacter = 400;   // "." and "\W" are the largest
constexpr int64_t kBytesPerClass = 40 << 10;  // "\pL": all letters there are
constexpr int64_t kBytesPerRepeat = 200;      // "a{0,1000}" is 1000 of them
constexpr int64_t kMaxRepeat = 1000;          // RE2 takes no larger one

// 335,000 plain characters; RE2 itself takes about so many.
constexpr int64_t kMaxBytes = int64_t{128} << 20;

// The larger number of "{3,7}", whose inside `rest` begins with.
int64_t LargestRepeat(absl::string_view rest) {
  int64_t largest = 0;
  int64_t number = 0;
  for (const char c : rest) {
    if (absl::ascii_isdigit(c)) {
      number = std::min(10 * number + (c - '0'), kMaxRepeat);
      largest = std::max(largest, number);
    } else if (c == ',') {
      number = 0;
    } else {
      break;
    }
  }
  return largest;
}

}  // namespace

int64_t RegexCompileBytes(absl::string_view pattern) {
  int64_t bytes = kBytesPerCharacter * static_cast<int64_t>(pattern.size());
  for (size_t i = 0; i < pattern.size(); ++i) {
    const absl::string_view rest = pattern.substr(i + 1);
    if (pattern[i] == '{') bytes += kBytesPerRepeat * LargestRepeat(rest);
    if (pattern[i] == '\\' && !rest.empty() &&
        (rest[0] == 'p' || rest[0] == 'P')) {
      bytes += kBytesPerClass;
    }
  }
  return bytes;
}

absl::Status CheckRegexSize(absl::string_view pattern) {
  const int64_t bytes = RegexCompileBytes(pattern);
  if (bytes <= kMaxBytes) return absl::OkStatus();
  return InvalidArgument("pattern too large: ", pattern.size(),
                         " characters may take ", bytes >> 20,
                         " MiB to compile, expected at most ", kMaxBytes >> 20);
}

}  // namespace metagraph
