#pragma once

// Which frame each node of a plan runs in: the part of while loops that is
// known before a run. A frame instance at run time is one of these per
// iteration of its parent.

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace metagraph {

class Plan;

struct StaticFrame {
  std::string name;  // "" for the root
  int parent = -1;   // in ControlFlow::frames
  int parallel_iterations = 1;
  int num_enters = 0;
  std::vector<int> nodes;  // places in Plan::nodes
  int num_inputs = 0;      // entries that one iteration needs
};

// An edge to follow when a node is done. `input` is the consumer's input, or
// -1 for a control edge; `entry` is its place in the iteration's entries.
struct OutEdge {
  int output = 0;
  int node = -1;
  int input = -1;
};

struct ControlFlow {
  std::vector<StaticFrame> frames;  // [0] is the root
  // By place in Plan::nodes.
  std::vector<int> frame_of;
  std::vector<int> index_in_frame;
  std::vector<int> first_entry;  // of its inputs, in its frame's iteration
  std::vector<int> pending;      // initial count, see exec/frames.h
  std::vector<std::vector<OutEdge>> out_edges;
  // Edges from feeds, all of which start in the root frame.
  std::vector<std::vector<OutEdge>> feed_edges;
  std::vector<int> sources;  // nodes ready at the start
  // For an Enter: the frame it leads to.
  std::vector<int> child_frame;
  // Positions in Plan::fetches by the node fetched.
  std::vector<std::vector<int>> fetches;
};

// Fills plan.control_flow. INVALID_ARGUMENT for an Exit or NextIteration
// without Enter, inputs from different frames, a cycle that no NextIteration
// closes, or a fetch from inside a loop.
absl::Status AnalyzeControlFlow(Plan& plan);

}  // namespace metagraph
