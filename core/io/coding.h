#pragma once

// Integers in files: little-endian fixed width, and varints (groups of 7 bits,
// lowest first, the high bit says that more follow).

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace metagraph {

inline constexpr int kMaxVarint64Bytes = 10;

void PutFixed32(std::string* out, uint32_t value);
void PutFixed64(std::string* out, uint64_t value);
void PutVarint32(std::string* out, uint32_t value);
void PutVarint64(std::string* out, uint64_t value);

// Each takes a value off the front of `*in`. False, and `*in` as it was, if
// the bytes end too early or the value does not fit.
[[nodiscard]] bool GetFixed32(absl::string_view* in, uint32_t* value);
[[nodiscard]] bool GetFixed64(absl::string_view* in, uint64_t* value);
[[nodiscard]] bool GetVarint32(absl::string_view* in, uint32_t* value);
[[nodiscard]] bool GetVarint64(absl::string_view* in, uint64_t* value);
[[nodiscard]] bool GetBytes(absl::string_view* in, uint64_t size,
                            absl::string_view* value);

}  // namespace metagraph
