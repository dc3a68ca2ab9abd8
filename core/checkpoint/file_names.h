#pragma once

// The names of the files that make up a checkpoint of format V2.

#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace metagraph {

inline std::string IndexPath(absl::string_view prefix) {
  return absl::StrFormat("%s.index", prefix);
}
inline std::string DataPath(absl::string_view prefix, int shard,
                            int num_shards) {
  return absl::StrFormat("%s.data-%05d-of-%05d", prefix, shard, num_shards);
}

}  // namespace metagraph
