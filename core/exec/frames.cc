#include "core/exec/frames.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/exec/node_runner.h"

namespace metagraph {
namespace {

// What a value, or its absence, does to the node that it comes to.
struct Arrival {
  bool ready = false;
  bool dies = false;
  bool takes_value = false;
};

// Counts what came along `edge`, live or dead.
inline Arrival Arrive(const PlanNode& consumer, const OutEdge& edge, bool live,
                      bool from_enter, int& pending, int& dead_inputs) {
  bool ready = false;
  bool dies = false;
  bool takes_value = edge.input >= 0 && live;
  if (consumer.kind == OpKind::kMerge) {
    const int inputs = static_cast<int>(consumer.inputs.size());
    if (edge.input < 0) {
      pending -= 2;
      dies = dead_inputs == inputs;
      ready = pending == 0 || (pending == 1 && dies);
    } else if (live) {
      // Only the first live value counts.
      takes_value = (pending & 1) != 0;
      pending &= ~1;
      ready = takes_value && pending == 0;
    } else {
      // A dead Enter kills the loop's Merge without its back edge, so that
      // a loop in an untaken branch ends.
      ++dead_inputs;
      dies = dead_inputs == inputs || from_enter;
      ready = pending == 1 && dies;
    }
  } else {
    if (!live) ++dead_inputs;
    ready = --pending == 0;
    dies = dead_inputs > 0 && consumer.kind != OpKind::kControlTrigger;
  }
  return {ready, dies, takes_value};
}

// Whether no later edge than the e-th wants the same output.
inline bool IsLastReader(const std::vector<OutEdge>& edges, size_t e) {
  for (size_t later = e + 1; later < edges.size(); ++later) {
    if (edges[later].output == edges[e].output && edges[later].input >= 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

Iteration* Frame::Find(int64_t number) const {
  for (const auto& iteration : iterations) {
    if (iteration->number == number) return iteration.get();
  }
  return nullptr;
}

void Frames::Start(absl::Span<Tensor> feeds) {
  root_.iterations.push_back(NewIteration(root_, 0));
  Iteration* iteration = root_.iterations[0].get();
  for (int source : flow_.sources) Push({source, &root_, iteration, false});
  for (size_t i = 0; i < feeds.size(); ++i) {
    Value value;
    value.SetTensor(std::move(feeds[i]));
    Activate(flow_.feed_edges[i], absl::MakeSpan(&value, 1), {}, root_,
             *iteration);
  }
}

absl::Status Frames::Finish(const Ready& item, absl::Span<Value> outputs) {
  absl::Status status;
  switch (plan_.nodes[item.node].kind) {
    case OpKind::kEnter:
      FinishEnter(item, outputs);
      return absl::OkStatus();
    case OpKind::kExit:
      status = FinishExit(item, outputs);
      break;
    case OpKind::kNextIteration:
      FinishNextIteration(item, outputs);
      break;
    default:
      status = CaptureFetches(item.node, outputs, item.frame);
      Activate(flow_.out_edges[item.node], outputs, {.dead = item.dead},
               *item.frame, *item.iteration);
  }
  if (--item.iteration->running == 0) Collect(*item.frame);
  return status;
}

void Frames::FinishEnter(const Ready& item, absl::Span<Value> outputs) {
  const int node = item.node;
  Frame* child = ChildFrame(node, *item.frame, *item.iteration);
  if (plan_.nodes[node].is_loop_invariant && !item.dead) {
    child->invariants.emplace_back(node, outputs[0]);
    for (auto& turn : child->iterations) {
      ActivateOne(node, outputs[0], {.enter = true}, *child, *turn);
    }
  } else {
    Activate(flow_.out_edges[node], outputs, {.dead = item.dead, .enter = true},
             *child, *child->iterations[0]);
  }
  --child->enters_missing;
  --item.iteration->running;
  // The child may have ended at once: all its nodes dead or none. If so, this
  // goes on with our iteration; if not, ours has not ended either.
  Collect(*child);
}

absl::Status Frames::FinishExit(const Ready& item, absl::Span<Value> outputs) {
  Frame* const frame = item.frame;
  const Iteration* const iteration = item.iteration;
  if (item.dead) {
    if (iteration->number == frame->newest) {
      frame->dead_exits.push_back(item.node);
    }
    return absl::OkStatus();
  }
  absl::Status status = CaptureFetches(item.node, outputs, frame->parent);
  Activate(flow_.out_edges[item.node], outputs, {}, *frame->parent,
           *frame->parent_iteration);
  return status;
}

void Frames::FinishNextIteration(const Ready& item, absl::Span<Value> outputs) {
  if (item.dead) return;
  Frame* const frame = item.frame;
  Iteration* next = frame->Find(item.iteration->number + 1);
  if (next != nullptr) {
    Activate(flow_.out_edges[item.node], outputs, {}, *frame, *next);
  } else if (static_cast<int>(frame->iterations.size()) >=
             flow_.frames[frame->id].parallel_iterations) {
    frame->waiting_roots.emplace_back(item.node, std::move(outputs[0]));
  } else {
    next = StartIteration(*frame);
    Activate(flow_.out_edges[item.node], outputs, {}, *frame, *next);
  }
}

absl::Status Frames::CaptureFetches(int node, absl::Span<const Value> outputs,
                                    const Frame* frame) {
  if (frame != &root_) return absl::OkStatus();
  absl::Status first_error;
  for (int i : flow_.fetches[node]) {
    const Value& value = outputs[plan_.fetches[i].output];
    if (value.kind == Value::Kind::kTensor) {
      fetches_[i] = value.tensor;
    } else if (value.kind == Value::Kind::kRef) {
      first_error.Update(
          FetchVariable(plan_.fetches[i], value.variable, step_, &fetches_[i]));
    }
  }
  return first_error;
}

void Frames::Push(const Ready& item) {
  ++item.iteration->running;
  ready_.push_back(item);
}

// Delivers along `edges`. A data edge is dead if the node is, or if the
// output is unset; a control edge if the node is.
void Frames::Activate(const std::vector<OutEdge>& edges,
                      absl::Span<Value> outputs, From from, Frame& frame,
                      Iteration& iteration) {
  for (size_t e = 0; e < edges.size(); ++e) {
    const OutEdge& edge = edges[e];
    const int place = flow_.index_in_frame[edge.node];
    const bool live =
        !from.dead && (edge.input < 0 || outputs[edge.output].has_value());
    const Arrival arrival =
        Arrive(plan_.nodes[edge.node], edge, live, from.enter,
               iteration.pending[place], iteration.dead_inputs[place]);
    if (arrival.takes_value) {
      Value& entry =
          iteration.entries[flow_.first_entry[edge.node] + edge.input];
      // The last reader of an output takes it, so that its buffer has one
      // owner. Readers of deadness look at the kind, which a move leaves.
      if (IsLastReader(edges, e)) {
        entry = std::move(outputs[edge.output]);
      } else {
        entry = outputs[edge.output];
      }
    }
    if (arrival.ready) {
      Push({edge.node, &frame, &iteration, arrival.dies});
    }
  }
}

void Frames::ActivateOne(int node, Value value, From from, Frame& frame,
                         Iteration& iteration) {
  Activate(flow_.out_edges[node], absl::MakeSpan(&value, 1), from, frame,
           iteration);
}

// The frame that this Enter leads to, made by the first Enter to come.
Frame* Frames::ChildFrame(int enter, Frame& parent, Iteration& iteration) {
  const int id = flow_.child_frame[enter];
  for (const auto& child : iteration.children) {
    if (child->id == id) return child.get();
  }
  auto frame = std::make_unique<Frame>();
  frame->id = id;
  frame->parent = &parent;
  frame->parent_iteration = &iteration;
  frame->enters_missing = flow_.frames[id].num_enters;
  frame->iterations.push_back(NewIteration(*frame, 0));
  iteration.children.push_back(std::move(frame));
  return iteration.children.back().get();
}

std::unique_ptr<Iteration> Frames::NewIteration(const Frame& frame,
                                                int64_t number) {
  const StaticFrame& layout = flow_.frames[frame.id];
  std::unique_ptr<Iteration> iteration;
  if (!spare_iterations_.empty() &&
      spare_iterations_.back()->entries.size() ==
          static_cast<size_t>(layout.num_inputs)) {
    iteration = std::move(spare_iterations_.back());
    spare_iterations_.pop_back();
  } else {
    iteration = std::make_unique<Iteration>();
    iteration->entries.resize(layout.num_inputs);
  }
  iteration->number = number;
  iteration->pending.resize(layout.nodes.size());
  for (size_t i = 0; i < layout.nodes.size(); ++i) {
    iteration->pending[i] = flow_.pending[layout.nodes[i]];
  }
  iteration->dead_inputs.assign(layout.nodes.size(), 0);
  iteration->running = 0;
  return iteration;
}

// Starts the next turn, with the loop's invariants.
Iteration* Frames::StartIteration(Frame& frame) {
  frame.iterations.push_back(NewIteration(frame, ++frame.newest));
  Iteration* next = frame.iterations.back().get();
  frame.dead_exits.clear();
  for (const auto& [node, value] : frame.invariants) {
    ActivateOne(node, value, {.enter = true}, frame, *next);
  }
  return next;
}

// Ends what has nothing left to do in this frame, and the frame itself, and so
// on upwards.
void Frames::Collect(Frame& start) {
  // The root's only iteration is kept until the run ends.
  for (Frame* frame = &start; frame != &root_;) {
    EndIterations(*frame);
    if (!frame->iterations.empty() || frame->enters_missing > 0) return;
    Frame* const parent = frame->parent;
    EndFrame(*frame);
    frame = parent;
  }
}

// Ends the oldest iterations if they are done, and starts the next for values
// that wait for it.
void Frames::EndIterations(Frame& frame) {
  while (!frame.iterations.empty()) {
    Iteration& oldest = *frame.iterations.front();
    if (oldest.running > 0 || !oldest.children.empty()) return;
    if (oldest.number == 0 && frame.enters_missing > 0) return;
    for (Value& entry : oldest.entries) entry.Reset();
    spare_iterations_.push_back(std::move(frame.iterations.front()));
    frame.iterations.pop_front();
    if (frame.waiting_roots.empty()) continue;
    auto roots = std::exchange(frame.waiting_roots, {});
    Iteration* const next = StartIteration(frame);
    for (auto& [node, value] : roots) {
      ActivateOne(node, std::move(value), {}, frame, *next);
    }
  }
}

// Its dead exits are dead in the parent. Frees the frame.
void Frames::EndFrame(Frame& frame) {
  Iteration& iteration = *frame.parent_iteration;
  for (int exit : frame.dead_exits) {
    ActivateOne(exit, Value(), {.dead = true}, *frame.parent, iteration);
  }
  auto& children = iteration.children;
  children.erase(
      std::find_if(children.begin(), children.end(),
                   [&](const auto& child) { return child.get() == &frame; }));
}

}  // namespace metagraph
