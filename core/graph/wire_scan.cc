#include "core/graph/wire_scan.h"

namespace metagraph {

std::optional<uint64_t> WireScanner::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

bool WireScanner::Skip(uint64_t bytes) {
  if (bytes > rest_.size()) return false;
  rest_.remove_prefix(bytes);
  return true;
}

std::optional<WireScanner::Field> WireScanner::Next() {
  if (rest_.empty() || broken_) return std::nullopt;
  const absl::string_view start = rest_;
  const auto fail = [&] {
    rest_ = start;
    broken_ = true;
    return std::nullopt;
  };
  const auto tag = Varint();
  if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1fffffff) return fail();
  Field field;
  field.number = static_cast<uint32_t>(*tag >> 3);
  switch (*tag & 7) {
    case 0:
      field.type = Type::kVarint;
      if (!Varint()) return fail();
      return field;
    case 1:
      field.type = Type::kFixed64;
      if (!Skip(8)) return fail();
      return field;
    case 2: {
      field.type = Type::kBytes;
      const auto size = Varint();
      const absl::string_view payload = rest_;
      if (!size || !Skip(*size)) return fail();
      field.bytes = payload.substr(0, *size);
      return field;
    }
    case 5:
      field.type = Type::kFixed32;
      if (!Skip(4)) return fail();
      return field;
    default:  // groups: no message of ours has them
      return fail();
  }
}

}  // namespace metagraph
