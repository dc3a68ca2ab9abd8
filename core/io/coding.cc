#include "core/io/coding.h"

#include <limits>

namespace metagraph {
namespace {

template <typename T>
void PutFixed(std::string* out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    out->push_back(static_cast<char>(value >> (8 * i)));
  }
}

template <typename T>
bool GetFixed(absl::string_view* in, T* value) {
  if (in->size() < sizeof(T)) return false;
  T result = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    result |= static_cast<T>(static_cast<unsigned char>((*in)[i])) << (8 * i);
  }
  *value = result;
  in->remove_prefix(sizeof(T));
  return true;
}

}  // namespace

void PutFixed32(std::string* out, uint32_t value) { PutFixed(out, value); }
void PutFixed64(std::string* out, uint64_t value) { PutFixed(out, value); }
void PutVarint32(std::string* out, uint32_t value) { PutVarint64(out, value); }

void PutVarint64(std::string* out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out->push_back(static_cast<char>(value | 0x80));
  }
  out->push_back(static_cast<char>(value));
}

bool GetFixed32(absl::string_view* in, uint32_t* value) {
  return GetFixed(in, value);
}

bool GetFixed64(absl::string_view* in, uint64_t* value) {
  return GetFixed(in, value);
}

bool GetVarint32(absl::string_view* in, uint32_t* value) {
  absl::string_view rest = *in;
  uint64_t wide;
  if (!GetVarint64(&rest, &wide) ||
      wide > std::numeric_limits<uint32_t>::max()) {
    return false;
  }
  *value = static_cast<uint32_t>(wide);
  *in = rest;
  return true;
}

bool GetVarint64(absl::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < kMaxVarint64Bytes; ++i) {
    const auto byte = static_cast<unsigned char>((*in)[i]);
    if (i == kMaxVarint64Bytes - 1 && byte > 1) return false;  // over 64 bits
    result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) {
      *value = result;
      in->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool GetBytes(absl::string_view* in, uint64_t size, absl::string_view* value) {
  if (in->size() < size) return false;
  *value = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

}  // namespace metagraph
