#pragma once

// Serialized tf.Examples and SequenceExamples in tests, byte by byte.

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/op_tester.h"

namespace metagraph {

inline std::string WireNumber(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
// A field of bytes: its tag, its length, the bytes.
inline std::string WireField(int number, const std::string& bytes) {
  return WireNumber(static_cast<uint64_t>(number) << 3 | 2) +
         WireNumber(bytes.size()) + bytes;
}

// Features.
inline std::string IntFeature(const std::vector<int64_t>& values) {
  std::string packed;
  for (int64_t value : values)
    packed += WireNumber(static_cast<uint64_t>(value));
  return WireField(3, WireField(1, packed));
}
inline std::string FloatFeature(const std::vector<float>& values) {
  std::string packed(values.size() * sizeof(float), '\0');
  if (!values.empty()) {
    std::memcpy(packed.data(), values.data(), packed.size());
  }
  return WireField(2, WireField(1, packed));
}
inline std::string BytesFeature(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += WireField(1, value);
  return WireField(1, list);
}

using NamedFeatures = std::vector<std::pair<std::string, std::string>>;

inline std::string WireEntry(const std::string& key, const std::string& value) {
  return WireField(1, WireField(1, key) + WireField(2, value));
}
inline std::string WireFeatures(const NamedFeatures& features) {
  std::string out;
  for (const auto& [key, value] : features) out += WireEntry(key, value);
  return out;
}
inline std::string WireExample(const NamedFeatures& features) {
  return WireField(1, WireFeatures(features));
}
// Of a list of features one after the other.
inline std::string WireList(const std::vector<std::string>& features) {
  std::string out;
  for (const std::string& feature : features) out += WireField(1, feature);
  return out;
}

inline Tensor Texts(const std::vector<std::string>& texts) {
  return Tensor::Vector<std::string>(texts);
}
inline tensorflow::AttrValue Shapes(const std::vector<PartialShape>& shapes) {
  tensorflow::AttrValue attr;
  attr.mutable_list();
  for (const PartialShape& shape : shapes) {
    shape.ToProto(attr.mutable_list()->add_shape());
  }
  return attr;
}

}  // namespace metagraph
