#include "core/plan/schedule.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/status.h"
#include "core/plan/plan.h"

namespace metagraph {
namespace {

// Topological order, depth first backwards from the nodes that nobody needs:
// values are made shortly before they are read, and die young. Control edges
// come before data edges, so that where the graph leaves it open a write goes
// before a read of the variable, as TensorFlow's shared buffers make it seem.
absl::StatusOr<std::vector<int>> Order(const Plan& plan) {
  enum State : uint8_t { kNew, kOpen, kDone };
  const int count = static_cast<int>(plan.nodes.size());
  std::vector<State> state(count, kNew);
  std::vector<int> order;
  order.reserve(count);
  std::vector<std::pair<int, size_t>> stack;  // node, next predecessor
  auto predecessor = [&](int i, size_t k) {
    const PlanNode& node = plan.nodes[i];
    if (k < node.control_inputs.size()) return node.control_inputs[k];
    const PlanInput& input = node.inputs[k - node.control_inputs.size()];
    return input.constant != nullptr ? -1 : input.producer;
  };
  std::vector<bool> needed(count, false);
  for (const PlanNode& node : plan.nodes) {
    for (const PlanInput& input : node.inputs) {
      if (input.constant == nullptr && input.producer >= 0) {
        needed[input.producer] = true;
      }
    }
    for (int control : node.control_inputs) needed[control] = true;
  }
  // Unneeded nodes first; what then is left belongs to a cycle.
  std::vector<int> roots;
  for (bool pass : {false, true}) {
    for (int i = 0; i < count; ++i) {
      if (needed[i] == pass) roots.push_back(i);
    }
  }
  for (int root : roots) {
    if (state[root] != kNew) continue;
    state[root] = kOpen;
    stack.emplace_back(root, 0);
    while (!stack.empty()) {
      auto& [i, next] = stack.back();
      const PlanNode& node = plan.nodes[i];
      if (next == node.inputs.size() + node.control_inputs.size()) {
        state[i] = kDone;
        order.push_back(i);
        stack.pop_back();
        continue;
      }
      const int before = predecessor(i, next++);
      if (before < 0 || state[before] == kDone) continue;
      if (state[before] == kOpen) {
        return InvalidArgument("the graph has a cycle through node \"",
                               plan.nodes[before].name, "\"");
      }
      state[before] = kOpen;
      stack.emplace_back(before, 0);
    }
  }
  return order;
}

void Reorder(Plan& plan, const std::vector<int>& order) {
  std::vector<int> place(order.size());
  std::vector<PlanNode> nodes;
  nodes.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = static_cast<int>(i);
    nodes.push_back(std::move(plan.nodes[order[i]]));
  }
  for (PlanNode& node : nodes) {
    for (PlanInput& input : node.inputs) {
      if (input.producer >= 0) input.producer = place[input.producer];
    }
    for (int& control : node.control_inputs) control = place[control];
  }
  for (PlanFetch& fetch : plan.fetches) {
    if (fetch.producer >= 0) fetch.producer = place[fetch.producer];
  }
  plan.nodes = std::move(nodes);
}

// Nodes that have the same distance from the sources could run together.
int Width(const Plan& plan) {
  std::vector<int> level(plan.nodes.size(), 0);
  std::map<int, int> population;
  int width = 1;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    for (const PlanInput& input : plan.nodes[i].inputs) {
      if (input.constant == nullptr && input.producer >= 0) {
        level[i] = std::max(level[i], level[input.producer] + 1);
      }
    }
    for (int control : plan.nodes[i].control_inputs) {
      level[i] = std::max(level[i], level[control] + 1);
    }
    width = std::max(width, ++population[level[i]]);
  }
  return width;
}

class SlotAllocator {
 public:
  explicit SlotAllocator(int reserved) : next_(reserved) {}

  // `count` consecutive slots, reused if a block of that size is free.
  int Take(int count) {
    std::vector<int>& free = free_[count];
    if (!free.empty()) {
      const int slot = free.back();
      free.pop_back();
      return slot;
    }
    return std::exchange(next_, next_ + count);
  }
  void Give(int slot, int count) { free_[count].push_back(slot); }
  int size() const { return next_; }

 private:
  int next_;
  std::map<int, std::vector<int>> free_;
};

void AssignSlots(Plan& plan) {
  const int count = static_cast<int>(plan.nodes.size());
  // By node and output: the last node that reads it; `count` for a fetch;
  // -1 for nobody.
  std::vector<std::vector<int>> last_reader(count);
  std::vector<int> last_feed_reader(plan.num_feeds, -1);
  for (int i = 0; i < count; ++i) {
    last_reader[i].assign(plan.nodes[i].output_types.size(), -1);
  }
  for (int i = 0; i < count; ++i) {
    for (const PlanInput& input : plan.nodes[i].inputs) {
      if (input.constant != nullptr) continue;
      (input.producer < 0 ? last_feed_reader[input.output]
                          : last_reader[input.producer][input.output]) = i;
    }
  }
  for (const PlanFetch& fetch : plan.fetches) {
    if (fetch.constant != nullptr) continue;
    (fetch.producer < 0 ? last_feed_reader[fetch.output]
                        : last_reader[fetch.producer][fetch.output]) = count;
  }

  // Whole output blocks are given back when their last value dies.
  std::vector<std::vector<int>> blocks_dying_at(count + 1);
  SlotAllocator slots(plan.num_feeds);
  absl::flat_hash_map<int, int> uses;  // by slot, by the node at hand
  plan.num_inputs = 0;
  for (int i = 0; i < count; ++i) {
    PlanNode& node = plan.nodes[i];
    node.first_input = plan.num_inputs;
    plan.num_inputs += static_cast<int>(node.inputs.size());
    // Outputs get their slots before inputs are given back: a kernel reads
    // its inputs while it writes its outputs.
    const int outputs = static_cast<int>(node.output_types.size());
    if (outputs > 0) {
      node.first_slot = slots.Take(outputs);
      int dies = i;
      for (int k = 0; k < outputs; ++k) {
        const int reader = last_reader[i][k];
        if (reader < 0) node.dead_slots.push_back(node.first_slot + k);
        dies = std::max(dies, reader);
      }
      blocks_dying_at[dies].push_back(i);
    }
    uses.clear();
    for (PlanInput& input : node.inputs) {
      if (input.constant != nullptr) continue;
      input.slot = input.producer < 0
                       ? input.output
                       : plan.nodes[input.producer].first_slot + input.output;
      ++uses[input.slot];
    }
    for (PlanInput& input : node.inputs) {
      if (input.constant != nullptr) continue;
      const int reader = input.producer < 0
                             ? last_feed_reader[input.output]
                             : last_reader[input.producer][input.output];
      int& count_here = uses[input.slot];
      if (reader != i || count_here == 0) continue;
      node.dead_slots.push_back(input.slot);
      // Read twice by this node: then neither may be overwritten.
      input.last_use = count_here == 1;
      count_here = 0;  // said once
    }
    for (int owner : blocks_dying_at[i]) {
      const PlanNode& dead = plan.nodes[owner];
      slots.Give(dead.first_slot, static_cast<int>(dead.output_types.size()));
    }
  }
  for (PlanFetch& fetch : plan.fetches) {
    if (fetch.constant != nullptr) continue;
    fetch.slot = fetch.producer < 0
                     ? fetch.output
                     : plan.nodes[fetch.producer].first_slot + fetch.output;
  }
  plan.num_slots = slots.size();
}

}  // namespace

absl::Status Schedule(Plan& plan) {
  ASSIGN_OR_RETURN(const std::vector<int> order, Order(plan));
  Reorder(plan, order);
  plan.width = Width(plan);
  AssignSlots(plan);
  return absl::OkStatus();
}

}  // namespace metagraph
