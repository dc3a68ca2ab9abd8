#pragma once

#include "absl/strings/string_view.h"

namespace metagraph {

// Whether the bytes are well-formed UTF-8: no overlong forms, no surrogates.
bool IsUtf8(absl::string_view text);

}  // namespace metagraph
