#include "core/io/crc32c.h"

#include <array>
#include <cstring>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace metagraph {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78u;  // reflected

#ifdef __SSE4_2__

// The instruction takes three cycles but one can start in each, so three
// streams side by side run three times as fast as one. Their CRCs are then
// joined: that of A‖B is that of A moved over |B| zero bytes, xor that of B.

// a·b modulo the polynomial, bits reflected: the top bit is x^0.
constexpr uint32_t MultiplyMod(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b & 1) ? (b >> 1) ^ kPolynomial : b >> 1;
  }
  return product;
}

// x^(8·bytes): what `bytes` zero bytes multiply a CRC by.
constexpr uint32_t ZeroBytesFactor(size_t bytes) {
  uint32_t power = 1u << 31;   // x^0
  uint32_t square = 1u << 30;  // x^1
  for (size_t bits = 8 * bytes; bits != 0; bits >>= 1) {
    if (bits & 1) power = MultiplyMod(power, square);
    square = MultiplyMod(square, square);
  }
  return power;
}

// The product with that factor, a table look-up per byte of the CRC.
template <size_t kBytes>
struct ZeroBytesTable {
  std::array<std::array<uint32_t, 256>, 4> rows{};

  constexpr ZeroBytesTable() {
    constexpr uint32_t kFactor = ZeroBytesFactor(kBytes);
    for (int row = 0; row < 4; ++row) {
      for (int bit = 0; bit < 8; ++bit) {
        const uint32_t at_bit = MultiplyMod(kFactor, 1u << (8 * row + bit));
        for (uint32_t value = 1u << bit; value < 2u << bit; ++value) {
          rows[row][value] = rows[row][value - (1u << bit)] ^ at_bit;
        }
      }
    }
  }
  uint32_t Move(uint32_t crc) const {
    return rows[0][crc & 0xff] ^ rows[1][(crc >> 8) & 0xff] ^
           rows[2][(crc >> 16) & 0xff] ^ rows[3][crc >> 24];
  }
};

constexpr size_t kLong = 4096;
constexpr size_t kShort = 256;
constexpr ZeroBytesTable<kLong> kLongTable;
constexpr ZeroBytesTable<kShort> kShortTable;

uint64_t Load64(const unsigned char* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// Takes 3·kStride bytes at a time off the front of [*p, end).
template <size_t kStride>
uint64_t ThreeStreams(uint64_t crc, const unsigned char** p,
                      const unsigned char* end,
                      const ZeroBytesTable<kStride>& table) {
  const unsigned char* at = *p;
  while (static_cast<size_t>(end - at) >= 3 * kStride) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t i = 0; i < kStride; i += 8) {
      crc = _mm_crc32_u64(crc, Load64(at + i));
      second = _mm_crc32_u64(second, Load64(at + kStride + i));
      third = _mm_crc32_u64(third, Load64(at + 2 * kStride + i));
    }
    crc = table.Move(static_cast<uint32_t>(crc)) ^ second;
    crc = table.Move(static_cast<uint32_t>(crc)) ^ third;
    at += 3 * kStride;
  }
  *p = at;
  return crc;
}

uint32_t Extend(uint32_t state, const unsigned char* p,
                const unsigned char* end) {
  uint64_t crc = state;
  crc = ThreeStreams(crc, &p, end, kLongTable);
  crc = ThreeStreams(crc, &p, end, kShortTable);
  for (; end - p >= 8; p += 8) crc = _mm_crc32_u64(crc, Load64(p));
  for (; p != end; ++p) {
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), *p);
  }
  return static_cast<uint32_t>(crc);
}

#else  // a machine without the instruction

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) ? (crc >> 1) ^ kPolynomial : crc >> 1;
    }
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

uint32_t Extend(uint32_t crc, const unsigned char* p,
                const unsigned char* end) {
  for (; p != end; ++p) crc = kTable[(crc ^ *p) & 0xff] ^ (crc >> 8);
  return crc;
}

#endif

}  // namespace

uint32_t ExtendCrc32c(uint32_t crc, const void* data, size_t size) {
  const auto* p = static_cast<const unsigned char*>(data);
  return ~Extend(~crc, p, p + size);
}

}  // namespace metagraph
