#pragma once

// Where the values of a run with control flow are: TensorFlow's frames,
// iterations and dead values. Which node runs when, and on which thread, is
// for dataflow_executor.cc to say.
//
// The rules. A node is ready when all its inputs have arrived, and dead if one
// of them is dead. A dead node does not run; its outputs are dead. Switch gives
// a value to one of its outputs and leaves the other dead. Merge is ready at
// its first live value, and dead when all its inputs are. Enter takes a value
// into a loop's frame, made by the first Enter to come; NextIteration takes it
// to the next turn, Exit back to the frame outside. Turns overlap: an iteration
// ends when it has no node left to run, a frame when its last iteration has.

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/op/kernel_context.h"
#include "core/plan/plan.h"

namespace metagraph {

struct Frame;

// One turn of a frame: the values on their way to its nodes, and how many of
// them each node still waits for.
struct Iteration {
  int64_t number = 0;
  std::vector<Value> entries;
  // A node is ready at 0. For a Merge: bit 0 says that no live value has come
  // yet, each control edge counts 2.
  std::vector<int> pending;
  std::vector<int> dead_inputs;
  int running = 0;  // nodes ready or running
  // Loops started from this iteration.
  std::vector<std::unique_ptr<Frame>> children;
};

// One run of a loop: started by one iteration of the parent frame.
struct Frame {
  int id = 0;  // in ControlFlow::frames
  Frame* parent = nullptr;
  Iteration* parent_iteration = nullptr;
  int64_t newest = 0;  // number of the newest iteration
  std::deque<std::unique_ptr<Iteration>> iterations;  // oldest first
  int enters_missing = 0;
  // NextIteration values that wait because parallel_iterations turns are
  // under way.
  std::vector<std::pair<int, Value>> waiting_roots;
  // Enters with is_constant: given to every iteration.
  std::vector<std::pair<int, Value>> invariants;
  // Exits that were dead in the newest iteration: if the loop ends so, they
  // are dead in the parent.
  std::vector<int> dead_exits;

  // nullptr if it has not begun or has ended.
  Iteration* Find(int64_t number) const;
};

// A node that may run, or, if dead, whose outputs are dead.
struct Ready {
  int node;  // place in Plan::nodes
  Frame* frame;
  Iteration* iteration;
  bool dead;
};
using ReadyQueue = std::deque<Ready>;

// The frames of one run. One call at a time; other threads may meanwhile run
// nodes that are ready, whose inputs nobody else touches.
class Frames {
 public:
  // Nodes that become ready are appended to `ready`, fetched values set in
  // `fetches`, one for each of the plan's. All outlive this.
  Frames(const Plan& plan, const StepContext& step, ReadyQueue& ready,
         absl::Span<Tensor> fetches)
      : plan_(plan),
        flow_(plan.control_flow),
        step_(step),
        ready_(ready),
        fetches_(fetches) {}

  // Begins the run: delivers the feeds, which it takes. To be called once.
  void Start(absl::Span<Tensor> feeds);
  // The values that have arrived at a node, one for each input; none where an
  // input is constant or, at a Merge, has not come.
  Value* Inputs(const Ready& item) const {
    return item.iteration->entries.data() + flow_.first_entry[item.node];
  }
  // Sends a finished node's outputs, which it takes, where they go; then sees
  // what has ended. FAILED_PRECONDITION if a fetched variable has no value.
  absl::Status Finish(const Ready& item, absl::Span<Value> outputs);

 private:
  // How `outputs` go out: from a dead node; out of an Enter.
  struct From {
    bool dead = false;
    bool enter = false;
  };

  void Push(const Ready& item);
  void Activate(const std::vector<OutEdge>& edges, absl::Span<Value> outputs,
                From from, Frame& frame, Iteration& iteration);
  // The same for a node of one output.
  void ActivateOne(int node, Value value, From from, Frame& frame,
                   Iteration& iteration);
  absl::Status CaptureFetches(int node, absl::Span<const Value> outputs,
                              const Frame* frame);

  void FinishEnter(const Ready& item, absl::Span<Value> outputs);
  absl::Status FinishExit(const Ready& item, absl::Span<Value> outputs);
  void FinishNextIteration(const Ready& item, absl::Span<Value> outputs);

  Frame* ChildFrame(int enter, Frame& parent, Iteration& iteration);
  std::unique_ptr<Iteration> NewIteration(const Frame& frame, int64_t number);
  Iteration* StartIteration(Frame& frame);
  void Collect(Frame& start);
  void EndIterations(Frame& frame);
  void EndFrame(Frame& frame);

  const Plan& plan_;
  const ControlFlow& flow_;
  const StepContext& step_;
  ReadyQueue& ready_;
  const absl::Span<Tensor> fetches_;
  Frame root_;
  std::vector<std::unique_ptr<Iteration>> spare_iterations_;
};

}  // namespace metagraph
