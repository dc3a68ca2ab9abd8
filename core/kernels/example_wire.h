#pragma once

// tf.Example, SequenceExample and their features, read from their bytes without
// making messages of them.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "core/kernels/wire_reader.h"
#include "core/tensor/dtype.h"

namespace metagraph {

// An entry of a map from names to features, or to lists of features.
struct WireEntry {
  absl::string_view key;
  absl::string_view value;
};

// Calls fn(entry) for each entry of a Features or FeatureLists message, in
// order, until one returns false. False then, or if it is malformed.
template <typename Fn>
bool ForEachEntry(absl::string_view features, Fn&& fn) {
  WireReader reader(features);
  while (!reader.done()) {
    absl::string_view bytes;
    if (!reader.Take(0x0a) || !reader.ReadMessage(&bytes)) return false;
    WireReader entry_reader(bytes);
    WireEntry entry;
    for (int i = 0; i < 2; ++i) {
      uint32_t tag = 0;
      if (!entry_reader.ReadVarint32(&tag)) return false;
      if (tag != 0x0a && tag != 0x12) return false;
      absl::string_view* part = tag == 0x0a ? &entry.key : &entry.value;
      if (!entry_reader.ReadBytes(part)) return false;
    }
    if (!entry_reader.done()) return false;
    if (!fn(entry)) return false;
  }
  return true;
}

// The same for all Features of a serialized Example, of which several may have
// been put together.
template <typename Fn>
bool ForEachFeature(absl::string_view example, Fn&& fn) {
  WireReader reader(example);
  while (!reader.done()) {
    if (!reader.Take(0x0a)) {
      if (!reader.SkipField()) return false;
      continue;
    }
    absl::string_view features;
    if (!reader.ReadMessage(&features)) return false;
    if (!ForEachEntry(features, fn)) return false;
  }
  return true;
}

// What a serialized Feature holds: string, float, int64; DT_INVALID if it is
// empty. False if it is something else.
bool FeatureType(absl::string_view feature, DataType* dtype);

// Reads the values of a serialized Feature, which holds T: float, int64_t or
// std::string. Writes the first `limit` of them to `out` and returns how many
// there are; -1 if they are malformed.
template <typename T>
int64_t ReadFeature(absl::string_view feature, int64_t limit, T* out);

// How many values of `dtype` a serialized Feature has, which holds that; -1 if
// they are malformed.
int64_t CountFeature(absl::string_view feature, DataType dtype);

}  // namespace metagraph
