#pragma once

// Numbers out of text: float, double, and integers of 32 and 64 bits.

#include <cstddef>
#include <string>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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

// For a message about a text that is no number, which may be of any size.
inline std::string ShownText(absl::string_view text) {
  constexpr size_t kMost = 256;
  if (text.size() <= kMost) return std::string(text);
  return absl::StrCat(text.substr(0, kMost), "...");
}

}  // namespace metagraph
