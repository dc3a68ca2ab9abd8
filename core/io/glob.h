#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/io/file_system.h"

namespace metagraph {

// Whether `name` fits `pattern`: '?' is any one byte, '*' any run of bytes,
// '\' takes the next byte literally. Neither wildcard fits a '/'.
bool GlobMatches(absl::string_view pattern, absl::string_view name);

// The paths that fit a pattern whose wildcards are all in the last component,
// sorted. A missing folder gives an empty list.
absl::StatusOr<std::vector<std::string>> Glob(FileSystem& fs,
                                              absl::string_view pattern);

}  // namespace metagraph
