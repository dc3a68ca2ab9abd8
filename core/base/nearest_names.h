#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metagraph {

// Up to `limit` of `names` that a person who typed `wanted` may have meant,
// best first: small edit distance (case ignored), or the same last path
// component.
std::vector<std::string> NearestNames(absl::string_view wanted,
                                      absl::Span<const absl::string_view> names,
                                      size_t limit = 3);

// "; did you mean "a" or "b"?", or "" without candidates.
std::string DidYouMean(const std::vector<std::string>& candidates);

}  // namespace metagraph
