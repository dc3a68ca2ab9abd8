#include "core/base/units.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(UnitsTest, ReadsSizes) {
  EXPECT_EQ(ParseBytes("0").value(), 0);
  EXPECT_EQ(ParseBytes("9007199254740993").value(), 9007199254740993);
  EXPECT_EQ(ParseBytes("2GiB").value(), int64_t{2} << 30);
  EXPECT_EQ(ParseBytes("2GB").value(), 2'000'000'000);
  EXPECT_EQ(ParseBytes("2 Gi").value(), int64_t{2} << 30);
  EXPECT_EQ(ParseBytes("1.5k").value(), 1500);
  EXPECT_EQ(ParseBytes("3mib").value(), 3 << 20);
  EXPECT_EQ(ParseBytes("7B").value(), 7);
  EXPECT_EQ(ParseBytes("1T").value(), 1'000'000'000'000);
  for (const char* wrong : {"", "GB", "-1", "2X", "2GBs", "1e3", "nan", "inf",
                            "99999999999999999999", "9999999999TiB", "1..5"}) {
    EXPECT_FALSE(ParseBytes(wrong).ok()) << wrong;
  }
}

TEST(UnitsTest, ReadsTimes) {
  EXPECT_EQ(ParseTime("0").value(), absl::ZeroDuration());
  EXPECT_EQ(ParseTime("0.5").value(), absl::Milliseconds(500));
  EXPECT_EQ(ParseTime("5s").value(), absl::Seconds(5));
  EXPECT_EQ(ParseTime("1h30m").value(), absl::Minutes(90));
  EXPECT_EQ(ParseTime("250ms").value(), absl::Milliseconds(250));
  for (const char* wrong :
       {"", "-1", "-1s", "5 parsecs", "nan", "inf", "1e300"}) {
    EXPECT_FALSE(ParseTime(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace metagraph
