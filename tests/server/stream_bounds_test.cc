#include "server/stream_bounds.h"

#include <optional>

#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

TEST(ByteBoundTest, IsForAllTogether) {
  ByteBound bound(100);
  ByteBound::Share first(bound);
  EXPECT_OK(first.GrowTo(60));
  EXPECT_OK(first.GrowTo(20));
  EXPECT_EQ(bound.used(), 60) << "it does not shrink";
  {
    ByteBound::Share second(bound);
    EXPECT_THAT(second.GrowTo(41),
                HasCode(absl::StatusCode::kResourceExhausted,
                        "may take 60 bytes, this one 41, which is more than "
                        "100 together"));
    EXPECT_OK(second.GrowTo(40));
    EXPECT_FALSE(first.GrowTo(61).ok());
    EXPECT_EQ(bound.used(), 100);
  }
  EXPECT_EQ(bound.used(), 60);
  EXPECT_OK(first.GrowTo(100));
  first.Release();
  EXPECT_EQ(bound.used(), 0);
}

TEST(ByteBoundTest, LetsOneHaveWhatItNeeds) {
  ByteBound bound(100);
  ByteBound::Share alone(bound);
  EXPECT_OK(alone.GrowTo(50));
  EXPECT_OK(alone.GrowTo(5000));
  ByteBound::Share second(bound);
  EXPECT_FALSE(second.GrowTo(1).ok());
  alone.Release();
  EXPECT_OK(second.GrowTo(1));
}

}  // namespace
}  // namespace metagraph
