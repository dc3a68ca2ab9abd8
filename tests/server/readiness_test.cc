#include "server/readiness.h"

#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using ReadinessTest = HandlerTest;

TEST_F(ReadinessTest, WaitsForTheModelsOfTheStart) {
  models_.Announce("later", "/later");
  Readiness readiness({"seed", "later"}, models_);
  EXPECT_THAT(readiness.Reasons(),
              ElementsAre(HasSubstr("model \"later\" is loading")));
  Readiness ready({"seed"}, models_);
  EXPECT_THAT(ready.Reasons(), ElementsAre("starting"));
  ready.SetStarted();
  EXPECT_THAT(ready.Reasons(), IsEmpty());
  ready.SetDraining();
  EXPECT_THAT(ready.Reasons(), ElementsAre(HasSubstr("draining")));
}

TEST_F(ReadinessTest, NamesWhatCouldNotBeLoadedButNotWhatWasUnloaded) {
  ASSERT_OK(fs().CreateDirectory(Path("broken")));
  WriteSeedModel(fs(), Path("broken"));
  ASSERT_OK(fs().Remove(Path("broken/model.data-00000-of-00001")));
  ASSERT_OK(models_.Load("broken", Path("broken")));
  EXPECT_THAT(models_.WaitUntilLoaded("broken", 0, call_),
              HasCode(absl::StatusCode::kDataLoss, ""));
  Readiness readiness({"seed", "broken"}, models_);
  readiness.SetStarted();
  EXPECT_THAT(readiness.Reasons(),
              ElementsAre(HasSubstr("model \"broken\": could not be loaded")));
  ASSERT_OK(models_.Unload("broken", {}, -1));
  ASSERT_OK(models_.Unload("seed", {}, -1));
  EXPECT_THAT(readiness.Reasons(), IsEmpty());
}

}  // namespace
}  // namespace metagraph
