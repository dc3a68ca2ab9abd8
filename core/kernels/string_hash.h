#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace metagraph {

// FarmHash's Fingerprint64: the same on every machine and in every version,
// so feature columns hash as they did in training.
uint64_t Fingerprint64(absl::string_view text);

// SipHash-2-4 under a 128-bit key.
uint64_t SipHash24(uint64_t key0, uint64_t key1, absl::string_view text);

// MurmurHash64A with the seed of TensorFlow's Hash64.
uint64_t MurmurHash64(absl::string_view text);

}  // namespace metagraph
