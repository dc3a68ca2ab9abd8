#include "core/plan/schedule.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/core/plan/plan_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A plan without kernels: what Schedule looks at.
class Draft {
 public:
  using Inputs = std::vector<std::pair<int, int>>;  // node (-1: feed), output

  explicit Draft(int feeds = 0) { plan_.num_feeds = feeds; }

  int Node(int outputs, const Inputs& inputs,
           const std::vector<int>& controls = {}) {
    PlanNode node;
    node.output_types.assign(outputs, DT_FLOAT);
    node.output_used.assign(outputs, true);
    for (const auto& [producer, output] : inputs) {
      PlanInput input;
      input.producer = producer;
      input.output = output;
      node.inputs.push_back(input);
    }
    node.control_inputs = controls;
    plan_.nodes.push_back(std::move(node));
    return static_cast<int>(plan_.nodes.size()) - 1;
  }
  void Constant(int node) {
    PlanInput input;
    input.constant = &constant_;
    plan_.nodes[node].inputs.push_back(input);
  }
  void Fetch(int node, int output = 0) {
    PlanFetch fetch;
    fetch.producer = node;
    fetch.output = output;
    plan_.fetches.push_back(fetch);
  }
  void FetchConstant() {
    PlanFetch fetch;
    fetch.constant = &constant_;
    plan_.fetches.push_back(fetch);
  }
  Plan& plan() { return plan_; }

 private:
  const Tensor constant_ = F(1);
  Plan plan_;
};

using Value = std::pair<int, int>;  // node, or -1 - feed; output
constexpr Value kNothing = {-1000, 0};

Value ValueOf(const PlanInput& input) {
  return input.producer < 0 ? Value{-1 - input.output, 0}
                            : Value{input.producer, input.output};
}

// Walks the plan as an executor does and checks what stands in its slots:
// every reader finds its value, nobody writes where a value is still wanted,
// no value stays longer than its last reader, and only a last reader that
// reads it once is told so.
void CheckSlots(const Plan& plan) {
  const int count = static_cast<int>(plan.nodes.size());
  std::map<Value, int> last_reader;
  std::set<Value> fetched;
  for (int i = 0; i < count; ++i) {
    for (int control : plan.nodes[i].control_inputs) ASSERT_LT(control, i);
    for (const PlanInput& input : plan.nodes[i].inputs) {
      if (input.constant != nullptr) continue;
      ASSERT_LT(input.producer, i) << "runs before its input";
      last_reader[ValueOf(input)] = i;
    }
  }
  for (const PlanFetch& fetch : plan.fetches) {
    if (fetch.constant == nullptr)
      fetched.insert({fetch.producer, fetch.output});
  }
  std::vector<Value> slots(plan.num_slots, kNothing);
  for (int feed = 0; feed < plan.num_feeds; ++feed)
    slots[feed] = {-1 - feed, 0};
  int inputs_before = 0;
  for (int i = 0; i < count; ++i) {
    const PlanNode& node = plan.nodes[i];
    EXPECT_EQ(node.first_input, inputs_before);
    inputs_before += static_cast<int>(node.inputs.size());
    for (const PlanInput& input : node.inputs) {
      if (input.constant != nullptr) {
        EXPECT_FALSE(input.last_use);
        continue;
      }
      const Value value = ValueOf(input);
      ASSERT_LT(input.slot, plan.num_slots);
      EXPECT_EQ(slots[input.slot], value) << "node " << i;
      const auto reads = std::count_if(
          node.inputs.begin(), node.inputs.end(), [&](const PlanInput& other) {
            return other.constant == nullptr && ValueOf(other) == value;
          });
      const bool may_take =
          last_reader[value] == i && fetched.count(value) == 0 && reads == 1;
      EXPECT_EQ(input.last_use, may_take) << "node " << i;
    }
    for (size_t k = 0; k < node.output_types.size(); ++k) {
      Value& slot = slots[node.first_slot + k];
      EXPECT_EQ(slot, kNothing) << "node " << i << " overwrites a value";
      slot = {i, static_cast<int>(k)};
    }
    for (int dead : node.dead_slots) slots[dead] = kNothing;
    for (const Value& held : slots) {
      if (held == kNothing || held.first < -1 - plan.num_feeds) continue;
      const auto reader = last_reader.find(held);
      const bool unread_feed = held.first < 0 && reader == last_reader.end();
      EXPECT_TRUE(unread_feed || fetched.count(held) > 0 ||
                  (reader != last_reader.end() && reader->second > i))
          << "a value outlives its last reader, after node " << i;
    }
  }
  EXPECT_EQ(plan.num_inputs, inputs_before);
  for (const PlanFetch& fetch : plan.fetches) {
    if (fetch.constant != nullptr) continue;
    EXPECT_EQ(slots[fetch.slot], Value(fetch.producer, fetch.output));
  }
}

TEST(ScheduleTest, AChainTakesTwoSlotsInTurn) {
  Draft draft(1);
  int last = draft.Node(1, {{-1, 0}});
  for (int i = 0; i < 50; ++i) last = draft.Node(1, {{last, 0}});
  draft.Fetch(last);
  ASSERT_OK(Schedule(draft.plan()));
  CheckSlots(draft.plan());
  EXPECT_EQ(draft.plan().num_slots, 3) << "the feed's and two";
  EXPECT_EQ(draft.plan().width, 1);
}

// AddN(a, a, a) must not add into a's buffer while it reads a.
TEST(ScheduleTest, AValueReadTwiceByOneNodeMayNotBeTaken) {
  Draft draft(1);
  const int a = draft.Node(1, {{-1, 0}});
  const int sum = draft.Node(1, {{a, 0}, {a, 0}, {a, 0}});
  draft.Fetch(sum);
  ASSERT_OK(Schedule(draft.plan()));
  CheckSlots(draft.plan());
  for (const PlanInput& input : draft.plan().nodes[1].inputs) {
    EXPECT_FALSE(input.last_use);
  }
  EXPECT_TRUE(draft.plan().nodes[0].inputs[0].last_use);
  EXPECT_THAT(draft.plan().nodes[1].dead_slots,
              ElementsAre(draft.plan().nodes[0].first_slot))
      << "but it goes once the node has run";
}

TEST(ScheduleTest, OnlyTheLastOfSeveralReadersMayTakeAValue) {
  Draft draft(1);
  const int first = draft.Node(1, {{-1, 0}});
  const int second = draft.Node(1, {{-1, 0}, {first, 0}});
  draft.Fetch(second);
  ASSERT_OK(Schedule(draft.plan()));
  CheckSlots(draft.plan());
  EXPECT_FALSE(draft.plan().nodes[0].inputs[0].last_use);
  EXPECT_TRUE(draft.plan().nodes[1].inputs[0].last_use);
}

TEST(ScheduleTest, AFetchedValueIsNeverTaken) {
  Draft draft(1);
  const int a = draft.Node(1, {{-1, 0}});
  const int b = draft.Node(1, {{a, 0}});
  draft.Fetch(a);
  draft.Fetch(b);
  draft.FetchConstant();
  ASSERT_OK(Schedule(draft.plan()));
  CheckSlots(draft.plan());
  EXPECT_FALSE(draft.plan().nodes[1].inputs[0].last_use);
  EXPECT_THAT(draft.plan().nodes[1].dead_slots, IsEmpty());
}

TEST(ScheduleTest, OutputsThatNobodyReadsGoAtOnce) {
  Draft draft;
  const int two = draft.Node(2, {});
  const int reader = draft.Node(1, {{two, 1}});
  draft.Fetch(reader);
  ASSERT_OK(Schedule(draft.plan()));
  CheckSlots(draft.plan());
  const PlanNode& node = draft.plan().nodes[0];
  EXPECT_THAT(node.dead_slots, ElementsAre(node.first_slot));
}

TEST(ScheduleTest, ABlockOfOutputsIsReusedWhenItsLastValueIsDead) {
  Draft draft;
  int last = -1;
  for (int i = 0; i < 10; ++i) {
    const int pair = last < 0 ? draft.Node(2, {}) : draft.Node(2, {{last, 0}});
    last = draft.Node(1, {{pair, 0}, {pair, 1}});
  }
  draft.Fetch(last);
  ASSERT_OK(Schedule(draft.plan()));
  CheckSlots(draft.plan());
  EXPECT_EQ(draft.plan().num_slots, 2 + 1);
}

TEST(ScheduleTest, WidthIsTheMostNodesOfOneDistance) {
  Draft draft;
  const int root = draft.Node(1, {});
  std::vector<std::pair<int, int>> ends;
  for (int i = 0; i < 3; ++i) {
    const int first = draft.Node(1, {{root, 0}});
    ends.emplace_back(draft.Node(1, {{first, 0}}), 0);
  }
  draft.Fetch(draft.Node(1, ends));
  ASSERT_OK(Schedule(draft.plan()));
  EXPECT_EQ(draft.plan().width, 3);
}

TEST(ScheduleTest, ControlEdgesLimitTheWidth) {
  Draft draft;
  int before = draft.Node(1, {});
  for (int i = 0; i < 5; ++i) before = draft.Node(1, {}, {before});
  ASSERT_OK(Schedule(draft.plan()));
  EXPECT_EQ(draft.plan().width, 1);
  CheckSlots(draft.plan());
}

TEST(ScheduleTest, ConstantsAreNoDistance) {
  Draft draft;
  const int a = draft.Node(1, {});
  draft.Constant(a);
  const int b = draft.Node(1, {});
  draft.Constant(b);
  ASSERT_OK(Schedule(draft.plan()));
  EXPECT_EQ(draft.plan().width, 2);
}

// Where the graph leaves it open a write goes before a read.
TEST(ScheduleTest, ControlInputsRunBeforeDataInputs) {
  Draft draft;
  const int data = draft.Node(1, {});
  const int control = draft.Node(2, {});  // known by its two outputs
  draft.Fetch(draft.Node(1, {{data, 0}}, {control}));
  ASSERT_OK(Schedule(draft.plan()));
  EXPECT_EQ(draft.plan().nodes[0].output_types.size(), 2u);
  EXPECT_EQ(draft.plan().nodes[1].output_types.size(), 1u);
  EXPECT_THAT(draft.plan().nodes[2].control_inputs, ElementsAre(0));
  EXPECT_EQ(draft.plan().fetches[0].producer, 2);
}

TEST(ScheduleTest, RandomGraphsKeepTheirValuesApart) {
  std::mt19937 random(20240611);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    const int feeds = pick(3);
    Draft draft(feeds);
    const int count = 1 + pick(40);
    // Made in any order: a node may read one that stands behind it.
    std::vector<int> rank(count);
    for (int i = 0; i < count; ++i) rank[i] = i;
    std::shuffle(rank.begin(), rank.end(), random);
    std::vector<int> outputs(count);
    for (int& n : outputs) n = 1 + pick(3);
    for (int i = 0; i < count; ++i) {
      std::vector<std::pair<int, int>> inputs;
      std::vector<int> controls;
      const int wanted = pick(5);
      for (int k = 0; k < wanted; ++k) {
        const int from = pick(count + feeds);
        if (from >= count) {
          inputs.emplace_back(-1, from - count);
        } else if (rank[from] < rank[i]) {
          inputs.emplace_back(from, pick(outputs[from]));
          if (pick(4) == 0) inputs.push_back(inputs.back());
        }
      }
      if (const int from = pick(count); rank[from] < rank[i]) {
        controls.push_back(from);
      }
      draft.Node(outputs[i], inputs, controls);
      if (pick(4) == 0) draft.Constant(i);
    }
    for (int k = 0; k < 3; ++k) {
      const int from = pick(count);
      draft.Fetch(from, pick(outputs[from]));
    }
    ASSERT_OK(Schedule(draft.plan()));
    CheckSlots(draft.plan());
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

class ScheduleCycleTest : public PlanTest {};

TEST_F(ScheduleCycleTest, ACycleIsNamed) {
  TestGraph g;
  g.Node("a", "Neg", {"b"}, {{"T", DT_FLOAT}});
  g.Node("b", "Neg", {"a"}, {{"T", DT_FLOAT}});
  g.Node("c", "Neg", {"a"}, {{"T", DT_FLOAT}});
  g.Node("p", "NoOp", {"^q"}).Node("q", "NoOp", {"^p"});
  EXPECT_THAT(Build(g, {}, {"c"}),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "the graph has a cycle through node \"a\""));
  EXPECT_THAT(Build(g, {}, {}, {"p"}),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "the graph has a cycle through node"));
  EXPECT_OK(Build(g, {"b"}, {"c"})) << "a feed cuts it";
}

}  // namespace
}  // namespace metagraph
