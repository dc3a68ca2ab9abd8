#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {

// A configuration file as a plain tree. What it means, others say.
struct ConfigNode {
  enum class Kind { kNull, kText, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 1;     // from 1
  std::string key;  // of an entry of a map
  std::string text;
  std::vector<ConfigNode> items;  // of a list or a map, in the file's order
};

// INVALID_ARGUMENT with the line where `node` stands.
template <typename... Parts>
absl::Status ConfigError(const ConfigNode& node, const Parts&... parts) {
  return InvalidArgument("line ", node.line, ": ", parts...);
}

// Reads YAML of one document. INVALID_ARGUMENT, with the line: no YAML, a key
// that stands twice, or what no configuration needs: anchors, aliases, tags,
// deep nesting, more than kLargestConfig bytes.
inline constexpr size_t kLargestConfig = size_t{1} << 20;
absl::StatusOr<ConfigNode> ParseConfig(const std::string& text);

// The text of a node that must have one; `what` names it in the error.
absl::StatusOr<std::string> ConfigText(const ConfigNode& node,
                                       absl::string_view what);

}  // namespace metagraph
