#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// The bytes that pairs of hexadecimal digits stand for.
inline std::string FromHex(absl::string_view digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    uint32_t byte = 0;
    if (!absl::SimpleHexAtoi(digits.substr(i, 2), &byte)) return "no digits";
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

}  // namespace metagraph
