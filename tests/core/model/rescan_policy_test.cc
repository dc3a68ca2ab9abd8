#include "core/model/rescan_policy.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

using Kind = RescanAction::Kind;

RescanSnapshot Serving(int64_t version) {
  RescanSnapshot out;
  out.found = true;
  out.newest_version = version;
  out.newest_checkpoint = "model-1";
  out.checkpoint_seen = true;
  out.served = {{version, ModelState::kAvailable, false}};
  return out;
}

TEST(RescanPolicyTest, DoesNothingWhenNothingChanged) {
  EXPECT_EQ(NextAction(Serving(0)).kind, Kind::kNothing);
}

TEST(RescanPolicyTest, RestoresANewCheckpoint) {
  RescanSnapshot snapshot = Serving(0);
  snapshot.checkpoint_seen = false;
  const RescanAction action = NextAction(snapshot);
  EXPECT_EQ(action.kind, Kind::kRestore);
  EXPECT_EQ(action.checkpoint, "model-1");
}

TEST(RescanPolicyTest, LoadsANewVersionBeforeUnloadingTheOld) {
  RescanSnapshot snapshot = Serving(1);
  snapshot.newest_version = 2;
  EXPECT_EQ(NextAction(snapshot).kind, Kind::kLoad);
  snapshot.served.push_back({2, ModelState::kLoading, false});
  EXPECT_EQ(NextAction(snapshot).kind, Kind::kNothing);
  snapshot.served[1].state = ModelState::kAvailable;
  const RescanAction action = NextAction(snapshot);
  EXPECT_EQ(action.kind, Kind::kUnload);
  EXPECT_EQ(action.version, 1);
}

TEST(RescanPolicyTest, UnloadsNothingForAVersionThatIsItselfGoing) {
  RescanSnapshot snapshot = Serving(1);
  snapshot.newest_version = 2;
  snapshot.checkpoint_seen = false;
  snapshot.served.push_back({2, ModelState::kUnloading, false});
  EXPECT_EQ(NextAction(snapshot).kind, Kind::kNothing);
}

TEST(RescanPolicyTest, KeepsServingWhenTheFolderIsGone) {
  RescanSnapshot snapshot = Serving(1);
  snapshot.found = false;
  EXPECT_EQ(NextAction(snapshot).kind, Kind::kNothing);
}

TEST(RescanPolicyTest, RetriesAFailureOnlyWhenSomethingChangedOrWhenAsked) {
  RescanSnapshot snapshot = Serving(0);
  snapshot.served = {{0, ModelState::kEnd, true}};
  EXPECT_EQ(NextAction(snapshot).kind, Kind::kNothing);
  snapshot.retry_failed = true;
  EXPECT_EQ(NextAction(snapshot).kind, Kind::kLoad);
  snapshot.retry_failed = false;
  snapshot.checkpoint_seen = false;
  EXPECT_EQ(NextAction(snapshot).kind, Kind::kLoad);
}

}  // namespace
}  // namespace metagraph
