#include "core/exec/dataflow_executor.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/exec/node_runner.h"

namespace metagraph {
namespace {

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

  Iteration* Find(int64_t number) const {
    for (const auto& iteration : iterations) {
      if (iteration->number == number) return iteration.get();
    }
    return nullptr;
  }
};

struct Ready {
  int node;
  Frame* frame;
  Iteration* iteration;
  bool dead;
};

class DataflowRun {
 public:
  DataflowRun(const Plan& plan, const StepContext& step, bool parallel)
      : plan_(plan),
        flow_(plan.control_flow),
        step_(step),
        parallel_(parallel) {}

  absl::Status Run(absl::Span<Tensor> feeds, std::vector<Tensor>* fetches) {
    fetches->assign(plan_.fetches.size(), Tensor());
    fetches_ = fetches;
    root_.iterations.push_back(NewIteration(root_, 0));
    Iteration* iteration = root_.iterations[0].get();
    for (size_t i = 0; i < plan_.fetches.size(); ++i) {
      const PlanFetch& fetch = plan_.fetches[i];
      if (fetch.constant != nullptr) {
        (*fetches)[i] = *fetch.constant;
      } else if (fetch.producer < 0) {
        (*fetches)[i] = feeds[fetch.output];
      }
    }
    for (int source : flow_.sources) Push({source, &root_, iteration, false});
    for (size_t i = 0; i < feeds.size(); ++i) {
      Value value;
      value.SetTensor(std::move(feeds[i]));
      Activate(flow_.feed_edges[i], absl::MakeSpan(&value, 1), false, false,
               root_, *iteration);
    }
    if (parallel_) {
      RunParallel();
    } else {
      RunInline();
    }
    RETURN_IF_ERROR(status_);
    for (size_t i = 0; i < fetches->size(); ++i) {
      if ((*fetches)[i].initialized()) continue;
      return Internal(
          "Failed to fetch outputs for step. (Original error "
          "message: INVALID_ARGUMENT: The tensor returned for ",
          plan_.fetches[i].name, " was not valid.)");
    }
    return absl::OkStatus();
  }

 private:
  // Scratch of one worker, reused from node to node.
  struct Worker {
    absl::InlinedVector<KernelInput, 8> inputs;
    std::vector<Value> outputs;
    std::vector<Tensor> scratch;
  };

  // What the workers of a parallel run share; outlives the run.
  struct Gate {
    Mutex mu;  // guards the run's own members too
    CondVar changed;
    bool closed GUARDED_BY(mu) = false;
    int workers GUARDED_BY(mu) = 0;  // in the middle of an item
    int helpers GUARDED_BY(mu) = 0;  // scheduled, not started
  };

  // --- Running nodes ------------------------------------------------------

  void RunInline() {
    Worker worker;
    while (!ready_.empty() && status_.ok()) {
      const Ready item = ready_.front();
      ready_.pop_front();
      const absl::Status status = Execute(item, worker);
      if (!status.ok()) {
        status_ = status;
        return;
      }
      Finish(item, worker);
    }
  }

  // The caller works too; helpers on the pool come and go with the queue. One
  // that the pool starts late finds the gate closed and touches nothing else.
  void RunParallel() {
    Worker worker;
    const std::shared_ptr<Gate> gate = gate_;
    MutexLock lock(gate->mu);
    for (;;) {
      if (!ready_.empty() && status_.ok()) {
        Work(*gate, worker);
      } else if (gate->workers > 0) {
        gate->changed.Wait(gate->mu);
      } else {
        break;
      }
    }
    gate->closed = true;
  }

  // Takes one item and runs it, without the lock.
  void Work(Gate& gate, Worker& worker) REQUIRES(gate.mu) {
    const Ready item = ready_.front();
    ready_.pop_front();
    ++gate.workers;
    CallHelpers(gate);
    gate.mu.Unlock();
    const absl::Status status = Execute(item, worker);
    gate.mu.Lock();
    --gate.workers;
    if (!status.ok()) {
      if (status_.ok()) status_ = status;
    } else if (status_.ok()) {
      Finish(item, worker);
    }
    gate.changed.NotifyAll();
  }

  void CallHelpers(Gate& gate) REQUIRES(gate.mu) {
    const int wanted = std::min<int>(static_cast<int>(ready_.size()),
                                     step_.compute_pool->size());
    for (; gate.helpers < wanted; ++gate.helpers) {
      step_.compute_pool->Schedule([this, shared = gate_] {
        Worker worker;
        MutexLock lock(shared->mu);
        --shared->helpers;
        if (shared->closed) return;
        while (!ready_.empty() && status_.ok()) Work(*shared, worker);
      });
    }
  }

  // Runs the kernel of a live node; leaves its values in worker.outputs.
  absl::Status Execute(const Ready& item, Worker& worker) {
    const PlanNode& node = plan_.nodes[item.node];
    worker.outputs.resize(node.output_types.size());
    for (Value& output : worker.outputs) output.Reset();
    if (item.dead) return absl::OkStatus();
    if (++executed_ % kDeadlineStride == 0 || step_.call->cancelled()) {
      RETURN_IF_ERROR(step_.call->Check());
    }
    Value* const entries =
        item.iteration->entries.data() + flow_.first_entry[item.node];
    worker.inputs.assign(node.inputs.size(), KernelInput());
    if (node.has_ref_inputs) worker.scratch.resize(node.inputs.size());
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const PlanInput& planned = node.inputs[i];
      KernelInput& input = worker.inputs[i];
      if (planned.constant != nullptr) {
        input.tensor = planned.constant;
      } else if (entries[i].kind == Value::Kind::kTensor) {
        input.tensor = &entries[i].tensor;
        input.last_use = &entries[i];
      } else if (entries[i].kind == Value::Kind::kRef) {
        const absl::Status status =
            PrepareRef(node, static_cast<int>(i), entries[i], step_,
                       &worker.scratch[i], &input);
        if (!status.ok()) return AddNodeName(status, node);
      }  // else an input of a Merge that has not come
    }
    KernelContext ctx(step_, worker.inputs, node.output_types,
                      worker.outputs.data());
    const absl::Status status = node.kernel->Compute(ctx);
    for (size_t i = 0; i < node.inputs.size(); ++i) entries[i].Reset();
    if (node.has_ref_inputs) {
      for (Tensor& tensor : worker.scratch) tensor.Reset();
    }
    if (!status.ok()) return AddNodeName(status, node);
    if (MadeMuch(node, worker.outputs.data())) {
      RETURN_IF_ERROR(step_.call->Check());
    }
    if (node.kind == OpKind::kSwitch) return absl::OkStatus();
    return CheckOutputsSet(node, worker.outputs.data());
  }

  // --- Passing values on; under the gate's lock if parallel ------------------

  void Push(const Ready& item) {
    ++item.iteration->running;
    ready_.push_back(item);
  }

  std::unique_ptr<Iteration> NewIteration(const Frame& frame, int64_t number) {
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

  // Sends a finished node's outputs where they go, then sees what has ended.
  void Finish(const Ready& item, Worker& worker) {
    const int node = item.node;
    Frame* frame = item.frame;
    Iteration* iteration = item.iteration;
    const absl::Span<Value> outputs = absl::MakeSpan(worker.outputs);
    switch (plan_.nodes[node].kind) {
      case OpKind::kEnter: {
        Frame* child = ChildFrame(node, *frame, *iteration);
        if (plan_.nodes[node].is_loop_invariant && !item.dead) {
          child->invariants.emplace_back(node, outputs[0]);
          for (auto& turn : child->iterations) {
            Value copy = outputs[0];
            Activate(flow_.out_edges[node], absl::MakeSpan(&copy, 1), false,
                     true, *child, *turn);
          }
        } else {
          Activate(flow_.out_edges[node], outputs, item.dead, true, *child,
                   *child->iterations[0]);
        }
        --child->enters_missing;
        --iteration->running;
        // The child may have ended at once: all its nodes dead or none. If so,
        // this goes on with our iteration; if not, ours has not ended either.
        Collect(*child);
        return;
      }
      case OpKind::kExit:
        if (item.dead) {
          if (iteration->number == frame->newest) {
            frame->dead_exits.push_back(node);
          }
        } else {
          CaptureFetches(node, outputs, frame->parent);
          Activate(flow_.out_edges[node], outputs, false, false, *frame->parent,
                   *frame->parent_iteration);
        }
        --iteration->running;
        break;
      case OpKind::kNextIteration:
        if (!item.dead) {
          Iteration* next = frame->Find(iteration->number + 1);
          if (next != nullptr) {
            Activate(flow_.out_edges[node], outputs, false, false, *frame,
                     *next);
          } else if (static_cast<int>(frame->iterations.size()) >=
                     flow_.frames[frame->id].parallel_iterations) {
            frame->waiting_roots.emplace_back(node, std::move(outputs[0]));
          } else {
            next = StartIteration(*frame);
            Activate(flow_.out_edges[node], outputs, false, false, *frame,
                     *next);
          }
        }
        --iteration->running;
        break;
      default:
        CaptureFetches(node, outputs, frame);
        Activate(flow_.out_edges[node], outputs, item.dead, false, *frame,
                 *iteration);
        --iteration->running;
    }
    if (iteration->running == 0) Collect(*frame);
  }

  void CaptureFetches(int node, absl::Span<Value> outputs, const Frame* frame) {
    if (frame != &root_) return;
    for (int i : flow_.fetches[node]) {
      const Value& value = outputs[plan_.fetches[i].output];
      if (value.kind == Value::Kind::kTensor) {
        (*fetches_)[i] = value.tensor;
      } else if (value.kind == Value::Kind::kRef) {
        const absl::Status status = FetchVariable(
            plan_.fetches[i], value.variable, step_, &(*fetches_)[i]);
        if (!status.ok() && status_.ok()) status_ = status;
      }
    }
  }

  // Delivers along `edges`. A data edge is dead if the node is, or if the
  // output is unset; a control edge if the node is.
  void Activate(const std::vector<OutEdge>& edges, absl::Span<Value> outputs,
                bool dead, bool from_enter, Frame& frame,
                Iteration& iteration) {
    // The last reader of an output takes it, so that its buffer has one owner.
    for (size_t e = 0; e < edges.size(); ++e) {
      const OutEdge& edge = edges[e];
      const PlanNode& consumer = plan_.nodes[edge.node];
      const int place = flow_.index_in_frame[edge.node];
      int& pending = iteration.pending[place];
      int& dead_inputs = iteration.dead_inputs[place];
      const bool live =
          !dead && (edge.input < 0 || outputs[edge.output].has_value());
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
      if (takes_value) {
        Value& entry =
            iteration.entries[flow_.first_entry[edge.node] + edge.input];
        bool last = true;
        for (size_t later = e + 1; later < edges.size() && last; ++later) {
          last = edges[later].output != edge.output || edges[later].input < 0;
        }
        if (last) {
          entry = std::move(outputs[edge.output]);
          // Readers of deadness look at the kind, which a move leaves.
        } else {
          entry = outputs[edge.output];
        }
      }
      if (ready) Push({edge.node, &frame, &iteration, dies});
    }
  }

  // The frame that this Enter leads to, made by the first Enter to come.
  Frame* ChildFrame(int enter, Frame& parent, Iteration& iteration) {
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

  // Starts the next turn: loop invariants and values that waited for it.
  Iteration* StartIteration(Frame& frame) {
    frame.iterations.push_back(NewIteration(frame, ++frame.newest));
    Iteration* next = frame.iterations.back().get();
    frame.dead_exits.clear();
    for (const auto& [node, value] : frame.invariants) {
      Value copy = value;
      Activate(flow_.out_edges[node], absl::MakeSpan(&copy, 1), false, true,
               frame, *next);
    }
    return next;
  }

  // Ends the oldest iterations that have nothing left to do, starts waiting
  // ones, and ends the frame itself, and so on upwards.
  void Collect(Frame& start) {
    Frame* frame = &start;
    for (;;) {
      while (!frame->iterations.empty()) {
        Iteration& oldest = *frame->iterations.front();
        if (oldest.running > 0 || !oldest.children.empty()) break;
        if (oldest.number == 0 && frame->enters_missing > 0) break;
        if (frame == &root_) break;  // kept until the run ends
        for (Value& entry : oldest.entries) entry.Reset();
        spare_iterations_.push_back(std::move(frame->iterations.front()));
        frame->iterations.pop_front();
        if (!frame->waiting_roots.empty()) {
          auto roots = std::exchange(frame->waiting_roots, {});
          Iteration* next = StartIteration(*frame);
          for (auto& [node, value] : roots) {
            Activate(flow_.out_edges[node], absl::MakeSpan(&value, 1), false,
                     false, *frame, *next);
          }
        }
      }
      if (frame == &root_ || !frame->iterations.empty() ||
          frame->enters_missing > 0) {
        return;
      }
      // The frame has ended. Its dead exits are dead in the parent.
      Frame* parent = frame->parent;
      Iteration* iteration = frame->parent_iteration;
      for (int exit : frame->dead_exits) {
        Value none;
        Activate(flow_.out_edges[exit], absl::MakeSpan(&none, 1), true, false,
                 *parent, *iteration);
      }
      auto& children = iteration->children;
      children.erase(std::find_if(
          children.begin(), children.end(),
          [&](const auto& child) { return child.get() == frame; }));
      frame = parent;
    }
  }

  static constexpr uint64_t kDeadlineStride = 32;

  const Plan& plan_;
  const ControlFlow& flow_;
  const StepContext& step_;
  const bool parallel_;

  std::vector<Tensor>* fetches_ = nullptr;
  Frame root_;
  std::vector<std::unique_ptr<Iteration>> spare_iterations_;
  std::deque<Ready> ready_;
  absl::Status status_;
  std::atomic<uint64_t> executed_{0};

  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace

absl::Status RunDataflow(const Plan& plan, absl::Span<Tensor> feeds,
                         const StepContext& step, bool parallel,
                         std::vector<Tensor>* fetches) {
  return DataflowRun(plan, step, parallel).Run(feeds, fetches);
}

}  // namespace metagraph
