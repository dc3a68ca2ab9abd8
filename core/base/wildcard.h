#pragma once

#include "absl/strings/string_view.h"

namespace metagraph {

struct WildcardRules {
  bool fit_slashes = true;         // wildcards also fit a '/'
  bool backslash_escapes = false;  // a backslash takes the next byte literally
};

// Whether the whole of `name` fits `pattern`: '*' is any run of bytes, '?' any
// one.
bool WildcardMatches(absl::string_view pattern, absl::string_view name,
                     WildcardRules rules = {});

}  // namespace metagraph
