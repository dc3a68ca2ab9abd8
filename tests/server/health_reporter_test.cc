#include "server/health_reporter.h"

#include <map>

#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using testing::Contains;
using testing::Not;
using testing::Pair;

class HealthReporterTest : public HandlerTest {
 protected:
  HealthReporter Reporter() {
    return {models_,
            readiness_,
            {"a.Service"},
            [this](const std::string& service, bool serving) {
              health_[service] = serving;
            }};
  }
  void WriteBroken() {
    ASSERT_OK(fs().CreateDirectory(Path("broken")));
    WriteSeedModel(fs(), Path("broken"));
    ASSERT_OK(fs().Remove(Path("broken/model.data-00000-of-00001")));
  }
  absl::Status Load(const std::string& name) {
    RETURN_IF_ERROR(models_.Load(name, Path(name)).status());
    return models_.WaitUntilLoaded(name, 0, call_);
  }

  Readiness readiness_{{"seed", "broken"}, models_};
  std::map<std::string, bool> health_;
};

TEST_F(HealthReporterTest, SaysTheSameAsReadiness) {
  models_.Announce("broken", Path("broken"));
  HealthReporter reporter = Reporter();
  EXPECT_THAT(health_, Contains(Pair("", false)));
  EXPECT_THAT(health_, Contains(Pair("a.Service", false)));
  EXPECT_THAT(health_, Contains(Pair("seed", true)));
  EXPECT_THAT(health_, Contains(Pair("broken", false)));
  EXPECT_THAT(health_, Contains(Pair("liveness", true)));

  // One is missing: the services serve the others.
  WriteBroken();
  EXPECT_FALSE(Load("broken").ok());
  readiness_.SetStarted();
  reporter.Update();
  EXPECT_FALSE(readiness_.Reasons().empty());
  EXPECT_THAT(health_, Contains(Pair("", false)));
  EXPECT_THAT(health_, Contains(Pair("a.Service", true)));
  EXPECT_THAT(health_, Contains(Pair("seed", true)));
  EXPECT_THAT(health_, Contains(Pair("broken", false)));

  // Somebody mends it.
  WriteSeedModel(fs(), Path("broken"));
  ASSERT_OK(Load("broken"));
  EXPECT_TRUE(readiness_.Reasons().empty());
  EXPECT_THAT(health_, Contains(Pair("", true)));
  EXPECT_THAT(health_, Contains(Pair("broken", true)));

  ASSERT_OK(models_.Unload("seed", {}, -1));
  EXPECT_THAT(health_, Contains(Pair("seed", false)));
  EXPECT_THAT(health_, Contains(Pair("", true))) << "as it was asked for";

  readiness_.SetDraining();
  reporter.Update();
  for (const auto& [service, serving] : health_) {
    EXPECT_EQ(serving, service == "liveness") << service;
  }
}

TEST_F(HealthReporterTest, AModelThatIsNotWantedAnyMoreIsNotMissed) {
  WriteBroken();
  EXPECT_FALSE(Load("broken").ok());
  readiness_.SetStarted();
  HealthReporter reporter = Reporter();
  EXPECT_THAT(health_, Contains(Pair("", false)));
  readiness_.SetNames({"seed"});
  reporter.Update();
  EXPECT_THAT(health_, Contains(Pair("", true)));
  // Nor is one that failed and was unloaded.
  readiness_.SetNames({"seed", "broken"});
  reporter.Update();
  EXPECT_THAT(health_, Contains(Pair("", false)));
  ASSERT_OK(models_.Unload("broken", {}, -1));
  EXPECT_THAT(health_, Contains(Pair("", true)));
}

}  // namespace
}  // namespace metagraph
