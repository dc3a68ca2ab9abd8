#include "server/unsent_answers.h"

#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMiB = 1 << 20;

class UnsentAnswersTest : public testing::Test {
 protected:
  std::vector<std::string> ended_;
  UnsentAnswers answers_{4 * kMiB, 100 * kMiB, [this](const std::string& peer) {
                           ended_.push_back(peer);
                         }};
};

TEST_F(UnsentAnswersTest, RefusesWhatDoesNotFit) {
  std::optional<UnsentAnswers::Room> first(answers_);
  EXPECT_OK(first->Take(3 * kMiB, "a", kSecond));
  UnsentAnswers::Room second(answers_);
  EXPECT_THAT(second.Take(2 * kMiB, "b", kSecond),
              HasCode(absl::StatusCode::kResourceExhausted, "no room"));
  EXPECT_EQ(answers_.bytes(), 3 * kMiB);
  first.reset();
  EXPECT_EQ(answers_.bytes(), 0);
  UnsentAnswers::Room third(answers_);
  EXPECT_OK(third.Take(2 * kMiB, "b", kSecond));
  EXPECT_THAT(ended_, testing::IsEmpty());
}

TEST_F(UnsentAnswersTest, OneThatIsAloneFindsRoom) {
  UnsentAnswers::Room room(answers_);
  EXPECT_OK(room.Take(100 * kMiB, "a", kSecond));
}

TEST_F(UnsentAnswersTest, NoneIsLargerThanTheMemoryOfTensors) {
  UnsentAnswers::Room room(answers_);
  EXPECT_FALSE(room.Take(100 * kMiB + 1, "a", kSecond).ok());
  EXPECT_EQ(answers_.bytes(), 0);
}

TEST_F(UnsentAnswersTest, SmallOnesFindRoomBesideLargeOnes) {
  UnsentAnswers::Room large(answers_);
  EXPECT_OK(large.Take(4 * kMiB, "a", kSecond));
  UnsentAnswers::Room small(answers_);
  EXPECT_OK(small.Take(1000, "b", kSecond));
}

TEST_F(UnsentAnswersTest, ThoseThatDoNotReadLoseTheirConnections) {
  UnsentAnswers::Room stalled(answers_);
  EXPECT_OK(stalled.Take(2 * kMiB, "stalled", kSecond));
  UnsentAnswers::Room small(answers_);
  EXPECT_OK(small.Take(100, "small", kSecond));
  UnsentAnswers::Room young(answers_);
  EXPECT_OK(young.Take(kMiB, "young", 9 * kSecond));
  UnsentAnswers::Room refused(answers_);
  EXPECT_FALSE(refused.Take(2 * kMiB, "new", 10 * kSecond).ok());
  EXPECT_THAT(ended_, testing::ElementsAre("stalled"));
}

}  // namespace
}  // namespace metagraph
