#pragma once

// Arithmetic on sizes that came from a file or a request.

#include <cstdint>
#include <optional>

namespace metagraph {

// a*b, or nullopt if an operand is negative or the product overflows.
inline std::optional<int64_t> CheckedMul(int64_t a, int64_t b) {
  int64_t out;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &out)) return {};
  return out;
}

// a+b, or nullopt if an operand is negative or the sum overflows.
inline std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t out;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &out)) return {};
  return out;
}

// Whether [offset, offset+size) lies in [0, limit).
inline bool RangeWithin(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

}  // namespace metagraph
