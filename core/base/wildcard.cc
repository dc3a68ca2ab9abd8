#include "core/base/wildcard.h"

namespace metagraph {

bool WildcardMatches(absl::string_view pattern, absl::string_view name,
                     WildcardRules rules) {
  const auto fits_wildcard = [&](char byte) {
    return rules.fit_slashes || byte != '/';
  };
  // On a mismatch the last '*' takes one byte more: linear in the pattern for
  // each byte of the name, without recursion.
  size_t p = 0, n = 0;
  size_t star = absl::string_view::npos, star_name = 0;
  while (n < name.size()) {
    bool fits = false;
    size_t next = p + 1;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        star_name = n;
        continue;
      }
      if (pattern[p] == '?') {
        fits = fits_wildcard(name[n]);
      } else {
        const bool escaped = rules.backslash_escapes && pattern[p] == '\\' &&
                             p + 1 < pattern.size();
        fits = pattern[p + (escaped ? 1 : 0)] == name[n];
        if (escaped) ++next;
      }
    }
    if (fits) {
      p = next;
      ++n;
    } else if (star != absl::string_view::npos &&
               fits_wildcard(name[star_name])) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace metagraph
