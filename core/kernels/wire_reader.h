#pragma once

// Protobuf's wire format read where it lies, for messages of which only a part
// is wanted. What is cut short or too long is read as TensorFlow's own fast
// parsers read it: a message that says to be longer than what is there ends
// where its bytes end.

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace metagraph {

// Reads from the front of some bytes, which outlive it. After a false the
// position is anywhere in them.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())),
        end_(at_ + bytes.size()) {}

  bool done() const { return at_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  // The next byte; 0 at the end.
  uint8_t Peek() const { return done() ? 0 : *at_; }

  // Whether the next byte is `tag`; takes it if so.
  bool Take(uint8_t tag) {
    if (Peek() != tag || done()) return false;
    ++at_;
    return true;
  }

  bool ReadVarint(uint64_t* out) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (done()) return false;
      const uint64_t byte = *at_++;
      if (shift < 64) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        *out = value;
        return true;
      }
    }
    return false;
  }
  // Only the low bits of a longer number count, as in protobuf.
  bool ReadVarint32(uint32_t* out) {
    uint64_t value = 0;
    if (!ReadVarint(&value)) return false;
    *out = static_cast<uint32_t>(value);
    return true;
  }

  bool ReadFixed32(uint32_t* out) {
    if (left() < sizeof(*out)) return false;
    std::memcpy(out, at_, sizeof(*out));
    at_ += sizeof(*out);
    return true;
  }

  // `size` bytes, all of them.
  bool ReadRaw(size_t size, absl::string_view* out) {
    if (left() < size) return false;
    *out = {reinterpret_cast<const char*>(at_), size};
    at_ += size;
    return true;
  }
  // A length and as many bytes.
  bool ReadBytes(absl::string_view* out) {
    uint32_t size = 0;
    return ReadVarint32(&size) && ReadRaw(size, out);
  }
  // A length and as many bytes, or those that are left.
  bool ReadMessage(absl::string_view* out) {
    uint32_t size = 0;
    return ReadVarint32(&size) && ReadRaw(std::min<size_t>(size, left()), out);
  }

  // A field that nobody asked for, its tag too. False for groups.
  bool SkipField() {
    uint32_t tag = 0;
    uint64_t number = 0;
    absl::string_view bytes;
    if (!ReadVarint32(&tag)) return false;
    switch (tag & 7) {
      case 0:
        return ReadVarint(&number);
      case 1:
        return ReadRaw(8, &bytes);
      case 2:
        return ReadMessage(&bytes);
      case 5:
        return ReadRaw(4, &bytes);
      default:
        return false;
    }
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

}  // namespace metagraph
