#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace metagraph {

// CRC-32C (Castagnoli) of A‖data, given the one of A.
uint32_t ExtendCrc32c(uint32_t crc, const void* data, size_t size);
inline uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data) {
  return ExtendCrc32c(crc, data.data(), data.size());
}
inline uint32_t Crc32c(absl::string_view data) { return ExtendCrc32c(0, data); }

// Files store checksums masked: the CRC of bytes that hold their own CRC would
// be weak.
inline constexpr uint32_t kCrcMaskDelta = 0xA282EAD8u;
inline uint32_t MaskCrc32c(uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + kCrcMaskDelta;
}
inline uint32_t UnmaskCrc32c(uint32_t masked) {
  const uint32_t rotated = masked - kCrcMaskDelta;
  return (rotated >> 17) | (rotated << 15);
}

}  // namespace metagraph
