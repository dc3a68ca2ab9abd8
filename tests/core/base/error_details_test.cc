#include "core/base/error_details.h"

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(ErrorDetailsTest, GoWithTheErrorThroughAnnotations) {
  const absl::Status status =
      Annotate(WithDetails(NotFound("no"), {{"name", "x"}}), "outer: ");
  EXPECT_THAT(DetailsOf(status), ElementsAre(Pair("name", "x")));
  EXPECT_THAT(DetailsOf(NotFound("no")), IsEmpty());
}

TEST(ErrorDetailsTest, TheInnermostPlaceKnowsBest) {
  absl::Status status =
      WithDetails(NotFound("no"), {{"name", "x"}, {"nearest", ""}});
  status = WithDetails(status, {{"name", "y"}, {"found", "z"}});
  EXPECT_THAT(DetailsOf(status),
              ElementsAre(Pair("found", "z"), Pair("name", "x")));
}

TEST(ErrorDetailsTest, LeavesOutWhatNoAnswerCouldCarry) {
  const absl::Status status = WithDetails(
      NotFound("no"), {{"name", std::string(100'000, 'x')}, {"found", "z"}});
  EXPECT_THAT(DetailsOf(status), ElementsAre(Pair("found", "z")));
}

TEST(ErrorDetailsTest, AWrongGenerationTellsBoth) {
  const absl::Status status = WrongGeneration(7, 5);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(DetailsOf(status),
              ElementsAre(Pair("expected", "5"), Pair("found", "7")));
}

}  // namespace
}  // namespace metagraph
