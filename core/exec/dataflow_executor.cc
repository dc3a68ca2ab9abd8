#include "core/exec/dataflow_executor.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/exec/frames.h"
#include "core/exec/node_runner.h"
#include "core/op/run_kernel.h"

namespace metagraph {
namespace {

// Scratch of one thread that runs nodes, reused from node to node.
struct Worker {
  absl::InlinedVector<KernelInput, 8> inputs;
  std::vector<Value> outputs;
  std::vector<Tensor> scratch;
};

// Takes nodes that are ready from a queue and runs them; what follows from
// their outputs, the frames say.
class DataflowRun {
 public:
  DataflowRun(const Plan& plan, const StepContext& step, bool parallel,
              absl::Span<Tensor> fetches)
      : plan_(plan),
        step_(step),
        parallel_(parallel),
        frames_(plan, step, ready_, fetches) {}

  absl::Status Run(absl::Span<Tensor> feeds) {
    frames_.Start(feeds);
    if (parallel_) {
      RunParallel();
    } else {
      RunInline();
    }
    return status_;
  }

 private:
  // What the workers of a parallel run share; outlives the run.
  struct Gate {
    Mutex mu;  // guards the run's own members too
    CondVar changed;
    bool closed GUARDED_BY(mu) = false;
    int workers GUARDED_BY(mu) = 0;  // in the middle of an item
    int helpers GUARDED_BY(mu) = 0;  // scheduled, not started
  };

  void RunInline() {
    Worker worker;
    while (!ready_.empty() && status_.ok()) {
      const Ready item = ready_.front();
      ready_.pop_front();
      status_ = Execute(item, worker);
      if (status_.ok()) status_ = Finish(item, worker);
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
    absl::Status status = Execute(item, worker);
    gate.mu.Lock();
    --gate.workers;
    if (status.ok() && status_.ok()) status = Finish(item, worker);
    if (status_.ok()) status_ = status;
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
    Value* const entries = frames_.Inputs(item);
    RETURN_IF_ERROR(SetInputs(node, entries, worker));
    KernelContext ctx(step_, worker.inputs, node.output_types,
                      worker.outputs.data());
    const absl::Status status = RunKernel(*node.kernel, ctx);
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

  // What the kernel sees of the values that have come.
  absl::Status SetInputs(const PlanNode& node, Value* entries,
                         Worker& worker) const {
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
    return absl::OkStatus();
  }

  absl::Status Finish(const Ready& item, Worker& worker) {
    return frames_.Finish(item, absl::MakeSpan(worker.outputs));
  }

  static constexpr uint64_t kDeadlineStride = 32;

  const Plan& plan_;
  const StepContext& step_;
  const bool parallel_;
  std::atomic<uint64_t> executed_{0};

  // Under the gate's lock if parallel.
  ReadyQueue ready_;
  Frames frames_;
  absl::Status status_;

  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

// Fetches that no node makes.
void SetGivenFetches(const Plan& plan, absl::Span<const Tensor> feeds,
                     absl::Span<Tensor> fetches) {
  for (size_t i = 0; i < plan.fetches.size(); ++i) {
    const PlanFetch& fetch = plan.fetches[i];
    if (fetch.constant != nullptr) {
      fetches[i] = *fetch.constant;
    } else if (fetch.producer < 0) {
      fetches[i] = feeds[fetch.output];
    }
  }
}

// INTERNAL, with TensorFlow's words, if what was fetched came out dead.
absl::Status CheckFetched(const Plan& plan, absl::Span<const Tensor> fetches) {
  for (size_t i = 0; i < fetches.size(); ++i) {
    if (fetches[i].initialized()) continue;
    return Internal(
        "Failed to fetch outputs for step. (Original error "
        "message: INVALID_ARGUMENT: The tensor returned for ",
        plan.fetches[i].name, " was not valid.)");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunDataflow(const Plan& plan, absl::Span<Tensor> feeds,
                         const StepContext& step, bool parallel,
                         std::vector<Tensor>* fetches) {
  fetches->assign(plan.fetches.size(), Tensor());
  const absl::Span<Tensor> out = absl::MakeSpan(*fetches);
  SetGivenFetches(plan, feeds, out);
  RETURN_IF_ERROR(DataflowRun(plan, step, parallel, out).Run(feeds));
  return CheckFetched(plan, out);
}

}  // namespace metagraph
