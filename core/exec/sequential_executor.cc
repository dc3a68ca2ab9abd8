#include "core/exec/sequential_executor.h"

#include <utility>

#include "core/base/status.h"
#include "core/exec/node_runner.h"
#include "core/op/run_kernel.h"

namespace metagraph {
namespace {

// Run states kept for the next run; more run at the same time, fewer stay.
constexpr size_t kMaxIdle = 16;
// Nodes between two looks at the deadline; the cancel flag is read at each.
constexpr size_t kDeadlineStride = 16;

}  // namespace

struct SequentialExecutor::RunState {
  explicit RunState(const Plan& plan)
      : slots(plan.num_slots), inputs(plan.num_inputs) {
    size_t most_inputs = 0;
    for (const PlanNode& node : plan.nodes) {
      most_inputs = std::max(most_inputs, node.inputs.size());
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const PlanInput& planned = node.inputs[i];
        KernelInput& input = inputs[node.first_input + i];
        if (planned.constant != nullptr) {
          input.tensor = planned.constant;
        } else {
          // A reference is looked up anew in each run.
          Value& slot = slots[planned.slot];
          input.tensor = &slot.tensor;
          if (planned.last_use) input.last_use = &slot;
        }
      }
    }
    scratch.resize(most_inputs);
  }

  void Clear() {
    for (Value& slot : slots) slot.Reset();
    for (Tensor& tensor : scratch) tensor = Tensor();
  }

  std::vector<Value> slots;
  std::vector<KernelInput> inputs;  // of all nodes, ready to use
  std::vector<Tensor> scratch;      // values of variables being read
};

SequentialExecutor::SequentialExecutor(const Plan& plan) : plan_(plan) {}
SequentialExecutor::~SequentialExecutor() = default;

std::unique_ptr<SequentialExecutor::RunState> SequentialExecutor::Acquire()
    const {
  {
    MutexLock lock(mu_);
    if (!idle_.empty()) {
      auto state = std::move(idle_.back());
      idle_.pop_back();
      return state;
    }
  }
  return std::make_unique<RunState>(plan_);
}

void SequentialExecutor::Release(std::unique_ptr<RunState> state) const {
  state->Clear();
  MutexLock lock(mu_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(state));
}

absl::Status SequentialExecutor::Run(absl::Span<Tensor> feeds,
                                     const StepContext& step,
                                     std::vector<Tensor>* fetches) const {
  std::unique_ptr<RunState> state = Acquire();
  for (size_t i = 0; i < feeds.size(); ++i) {
    state->slots[i].SetTensor(std::move(feeds[i]));
  }
  absl::Status status = RunNodes(step, *state);
  if (status.ok()) status = Fetch(step, *state, fetches);
  Release(std::move(state));
  return status;
}

absl::Status SequentialExecutor::RunNodes(const StepContext& step,
                                          RunState& state) const {
  size_t until_deadline_check = 0;
  for (const PlanNode& node : plan_.nodes) {
    if (until_deadline_check-- == 0 || step.call->cancelled()) [[unlikely]] {
      RETURN_IF_ERROR(step.call->Check());
      until_deadline_check = kDeadlineStride;
    }
    KernelInput* const inputs = state.inputs.data() + node.first_input;
    if (node.has_ref_inputs) {
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const PlanInput& planned = node.inputs[i];
        if (!planned.wants_ref && !planned.dereference) continue;
        const absl::Status status =
            PrepareRef(node, static_cast<int>(i), state.slots[planned.slot],
                       step, &state.scratch[i], &inputs[i]);
        if (!status.ok()) return AddNodeName(status, node);
      }
    }
    Value* const outputs = state.slots.data() + node.first_slot;
    KernelContext ctx(step, {inputs, node.inputs.size()}, node.output_types,
                      outputs);
    const absl::Status status = RunKernel(*node.kernel, ctx);
    if (!status.ok()) [[unlikely]]
      return AddNodeName(status, node);
    RETURN_IF_ERROR(CheckOutputsSet(node, outputs));
    if (MadeMuch(node, outputs)) [[unlikely]]
      until_deadline_check = 0;
    for (int slot : node.dead_slots) state.slots[slot].Reset();
    if (node.has_ref_inputs) {
      // A writer may overwrite a buffer that nobody else holds.
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        state.scratch[i] = Tensor();
      }
    }
  }
  return step.call->Check();
}

absl::Status SequentialExecutor::Fetch(const StepContext& step, RunState& state,
                                       std::vector<Tensor>* fetches) const {
  fetches->clear();
  fetches->reserve(plan_.fetches.size());
  for (const PlanFetch& fetch : plan_.fetches) {
    Tensor& out = fetches->emplace_back();
    if (fetch.constant != nullptr) {
      out = *fetch.constant;
    } else if (fetch.dereference) {
      RETURN_IF_ERROR(
          FetchVariable(fetch, state.slots[fetch.slot].variable, step, &out));
    } else {
      out = state.slots[fetch.slot].tensor;
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
