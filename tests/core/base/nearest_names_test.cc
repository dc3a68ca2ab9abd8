#include "core/base/nearest_names.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NearestNamesTest, PutsTheClosestFirst) {
  EXPECT_THAT(NearestNames("weight", {"bias", "weights1", "weights"}),
              ElementsAre("weights", "weights1"));
}

TEST(NearestNamesTest, IgnoresCase) {
  EXPECT_THAT(NearestNames("w1", {"W1", "zz"}), ElementsAre("W1"));
}

TEST(NearestNamesTest, OffersTheSameLastComponentInAnotherScope) {
  EXPECT_THAT(NearestNames("kernel", {"layer/dense/kernel", "other"}),
              ElementsAre("layer/dense/kernel"));
}

TEST(NearestNamesTest, OffersNothingThatIsFarAway) {
  EXPECT_THAT(NearestNames("loss", {"accuracy", "global_step"}), IsEmpty());
}

TEST(NearestNamesTest, StopsAtTheLimit) {
  EXPECT_EQ(NearestNames("a1", {"a2", "a3", "a4", "a5"}, 2).size(), 2u);
}

TEST(NearestNamesTest, ALongNameIsCutNotCompared) {
  const std::string huge(1 << 20, 'x');
  EXPECT_THAT(NearestNames(huge, {"short"}), IsEmpty());
}

TEST(NearestNamesTest, DidYouMeanReadsAsASentence) {
  EXPECT_EQ(DidYouMean({}), "");
  EXPECT_EQ(DidYouMean({"a"}), "; did you mean \"a\"?");
  EXPECT_EQ(DidYouMean({"a", "b", "c"}),
            "; did you mean \"a\", \"b\" or \"c\"?");
}

}  // namespace
}  // namespace metagraph
