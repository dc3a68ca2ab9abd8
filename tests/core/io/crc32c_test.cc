#include "core/io/crc32c.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

// Bit by bit, from the definition.
uint32_t SlowCrc32c(absl::string_view data) {
  uint32_t crc = 0xffffffffu;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
    }
  }
  return ~crc;
}

std::string Pattern(size_t size) {
  std::string data(size, '\0');
  uint32_t state = 1;
  for (char& c : data) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return data;
}

TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

// Around the sizes at which the streams change.
TEST(Crc32cTest, AgreesWithDefinitionAtEveryLength) {
  const std::string data = Pattern(40000);
  for (const size_t size :
       {1u, 7u, 8u, 9u, 255u, 767u, 768u, 769u, 1535u, 1536u, 12287u, 12288u,
        12289u, 13056u, 24575u, 24576u, 39999u, 40000u}) {
    for (const size_t start : {0u, 1u, 5u}) {
      const absl::string_view part =
          absl::string_view(data).substr(start, size);
      EXPECT_EQ(Crc32c(part), SlowCrc32c(part)) << size << " at " << start;
    }
  }
}

TEST(Crc32cTest, ExtendingIsTheSameAsAllAtOnce) {
  const std::string data = Pattern(20000);
  const uint32_t all = Crc32c(data);
  for (const size_t cut : {0u, 1u, 100u, 5000u, 13000u, 20000u}) {
    const uint32_t first = Crc32c(absl::string_view(data).substr(0, cut));
    EXPECT_EQ(ExtendCrc32c(first, absl::string_view(data).substr(cut)), all);
  }
}

TEST(Crc32cTest, MaskRoundTrips) {
  EXPECT_EQ(MaskCrc32c(0xE3069283u), 0xC78AB0E5u);
  EXPECT_EQ(MaskCrc32c(0), 0xA282EAD8u);
  for (const uint32_t crc : {0u, 1u, 0xffffffffu, 0xE3069283u}) {
    EXPECT_EQ(UnmaskCrc32c(MaskCrc32c(crc)), crc);
  }
}

}  // namespace
}  // namespace metagraph
