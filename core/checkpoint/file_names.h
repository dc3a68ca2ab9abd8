#pragma once

// The names of the files that make up a checkpoint.

#include <cctype>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// Format V2.
inline std::string IndexPath(absl::string_view prefix) {
  return absl::StrFormat("%s.index", prefix);
}
inline std::string DataPath(absl::string_view prefix, int shard,
                            int num_shards) {
  return absl::StrFormat("%s.data-%05d-of-%05d", prefix, shard, num_shards);
}

// Format V1 in several files "m-00000-of-00002", … has a pattern as its prefix,
// with '?' for the five digits of the file. Gives "m" for a file and for the
// pattern; any other name unchanged.
inline absl::string_view WithoutShards(absl::string_view prefix) {
  constexpr absl::string_view kForm = "-xxxxx-of-ddddd";
  if (prefix.size() <= kForm.size()) return prefix;
  const size_t start = prefix.size() - kForm.size();
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char c = prefix[start + i];
    const bool digit = std::isdigit(static_cast<unsigned char>(c));
    const bool fits = kForm[i] == 'x'   ? digit || c == '?'
                      : kForm[i] == 'd' ? digit
                                        : c == kForm[i];
    if (!fits) return prefix;
  }
  return prefix.substr(0, start);
}

inline std::string MetaGraphPath(absl::string_view prefix) {
  return absl::StrCat(WithoutShards(prefix), ".meta");
}

}  // namespace metagraph
