#include "core/program/prune.h"

#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

// a → b → c, beside them "other"; "pair" has two outputs that c2 reads both;
// "late" comes after "gate" and "middle" by control edges.
TestGraph Sample() {
  TestGraph g;
  g.Placeholder("a", DT_FLOAT);
  g.Node("b", "Neg", {"a"}, {{"T", DT_FLOAT}});
  g.Node("c", "Neg", {"b"}, {{"T", DT_FLOAT}});
  g.Node("other", "Neg", {"a"}, {{"T", DT_FLOAT}});
  g.Node("pair", "Unique", {"a"}, {{"T", DT_FLOAT}});
  g.Node("c2", "Pack", {"pair:0", "pair:1"}, {{"T", DT_FLOAT}, {"N", 2}});
  g.Placeholder("gate", DT_FLOAT);
  g.Node("middle", "Neg", {"a"}, {{"T", DT_FLOAT}});
  g.Node("late", "Neg", {"c", "^gate", "^middle"}, {{"T", DT_FLOAT}});
  return g;
}

class PruneTest : public testing::Test {
 protected:
  absl::StatusOr<PrunedGraph> Do(std::vector<std::string> feeds,
                                 std::vector<std::string> fetches,
                                 std::vector<std::string> targets = {}) {
    return Prune(*graph_,
                 {std::move(feeds), std::move(fetches), std::move(targets)});
  }
  std::vector<std::string> Needed(std::vector<std::string> feeds,
                                  std::vector<std::string> fetches,
                                  std::vector<std::string> targets = {}) {
    auto pruned = Do(std::move(feeds), std::move(fetches), std::move(targets));
    EXPECT_OK(pruned);
    std::vector<std::string> out;
    if (!pruned.ok()) return out;
    for (int id : pruned->nodes) {
      out.push_back(graph_->node(id).name());
      EXPECT_TRUE(pruned->needed[id]);
    }
    return out;
  }

  const std::shared_ptr<const Graph> graph_ = Sample().Build();
};

TEST_F(PruneTest, TakesWhatFetchesAndTargetsReach) {
  EXPECT_THAT(Needed({}, {"c:0"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Needed({}, {}, {"b"}), ElementsAre("a", "b"));
  EXPECT_THAT(Needed({}, {"b"}, {"other"}), ElementsAre("a", "b", "other"));
  EXPECT_THAT(Needed({}, {"c2"}), ElementsAre("a", "pair", "c2"));
}

TEST_F(PruneTest, AFeedCutsTheWalk) {
  EXPECT_THAT(Needed({"b:0"}, {"c:0"}), ElementsAre("c"));
  EXPECT_THAT(Needed({"b"}, {"c"}), ElementsAre("c"));
  EXPECT_THAT(Needed({"pair:0"}, {"c2"}), ElementsAre("a", "pair", "c2"))
      << "the other output is needed still";
  EXPECT_THAT(Needed({"pair:0", "pair:1"}, {"c2"}), ElementsAre("c2"));
  EXPECT_THAT(Needed({"a"}, {"c"}, {"a"}), ElementsAre("a", "b", "c"))
      << "a target runs, though it is fed";
}

TEST_F(PruneTest, ControlEdgesPullUnlessTheyComeFromAFedPlaceholder) {
  EXPECT_THAT(Needed({"c:0"}, {"late"}),
              ElementsAre("a", "gate", "middle", "late"));
  EXPECT_THAT(Needed({"c:0", "gate:0"}, {"late"}),
              ElementsAre("a", "middle", "late"));
  EXPECT_THAT(Needed({"c:0", "middle:0"}, {"late"}),
              ElementsAre("a", "gate", "middle", "late"))
      << "feeding another op's output does not make the op done";
}

TEST_F(PruneTest, KeepsTheOrderOfTheRequest) {
  ASSERT_OK_AND_ASSIGN(const PrunedGraph pruned,
                       Do({"pair:1", "b"}, {"c2", "c", "c2:0"}, {"late:7"}));
  const auto id = [&](const char* name) { return graph_->FindNode(name)->id; };
  EXPECT_THAT(pruned.feed_endpoints,
              ElementsAre(Endpoint{id("pair"), 1}, Endpoint{id("b"), 0}));
  EXPECT_THAT(pruned.fetches,
              ElementsAre(Endpoint{id("c2"), 0}, Endpoint{id("c"), 0},
                          Endpoint{id("c2"), 0}));
  EXPECT_THAT(pruned.targets, ElementsAre(id("late")));
  EXPECT_EQ(pruned.FeedOf({id("pair"), 1}), 0);
  EXPECT_EQ(pruned.FeedOf({id("b"), 0}), 1);
  EXPECT_EQ(pruned.FeedOf({id("pair"), 0}), -1);
  EXPECT_FALSE(pruned.IsFedPlaceholder(graph_->node(id("b"))));
  EXPECT_FALSE(pruned.IsFedPlaceholder(graph_->node(id("a"))));
}

TEST_F(PruneTest, RefusesAskingForNothing) {
  EXPECT_THAT(Do({"a"}, {}),
              HasCode(StatusCode::kInvalidArgument,
                      "Must specify at least one target to fetch or execute."));
  EXPECT_OK(Do({}, {"c"}));
  EXPECT_OK(Do({}, {}, {"c"}));
}

TEST_F(PruneTest, RefusesFeedsThatContradict) {
  EXPECT_THAT(Do({"b:0", "b:0"}, {"c"}),
              HasCode(StatusCode::kInvalidArgument,
                      "Endpoint \"b:0\" fed more than once."));
  EXPECT_THAT(Do({"b:0", "b"}, {"c"}),
              HasCode(StatusCode::kInvalidArgument,
                      "Endpoint \"b\" fed more than once."));
  EXPECT_THAT(Do({"b:0"}, {"b:0"}), HasCode(StatusCode::kInvalidArgument,
                                            "b:0 is both fed and fetched."));
  EXPECT_THAT(Do({"^b"}, {"c"}),
              HasCode(StatusCode::kInvalidArgument,
                      "FeedInputs: ^b is a control edge and cannot be fed"));
  EXPECT_THAT(Do({}, {"^b"}),
              HasCode(StatusCode::kInvalidArgument,
                      "FetchOutputs ^b: a control edge has no tensor"));
}

TEST_F(PruneTest, NamesWhatIsNotThere) {
  EXPECT_THAT(Do({"midle:0"}, {"c"}),
              HasCode(StatusCode::kNotFound,
                      "FeedInputs: unable to find feed output midle:0"));
  EXPECT_THAT(Do({"midle:0"}, {"c"}),
              HasCode(StatusCode::kNotFound, "\"middle\""));
  EXPECT_THAT(
      Do({}, {"midle:0"}),
      HasCode(StatusCode::kNotFound, "FetchOutputs node midle:0: not found"));
  EXPECT_THAT(Do({}, {"midle:0"}),
              HasCode(StatusCode::kNotFound, "\"middle\""));
  EXPECT_THAT(Do({}, {"c"}, {"z2", "b", "z1", "z2"}),
              HasCode(StatusCode::kNotFound,
                      "PruneForTargets: Some target nodes not found: z1 z2 "));
}

}  // namespace
}  // namespace metagraph
