#pragma once

// Numbers out of text: float, double, and integers of 32 and 64 bits.

#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// False if the text is no number, or none that T has room for.
template <typename T>
bool ParseNumber(absl::string_view text, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    return absl::SimpleAtof(text, out);
  } else if constexpr (std::is_same_v<T, double>) {
    return absl::SimpleAtod(text, out);
  } else {
    return absl::SimpleAtoi(text, out);
  }
}

}  // namespace metagraph
