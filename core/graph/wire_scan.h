#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace metagraph {

// Walks the top-level fields of a serialized protobuf message without parsing
// what they hold: enough to tell which message some bytes are.
class WireScanner {
 public:
  enum class Type { kVarint, kFixed64, kBytes, kFixed32 };
  struct Field {
    uint32_t number = 0;
    Type type = Type::kVarint;
    absl::string_view bytes;  // of a kBytes field
  };

  explicit WireScanner(absl::string_view message)
      : rest_(message), size_(message.size()) {}

  // The next field; nullopt at the end or where the bytes are no message.
  std::optional<Field> Next();
  bool broken() const { return broken_; }
  // Where the scan stands.
  size_t offset() const { return size_ - rest_.size(); }

 private:
  std::optional<uint64_t> Varint();
  bool Skip(uint64_t bytes);

  absl::string_view rest_;
  const size_t size_;
  bool broken_ = false;
};

}  // namespace metagraph
