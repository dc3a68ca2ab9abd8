#include "core/io/coding.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(CodingTest, FixedIsLittleEndian) {
  std::string out;
  PutFixed32(&out, 0x01020304);
  PutFixed64(&out, 0x0102030405060708);
  EXPECT_EQ(
      out, std::string("\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01", 12));
  absl::string_view in = out;
  uint32_t small;
  uint64_t large;
  ASSERT_TRUE(GetFixed32(&in, &small));
  ASSERT_TRUE(GetFixed64(&in, &large));
  EXPECT_EQ(small, 0x01020304u);
  EXPECT_EQ(large, 0x0102030405060708u);
  EXPECT_TRUE(in.empty());
}

TEST(CodingTest, VarintsRoundTripAtEveryWidth) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t value :
         {uint64_t{1} << bit, (uint64_t{1} << bit) - 1, ~uint64_t{0} >> bit}) {
      std::string out;
      PutVarint64(&out, value);
      absl::string_view in = out;
      uint64_t got = 0;
      ASSERT_TRUE(GetVarint64(&in, &got));
      EXPECT_EQ(got, value);
      EXPECT_TRUE(in.empty());
    }
  }
}

TEST(CodingTest, RefusesTruncatedVarintAndLeavesInput) {
  std::string out;
  PutVarint64(&out, std::numeric_limits<uint64_t>::max());
  ASSERT_EQ(out.size(), 10u);
  for (size_t size = 0; size < out.size(); ++size) {
    absl::string_view in = absl::string_view(out).substr(0, size);
    uint64_t value;
    EXPECT_FALSE(GetVarint64(&in, &value));
    EXPECT_EQ(in.size(), size);
  }
}

TEST(CodingTest, RefusesVarintsThatDoNotFit) {
  absl::string_view in("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
  uint64_t large;
  EXPECT_FALSE(GetVarint64(&in, &large));
  std::string out;
  PutVarint64(&out, uint64_t{1} << 32);
  in = out;
  uint32_t small;
  EXPECT_FALSE(GetVarint32(&in, &small));
  EXPECT_EQ(in.size(), out.size());
}

TEST(CodingTest, RefusesBytesBeyondTheEnd) {
  absl::string_view in = "abc";
  absl::string_view value;
  EXPECT_FALSE(GetBytes(&in, 4, &value));
  EXPECT_FALSE(GetBytes(&in, ~uint64_t{0}, &value));
  ASSERT_TRUE(GetBytes(&in, 2, &value));
  EXPECT_EQ(value, "ab");
  EXPECT_EQ(in, "c");
}

}  // namespace
}  // namespace metagraph
