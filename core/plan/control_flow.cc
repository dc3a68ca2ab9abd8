#include "core/plan/control_flow.h"

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

// Finds the frame of each node: forward from the sources, in topological order
// but for loop edges. A node is placed when all its inputs outside of loops
// have arrived.
class FrameFinder {
 public:
  explicit FrameFinder(Plan& plan)
      : plan_(plan),
        cf_(plan.control_flow),
        count_(static_cast<int>(plan.nodes.size())),
        waiting_(count_, 0),
        fed_(count_, false),
        result_frame_(count_, 0) {}

  // Sets frames, frame_of and child_frame. INVALID_ARGUMENT as
  // AnalyzeControlFlow.
  absl::Status Run() {
    cf_.frames.emplace_back();
    cf_.frame_of.assign(count_, -1);
    cf_.child_frame.assign(count_, -1);
    // Feeds live in the root frame; a node whose other inputs come from a loop
    // would mix frames.
    for (const auto& edges : cf_.feed_edges) {
      for (const OutEdge& edge : edges) fed_[edge.node] = true;
    }
    CountInputs();
    for (; !ready_.empty(); ready_.pop_front()) {
      RETURN_IF_ERROR(Leave(ready_.front()));
    }
    RETURN_IF_ERROR(CheckNoCycle());
    return CheckLoopEdges();
  }

  // The frame that a node's outputs belong to.
  int result_frame(int node) const { return result_frame_[node]; }

 private:
  // Nodes that wait for nothing are in the root frame.
  void CountInputs() {
    for (int i = 0; i < count_; ++i) {
      for (const PlanInput& input : plan_.nodes[i].inputs) {
        if (input.constant == nullptr && input.producer >= 0 &&
            !IsLoopEdge(plan_, input.producer)) {
          ++waiting_[i];
        }
      }
      waiting_[i] += static_cast<int>(plan_.nodes[i].control_inputs.size());
      if (waiting_[i] == 0) {
        cf_.frame_of[i] = 0;
        ready_.push_back(i);
      }
    }
  }

  // Follows the edges of a node that has been placed.
  absl::Status Leave(int i) {
    const PlanNode& node = plan_.nodes[i];
    if (node.kind == OpKind::kExit && cf_.frame_of[i] == 0) {
      return InvalidArgument("node \"", node.name,
                             "\": Invalid Exit op: Cannot find a "
                             "corresponding Enter op.");
    }
    if (fed_[i] && cf_.frame_of[i] != 0) {
      return InvalidArgument("node \"", node.name,
                             "\" is inside a while loop; its inputs cannot be "
                             "fed from outside");
    }
    const int frame = result_frame_[i] = FindResultFrame(i);
    if (node.kind == OpKind::kNextIteration) return absl::OkStatus();
    for (const OutEdge& edge : cf_.out_edges[i]) {
      int& known = cf_.frame_of[edge.node];
      if (known >= 0 && known != frame) {
        return FramesMix(edge.node, i, frame, known);
      }
      known = frame;
      if (--waiting_[edge.node] == 0) ready_.push_back(edge.node);
    }
    return absl::OkStatus();
  }

  int FindResultFrame(int i) {
    const int frame = cf_.frame_of[i];
    switch (plan_.nodes[i].kind) {
      case OpKind::kEnter:
        return cf_.child_frame[i] = ChildFrame(frame, plan_.nodes[i]);
      case OpKind::kExit:
        return cf_.frames[frame].parent;
      default:
        return frame;
    }
  }

  // Finds or makes the child of `parent` that `enter` leads to.
  int ChildFrame(int parent, const PlanNode& enter) {
    const auto [it, added] = frame_ids_.try_emplace(
        {parent, enter.frame}, static_cast<int>(cf_.frames.size()));
    if (added) {
      StaticFrame child;
      child.name = enter.frame;
      child.parent = parent;
      child.parallel_iterations = enter.parallel_iterations;
      cf_.frames.push_back(std::move(child));
    }
    ++cf_.frames[it->second].num_enters;
    return it->second;
  }

  absl::Status CheckNoCycle() const {
    for (int i = 0; i < count_; ++i) {
      if (waiting_[i] > 0) {
        return InvalidArgument("the graph has a cycle through node \"",
                               plan_.nodes[i].name, "\"");
      }
    }
    return absl::OkStatus();
  }

  // The edges that were not followed stay in their loop.
  absl::Status CheckLoopEdges() const {
    for (int i = 0; i < count_; ++i) {
      if (plan_.nodes[i].kind != OpKind::kNextIteration) continue;
      for (const OutEdge& edge : cf_.out_edges[i]) {
        const int known = cf_.frame_of[edge.node];
        if (known != cf_.frame_of[i]) {
          return FramesMix(edge.node, i, cf_.frame_of[i], known);
        }
      }
    }
    return absl::OkStatus();
  }

  // `node` gets a value of `producer`, in the frame `given`, and lives in
  // `known`.
  absl::Status FramesMix(int node, int producer, int given, int known) const {
    return InvalidArgument("node \"", plan_.nodes[node].name,
                           "\" has inputs from different frames; input from \"",
                           plan_.nodes[producer].name, "\" is in frame \"",
                           cf_.frames[given].name, "\", another is in frame \"",
                           cf_.frames[known].name, "\"");
  }

  Plan& plan_;
  ControlFlow& cf_;
  const int count_;
  std::vector<int> waiting_;  // inputs that have not arrived
  std::vector<bool> fed_;
  std::vector<int> result_frame_;
  std::deque<int> ready_;  // placed, edges not followed
  std::map<std::pair<int, std::string>, int> frame_ids_;
};

absl::Status CollectFetches(Plan& plan, const FrameFinder& finder) {
  ControlFlow& cf = plan.control_flow;
  cf.fetches.resize(plan.nodes.size());
  for (size_t i = 0; i < plan.fetches.size(); ++i) {
    const PlanFetch& fetch = plan.fetches[i];
    if (fetch.constant != nullptr || fetch.producer < 0) continue;
    const int frame = finder.result_frame(fetch.producer);
    if (frame != 0) {
      return InvalidArgument(
          "tensor \"", fetch.name, "\" is inside a while loop (frame \"",
          cf.frames[frame].name, "\") and cannot be fetched");
    }
    cf.fetches[fetch.producer].push_back(static_cast<int>(i));
  }
  return absl::OkStatus();
}

// Gives each node its place, and its inputs theirs, in the frame's iterations.
void LayOutFrames(Plan& plan) {
  ControlFlow& cf = plan.control_flow;
  const int count = static_cast<int>(plan.nodes.size());
  cf.index_in_frame.resize(count);
  cf.first_entry.resize(count);
  for (int i = 0; i < count; ++i) {
    StaticFrame& frame = cf.frames[cf.frame_of[i]];
    cf.index_in_frame[i] = static_cast<int>(frame.nodes.size());
    frame.nodes.push_back(i);
    cf.first_entry[i] = frame.num_inputs;
    frame.num_inputs += static_cast<int>(plan.nodes[i].inputs.size());
  }
}

}  // namespace

absl::Status AnalyzeControlFlow(Plan& plan) {
  CollectEdges(plan);
  FrameFinder finder(plan);
  RETURN_IF_ERROR(finder.Run());
  RETURN_IF_ERROR(CollectFetches(plan, finder));
  LayOutFrames(plan);
  return absl::OkStatus();
}

}  // namespace metagraph
