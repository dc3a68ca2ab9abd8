#include "core/plan/control_flow.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "core/base/status.h"
#include "core/plan/plan.h"

namespace metagraph {
namespace {

bool IsLoopEdge(const Plan& plan, int producer) {
  return producer >= 0 && plan.nodes[producer].kind == OpKind::kNextIteration;
}

void CollectEdges(Plan& plan) {
  ControlFlow& cf = plan.control_flow;
  const int count = static_cast<int>(plan.nodes.size());
  cf.out_edges.resize(count);
  cf.feed_edges.resize(plan.num_feeds);
  cf.pending.resize(count);
  for (int i = 0; i < count; ++i) {
    const PlanNode& node = plan.nodes[i];
    int data = 0;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const PlanInput& input = node.inputs[k];
      if (input.constant != nullptr) continue;
      ++data;
      OutEdge edge{input.output, i, static_cast<int>(k)};
      if (input.producer < 0) {
        edge.output = 0;
        cf.feed_edges[input.output].push_back(edge);
      } else {
        cf.out_edges[input.producer].push_back(edge);
      }
    }
    for (int control : node.control_inputs) {
      cf.out_edges[control].push_back({0, i, -1});
    }
    const int controls = static_cast<int>(node.control_inputs.size());
    // Merge waits for control edges (2 each) and one live value (bit 0).
    cf.pending[i] =
        node.kind == OpKind::kMerge ? 1 + 2 * controls : data + controls;
    if (cf.pending[i] == 0) cf.sources.push_back(i);
  }
}

// Finds or makes the child of `parent` that `enter` leads to.
int ChildFrame(ControlFlow& cf, std::map<std::pair<int, std::string>, int>& ids,
               int parent, const PlanNode& enter) {
  const auto [it, added] = ids.try_emplace({parent, enter.frame},
                                           static_cast<int>(cf.frames.size()));
  if (added) {
    StaticFrame child;
    child.name = enter.frame;
    child.parent = parent;
    child.parallel_iterations = enter.parallel_iterations;
    cf.frames.push_back(std::move(child));
  }
  ++cf.frames[it->second].num_enters;
  return it->second;
}

// `node` gets a value of `producer`, in the frame `given`, and lives in
// `known`.
absl::Status FramesMix(const Plan& plan, int node, int producer, int given,
                       int known) {
  const auto& frames = plan.control_flow.frames;
  return InvalidArgument("node \"", plan.nodes[node].name,
                         "\" has inputs from different frames; input from \"",
                         plan.nodes[producer].name, "\" is in frame \"",
                         frames[given].name, "\", another is in frame \"",
                         frames[known].name, "\"");
}

}  // namespace

absl::Status AnalyzeControlFlow(Plan& plan) {
  ControlFlow& cf = plan.control_flow;
  CollectEdges(plan);
  const int count = static_cast<int>(plan.nodes.size());
  cf.frames.emplace_back();
  cf.frame_of.assign(count, -1);
  cf.child_frame.assign(count, -1);
  std::vector<int> result_frame(count, 0);
  std::map<std::pair<int, std::string>, int> frame_ids;

  // The frame that a node's outputs belong to.
  auto output_frame = [&](int i) -> int {
    const int frame = cf.frame_of[i];
    switch (plan.nodes[i].kind) {
      case OpKind::kEnter:
        return cf.child_frame[i] =
                   ChildFrame(cf, frame_ids, frame, plan.nodes[i]);
      case OpKind::kExit:
        return cf.frames[frame].parent;
      default:
        return frame;
    }
  };

  // Forward from the sources, in topological order but for loop edges: a node
  // is placed when all its inputs outside loops have arrived.
  std::vector<int> waiting(count, 0);
  std::deque<int> ready;
  for (int i = 0; i < count; ++i) {
    for (const PlanInput& input : plan.nodes[i].inputs) {
      if (input.constant == nullptr && input.producer >= 0 &&
          !IsLoopEdge(plan, input.producer)) {
        ++waiting[i];
      }
    }
    waiting[i] += static_cast<int>(plan.nodes[i].control_inputs.size());
    if (waiting[i] == 0) {
      cf.frame_of[i] = 0;
      ready.push_back(i);
    }
  }
  // Feeds live in the root frame; a node whose other inputs come from a loop
  // would mix frames.
  std::vector<bool> fed(count, false);
  for (const auto& edges : cf.feed_edges) {
    for (const OutEdge& edge : edges) fed[edge.node] = true;
  }
  int placed = 0;
  while (!ready.empty()) {
    const int i = ready.front();
    ready.pop_front();
    ++placed;
    const PlanNode& node = plan.nodes[i];
    if (node.kind == OpKind::kExit && cf.frame_of[i] == 0) {
      return InvalidArgument("node \"", node.name,
                             "\": Invalid Exit op: Cannot find a "
                             "corresponding Enter op.");
    }
    if (fed[i] && cf.frame_of[i] != 0) {
      return InvalidArgument("node \"", node.name,
                             "\" is inside a while loop; its inputs cannot be "
                             "fed from outside");
    }
    const int frame = result_frame[i] = output_frame(i);
    if (node.kind == OpKind::kNextIteration) continue;  // only loop edges
    for (const OutEdge& edge : cf.out_edges[i]) {
      int& known = cf.frame_of[edge.node];
      if (known >= 0 && known != frame) {
        return FramesMix(plan, edge.node, i, frame, known);
      }
      known = frame;
      if (--waiting[edge.node] == 0) ready.push_back(edge.node);
    }
  }
  // NextIteration's control edges, if any, were not followed above.
  if (placed != count) {
    for (int i = 0; i < count; ++i) {
      if (waiting[i] > 0) {
        return InvalidArgument("the graph has a cycle through node \"",
                               plan.nodes[i].name, "\"");
      }
    }
  }

  // The edges that were not followed stay in their loop.
  for (int i = 0; i < count; ++i) {
    if (plan.nodes[i].kind != OpKind::kNextIteration) continue;
    for (const OutEdge& edge : cf.out_edges[i]) {
      const int known = cf.frame_of[edge.node];
      if (known != cf.frame_of[i]) {
        return FramesMix(plan, edge.node, i, cf.frame_of[i], known);
      }
    }
  }

  cf.fetches.resize(count);
  for (size_t i = 0; i < plan.fetches.size(); ++i) {
    const PlanFetch& fetch = plan.fetches[i];
    if (fetch.constant != nullptr || fetch.producer < 0) continue;
    if (result_frame[fetch.producer] != 0) {
      return InvalidArgument("tensor \"", fetch.name,
                             "\" is inside a while loop (frame \"",
                             cf.frames[result_frame[fetch.producer]].name,
                             "\") and cannot be fetched");
    }
    cf.fetches[fetch.producer].push_back(static_cast<int>(i));
  }

  cf.index_in_frame.resize(count);
  cf.first_entry.resize(count);
  for (int i = 0; i < count; ++i) {
    StaticFrame& frame = cf.frames[cf.frame_of[i]];
    cf.index_in_frame[i] = static_cast<int>(frame.nodes.size());
    frame.nodes.push_back(i);
    cf.first_entry[i] = frame.num_inputs;
    frame.num_inputs += static_cast<int>(plan.nodes[i].inputs.size());
  }
  return absl::OkStatus();
}

}  // namespace metagraph
