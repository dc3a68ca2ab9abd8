#pragma once

// Philox4x32-10, the counter-based generator behind TensorFlow's random ops,
// and its way from random words to numbers.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/base/mutex.h"
#include "core/op/kernel_construction.h"
#include "core/tensor/dtype.h"

namespace metagraph {

class Philox {
 public:
  using Block = std::array<uint32_t, 4>;

  Philox() = default;
  Philox(uint64_t seed, uint64_t seed2)
      : key_{Low(seed), High(seed)}, counter_{0, 0, Low(seed2), High(seed2)} {}

  // The next block.
  Block Next() {
    Block out = Encrypt();
    Skip(1);
    return out;
  }

  // Passes over `blocks` blocks.
  void Skip(uint64_t blocks) {
    const uint64_t low = counter_[0] | uint64_t{counter_[1]} << 32;
    const uint64_t sum = low + blocks;
    counter_[0] = Low(sum);
    counter_[1] = High(sum);
    if (sum < low && ++counter_[2] == 0) ++counter_[3];
  }

 private:
  static uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
  static uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

  Block Encrypt() const {
    Block c = counter_;
    std::array<uint32_t, 2> k = key_;
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
      const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
      c = {High(p1) ^ c[1] ^ k[0], Low(p1), High(p0) ^ c[3] ^ k[1], Low(p0)};
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    return c;
  }

  std::array<uint32_t, 2> key_ = {0, 0};
  Block counter_ = {0, 0, 0, 0};
};

// Words of a Philox stream, one at a time.
class PhiloxWords {
 public:
  explicit PhiloxWords(Philox philox) : philox_(philox) {}
  uint32_t Next() {
    if (used_ == 4) {
      block_ = philox_.Next();
      used_ = 0;
    }
    return block_[used_++];
  }

 private:
  Philox philox_;
  Philox::Block block_ = {};
  int used_ = 4;
};

// The stream of one random op, shared by all its runs. Thread-safe.
class RandomStream {
 public:
  // Reads seed and seed2; without them the stream is seeded by the machine.
  absl::Status Init(KernelConstruction& construction);

  // The generator where this run starts; later runs start `blocks` after it.
  Philox Reserve(uint64_t blocks) const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    Philox start = philox_;
    philox_.Skip(blocks);
    return start;
  }

 private:
  mutable Mutex mu_;
  mutable Philox philox_ GUARDED_BY(mu_);
};

// Random bits into the mantissa of a number in [1, 2), less 1.
inline float UniformFloat(uint32_t x) {
  const uint32_t bits = 0x3F800000u | (x & 0x7FFFFFu);
  float out;
  std::memcpy(&out, &bits, sizeof(out));
  return out - 1.0f;
}

inline double UniformDouble(uint32_t x0, uint32_t x1) {
  const uint64_t bits =
      uint64_t{1023} << 52 | uint64_t{x0 & 0xFFFFFu} << 32 | x1;
  double out;
  std::memcpy(&out, &bits, sizeof(out));
  return out - 1.0;
}

inline half UniformHalf(uint32_t x) {
  const uint16_t bits = static_cast<uint16_t>(15u << 10 | (x & 0x3FFu));
  return Eigen::numext::bit_cast<half>(bits) - half(1.0f);
}

inline bfloat16 UniformBfloat16(uint32_t x) {
  const uint16_t bits = static_cast<uint16_t>(127u << 7 | (x & 0x7Fu));
  return Eigen::numext::bit_cast<bfloat16>(bits) - bfloat16(1.0f);
}

// Box-Muller: two normally distributed numbers from two words, or four.
inline void NormalFloats(uint32_t x0, uint32_t x1, float* out) {
  const float u1 = std::max(UniformFloat(x0), 1.0e-7f);
  const float angle = static_cast<float>(2.0f * M_PI * UniformFloat(x1));
  const float radius = std::sqrt(-2.0f * std::log(u1));
  out[0] = std::sin(angle) * radius;
  out[1] = std::cos(angle) * radius;
}

inline void NormalDoubles(const uint32_t* x, double* out) {
  const double u1 = std::max(UniformDouble(x[0], x[1]), 1.0e-7);
  const double angle = 2 * M_PI * UniformDouble(x[2], x[3]);
  const double radius = std::sqrt(-2.0 * std::log(u1));
  out[0] = std::sin(angle) * radius;
  out[1] = std::cos(angle) * radius;
}

}  // namespace metagraph
