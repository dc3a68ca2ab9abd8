#pragma once

#include "absl/strings/string_view.h"

namespace metagraph {

// Whether the whole of `name` fits: `*` is any run of characters, also across
// "/", `?` any one.
inline bool WildcardMatches(absl::string_view pattern, absl::string_view name) {
  size_t p = 0;
  size_t n = 0;
  // Where the last star stands, and what it has swallowed up to.
  size_t star = absl::string_view::npos;
  size_t swallowed = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      swallowed = n;
    } else if (p < pattern.size() &&
               (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      n = ++swallowed;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace metagraph
