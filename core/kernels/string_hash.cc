#include "core/kernels/string_hash.h"

#include <bit>
#include <cstring>
#include <utility>

namespace metagraph {
namespace {

// All of this works on little-endian words; so does x86-64.
uint64_t Load64(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}
uint64_t Load32(const char* at) {
  uint32_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

uint64_t RotateRight(uint64_t x, int by) { return std::rotr(x, by); }

// FarmHash's odd 64-bit constants.
constexpr uint64_t kA = 0xc3a5c85c97cb3127;
constexpr uint64_t kB = 0xb492b66fbe98f273;
constexpr uint64_t kC = 0x9ae16a3b2f90404f;

uint64_t ShiftMix(uint64_t x) { return x ^ (x >> 47); }

// Two words into one, with a multiplier.
uint64_t Mix(uint64_t u, uint64_t v, uint64_t mul) {
  const uint64_t a = ShiftMix((u ^ v) * mul);
  return ShiftMix((v ^ a) * mul) * mul;
}

uint64_t Hash0To16(const char* s, size_t n) {
  if (n >= 8) {
    const uint64_t mul = kC + n * 2;
    const uint64_t a = Load64(s) + kC;
    const uint64_t b = Load64(s + n - 8);
    const uint64_t c = RotateRight(b, 37) * mul + a;
    const uint64_t d = (RotateRight(a, 25) + b) * mul;
    return Mix(c, d, mul);
  }
  if (n >= 4) {
    return Mix(n + (Load32(s) << 3), Load32(s + n - 4), kC + n * 2);
  }
  if (n > 0) {
    const uint8_t first = s[0];
    const uint8_t middle = s[n >> 1];
    const uint8_t last = s[n - 1];
    const uint32_t y = first + (uint32_t{middle} << 8);
    const uint32_t z = static_cast<uint32_t>(n) + (uint32_t{last} << 2);
    return ShiftMix(y * kC ^ z * kA) * kC;
  }
  return kC;
}

uint64_t Hash17To32(const char* s, size_t n) {
  const uint64_t mul = kC + n * 2;
  const uint64_t a = Load64(s) * kB;
  const uint64_t b = Load64(s + 8);
  const uint64_t c = Load64(s + n - 8) * mul;
  const uint64_t d = Load64(s + n - 16) * kC;
  return Mix(RotateRight(a + b, 43) + RotateRight(c, 30) + d,
             a + RotateRight(b + kC, 18) + c, mul);
}

uint64_t Hash33To64(const char* s, size_t n) {
  const uint64_t mul = kC + n * 2;
  const uint64_t a = Load64(s) * kC;
  const uint64_t b = Load64(s + 8);
  const uint64_t c = Load64(s + n - 8) * mul;
  const uint64_t d = Load64(s + n - 16) * kC;
  const uint64_t y = RotateRight(a + b, 43) + RotateRight(c, 30) + d;
  const uint64_t z = Mix(y, a + RotateRight(b + kC, 18) + c, mul);
  const uint64_t e = Load64(s + 16) * mul;
  const uint64_t f = Load64(s + 24);
  const uint64_t g = (y + Load64(s + n - 32)) * mul;
  const uint64_t h = (z + Load64(s + n - 24)) * mul;
  return Mix(RotateRight(e + f, 43) + RotateRight(g, 30) + h,
             e + RotateRight(f + a, 18) + g, mul);
}

using Pair = std::pair<uint64_t, uint64_t>;

// 32 bytes and two seeds into two words.
Pair WeakHash32(const char* s, uint64_t a, uint64_t b) {
  const uint64_t x = Load64(s + 8);
  const uint64_t y = Load64(s + 16);
  const uint64_t z = Load64(s + 24);
  a += Load64(s);
  b = RotateRight(b + a + z, 21);
  const uint64_t c = a;
  a += x + y;
  b += RotateRight(a, 44);
  return {a + z, b + c};
}

// The state that long texts run through, 64 bytes at a time.
struct State {
  uint64_t x, y, z;
  Pair v = {0, 0};
  Pair w = {0, 0};
};

uint64_t HashLong(const char* s, size_t n) {
  constexpr uint64_t kSeed = 81;
  State t;
  t.x = kSeed;
  t.y = kSeed * kB + 113;
  t.z = ShiftMix(t.y * kC + 113) * kC;
  t.x = t.x * kC + Load64(s);
  const char* const end = s + (n - 1) / 64 * 64;
  const char* const last64 = end + ((n - 1) & 63) - 63;
  do {
    t.x = RotateRight(t.x + t.y + t.v.first + Load64(s + 8), 37) * kB;
    t.y = RotateRight(t.y + t.v.second + Load64(s + 48), 42) * kB;
    t.x ^= t.w.second;
    t.y += t.v.first + Load64(s + 40);
    t.z = RotateRight(t.z + t.w.first, 33) * kB;
    t.v = WeakHash32(s, t.v.second * kB, t.x + t.w.first);
    t.w = WeakHash32(s + 32, t.z + t.w.second, t.y + Load64(s + 16));
    std::swap(t.z, t.x);
    s += 64;
  } while (s != end);
  // The last 64 bytes, which overlap the block before, under another
  // multiplier.
  const uint64_t mul = kB + ((t.z & 0xff) << 1);
  s = last64;
  t.w.first += (n - 1) & 63;
  t.v.first += t.w.first;
  t.w.first += t.v.first;
  t.x = RotateRight(t.x + t.y + t.v.first + Load64(s + 8), 37) * mul;
  t.y = RotateRight(t.y + t.v.second + Load64(s + 48), 42) * mul;
  t.x ^= t.w.second * 9;
  t.y += t.v.first * 9 + Load64(s + 40);
  t.z = RotateRight(t.z + t.w.first, 33) * mul;
  t.v = WeakHash32(s, t.v.second * mul, t.x + t.w.first);
  t.w = WeakHash32(s + 32, t.z + t.w.second, t.y + Load64(s + 16));
  std::swap(t.z, t.x);
  return Mix(Mix(t.v.first, t.w.first, mul) + ShiftMix(t.y) * kA + t.z,
             Mix(t.v.second, t.w.second, mul) + t.x, mul);
}

void SipRound(uint64_t v[4]) {
  v[0] += v[1];
  v[2] += v[3];
  v[1] = std::rotl(v[1], 13) ^ v[0];
  v[3] = std::rotl(v[3], 16) ^ v[2];
  v[0] = std::rotl(v[0], 32);
  v[2] += v[1];
  v[0] += v[3];
  v[1] = std::rotl(v[1], 17) ^ v[2];
  v[3] = std::rotl(v[3], 21) ^ v[0];
  v[2] = std::rotl(v[2], 32);
}

// The last 0..7 bytes as the low bytes of a word.
uint64_t LoadTail(absl::string_view tail) {
  uint64_t word = 0;
  std::memcpy(&word, tail.data(), tail.size());
  return word;
}

}  // namespace

uint64_t Fingerprint64(absl::string_view text) {
  const size_t n = text.size();
  if (n <= 16) return Hash0To16(text.data(), n);
  if (n <= 32) return Hash17To32(text.data(), n);
  if (n <= 64) return Hash33To64(text.data(), n);
  return HashLong(text.data(), n);
}

uint64_t SipHash24(uint64_t key0, uint64_t key1, absl::string_view text) {
  // The constants spell "somepseudorandomlygeneratedbytes".
  uint64_t v[4] = {key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d,
                   key0 ^ 0x6c7967656e657261, key1 ^ 0x7465646279746573};
  const auto absorb = [&](uint64_t word) {
    v[3] ^= word;
    SipRound(v);
    SipRound(v);
    v[0] ^= word;
  };
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) absorb(Load64(text.data() + at));
  absorb(LoadTail(text.substr(at)) | uint64_t{text.size()} << 56);
  v[2] ^= 0xff;
  for (int i = 0; i < 4; ++i) SipRound(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t MurmurHash64(absl::string_view text) {
  constexpr uint64_t kMul = 0xc6a4a7935bd1e995;
  constexpr uint64_t kSeed = 0xDECAFCAFFE;
  uint64_t hash = kSeed ^ (text.size() * kMul);
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = Load64(text.data() + at) * kMul;
    word = (word ^ (word >> 47)) * kMul;
    hash = (hash ^ word) * kMul;
  }
  if (at < text.size()) hash = (hash ^ LoadTail(text.substr(at))) * kMul;
  hash = (hash ^ (hash >> 47)) * kMul;
  return hash ^ (hash >> 47);
}

}  // namespace metagraph
