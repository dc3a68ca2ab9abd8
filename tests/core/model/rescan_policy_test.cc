#include "core/model/rescan_policy.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

using Kind = RescanAction::Kind;
constexpr ModelState kUp = ModelState::kAvailable;
constexpr ModelState kFailed = ModelState::kEnd;

ServedVersion Served(int64_t version, ModelState state = kUp) {
  ServedVersion out;
  out.version = version;
  out.state = state;
  return out;
}
ServedVersion Gone(int64_t version, ModelState state = kUp) {
  ServedVersion out = Served(version, state);
  out.gone = true;
  return out;
}
ServedVersion Pinned(ServedVersion version) {
  version.pinned = true;
  return version;
}
ServedVersion WithNews(ServedVersion version, const std::string& checkpoint,
                       bool graph) {
  version.new_checkpoint = checkpoint;
  version.new_graph = graph;
  return version;
}

struct Case {
  const char* name;
  std::vector<ServedVersion> served;
  std::vector<FoundVersion> found;
  Kind kind;
  int64_t version = 0;
  std::vector<int64_t> pinned = {};
  bool follows_newest = true;
  int64_t newest_kept = 1;
};

TEST(RescanPolicyTest, TakesTheStepThatIsNext) {
  const Case cases[] = {
      {"nothing changed", {Served(0)}, {{0, false}}, Kind::kNothing},
      {"the path cannot be read", {Served(1)}, {}, Kind::kNothing},
      {"a new version", {Served(1)}, {{2, true}, {1, false}}, Kind::kLoad, 2},
      {"a new version that is not whole, or fails",
       {Served(1)},
       {{2, false}, {1, false}},
       Kind::kNothing},
      {"the second of the newest that are kept",
       {Served(3)},
       {{3, false}, {2, true}, {1, true}},
       Kind::kLoad,
       2,
       {},
       true,
       2},
      {"of those that are kept, none gives way",
       {Served(2), Served(3)},
       {{3, false}, {2, false}, {1, true}},
       Kind::kNothing,
       0,
       {},
       true,
       2},
      {"a third, before one of two gives way",
       {Served(2), Served(3)},
       {{4, true}},
       Kind::kLoad,
       4,
       {},
       true,
       2},
      {"the lowest of three where two are kept",
       {Served(2), Served(3), Served(4)},
       {},
       Kind::kUnload,
       2,
       {},
       true,
       2},
      {"of several new versions the newest that is whole",
       {Served(1)},
       {{4, false}, {3, true}, {2, true}, {1, true}},
       Kind::kLoad,
       3},
      {"an older version beside the served one",
       {Served(2)},
       {{2, false}, {1, true}},
       Kind::kNothing},
      {"it is loading",
       {Served(1), Served(2, ModelState::kLoading)},
       {{2, true}, {1, true}},
       Kind::kNothing},
      {"it is there: the older one goes",
       {Served(1), Served(2)},
       {{2, false}, {1, false}},
       Kind::kUnload,
       1},
      {"it could not be loaded",
       {Served(1), Served(2, kFailed)},
       {{2, false}, {1, false}},
       Kind::kNothing},
      {"it could not be loaded, and has changed",
       {Served(1), Served(2, kFailed)},
       {{2, true}, {1, false}},
       Kind::kLoad,
       2},
      {"the newest was removed: the highest that remains",
       {Gone(3)},
       {{2, true}, {1, true}},
       Kind::kLoad,
       2},
      {"and then the removed one goes",
       {Served(2), Gone(3)},
       {{2, false}, {1, true}},
       Kind::kUnload,
       3},
      {"the newest is being removed, file by file",
       {Served(2)},
       {{2, false}, {1, true}},
       Kind::kNothing},
      {"removed, and what remains is not whole",
       {Gone(2)},
       {{1, false}},
       Kind::kNothing},
      {"everything was removed", {Gone(2)}, {}, Kind::kNothing},
      {"a failed version was removed",
       {Served(1), Gone(2, kFailed)},
       {{1, false}},
       Kind::kUnload,
       2},
      {"the only version failed and was removed",
       {Gone(2, kFailed)},
       {},
       Kind::kNothing},
      {"pinned versions are not replaced",
       {Pinned(Served(1))},
       {{2, true}, {1, false}},
       Kind::kNothing,
       0,
       {1},
       false},
      {"pinned versions stay beside the newest",
       {Pinned(Served(1)), Served(2)},
       {{2, false}, {1, false}},
       Kind::kNothing,
       0,
       {1}},
      {"pinned versions stay when their folder is gone",
       {Pinned(Gone(3)), Served(2)},
       {{2, false}},
       Kind::kNothing,
       0,
       {3}},
      {"and do not hide the newest that is there",
       {Pinned(Gone(3))},
       {{2, true}},
       Kind::kLoad,
       2,
       {3}},
      {"a pinned version that could not be loaded, and has changed",
       {Served(1, kFailed)},
       {{2, true}, {1, true}},
       Kind::kLoad,
       1,
       {1},
       false},
      {"a folder of one model becomes one of versions",
       {Gone(0)},
       {{1, true}},
       Kind::kLoad,
       1},
      {"a new checkpoint",
       {WithNews(Served(0), "model-2", false)},
       {{0, false}},
       Kind::kRestore,
       0},
      {"a new graph goes before its checkpoint",
       {WithNews(Served(0), "model-2", true)},
       {{0, false}},
       Kind::kReplaceGraph,
       0},
      {"a new version goes before a new checkpoint of the old one",
       {WithNews(Served(1), "model-2", false)},
       {{2, true}, {1, false}},
       Kind::kLoad,
       2},
      {"a new checkpoint of a pinned version",
       {Pinned(WithNews(Served(1), "model-2", false)), Served(2)},
       {{2, false}, {1, false}},
       Kind::kRestore,
       1,
       {1}},
  };
  for (const Case& c : cases) {
    const RescanAction action = NextAction(
        {c.served, c.found, c.follows_newest, c.pinned, c.newest_kept});
    EXPECT_EQ(action.kind, c.kind) << c.name;
    EXPECT_EQ(action.version, c.version) << c.name;
    EXPECT_EQ(action.checkpoint, c.kind == Kind::kRestore ? "model-2" : "")
        << c.name;
  }
}

}  // namespace
}  // namespace metagraph
