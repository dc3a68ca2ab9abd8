#include "core/plan/lower.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/op/kernel_context.h"
#include "core/op/lasting_effects.h"
#include "core/plan/schedule.h"
#include "core/program/attributes.h"
#include "core/program/connect.h"

namespace metagraph {
namespace {

// The value of an op that is known before any run.
class ConstantKernel final : public Kernel {
 public:
  explicit ConstantKernel(std::shared_ptr<const Tensor> value)
      : value_(std::move(value)) {}
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, *value_);
    return absl::OkStatus();
  }
  const Tensor* constant() const override { return value_.get(); }

 private:
  const std::shared_ptr<const Tensor> value_;
};

bool KeepsState(const Op& op) {
  return op.constant == nullptr && op.stateful() &&
         !op.info->declares_variable && !op.info->reads_variables &&
         !CallsFunctions(*op.node);
}

// What its attributes say of the loop that an Enter leads into.
void ReadEnter(const Op& op, PlanNode* node) {
  const auto& attrs = op.node->attr();
  if (const auto it = attrs.find("frame_name"); it != attrs.end()) {
    node->frame = it->second.s();
  }
  const auto parallel = attrs.find("parallel_iterations");
  node->parallel_iterations = parallel == attrs.end()
                                  ? 10
                                  : static_cast<int>(std::clamp<int64_t>(
                                        parallel->second.i(), 1, 1 << 20));
  const auto constant = attrs.find("is_constant");
  node->is_loop_invariant = constant != attrs.end() && constant->second.b();
}

class Lowering {
 public:
  Lowering(const Body& body, const LowerEnvironment& environment)
      : body_(body), env_(environment), plan_(std::make_unique<Plan>()) {}

  absl::StatusOr<std::unique_ptr<Plan>> Run() {
    plan_->num_feeds = static_cast<int>(body_.args.size());
    for (const Argument& arg : body_.args) {
      plan_->feed_names.push_back(arg.name);
      plan_->feed_types.push_back(arg.dtype);
    }
    RETURN_IF_ERROR(MakeKernels());
    PlaceOps();
    Connect();
    ConnectResults();
    MarkUsedOutputs();
    FindWrittenReferences();
    plan_->sequential = std::all_of(
        plan_->nodes.begin(), plan_->nodes.end(), [](const PlanNode& node) {
          return node.kind == OpKind::kPlain ||
                 node.kind == OpKind::kControlTrigger;
        });
    if (plan_->sequential) {
      RETURN_IF_ERROR(Schedule(*plan_));
    }
    // A wide sequential plan may also run in parallel, see exec/.
    RETURN_IF_ERROR(AnalyzeControlFlow(*plan_));
    CountBytes();
    return std::move(plan_);
  }

 private:
  absl::Status MakeKernels() {
    kernels_.reserve(body_.ops.size());
    for (const Op& op : body_.ops) {
      if (env_.call != nullptr) RETURN_IF_ERROR(env_.call->Check());
      auto kernel = MakeKernel(op);
      if (!kernel.ok()) return AtNode(kernel.status(), op.name);
      kernels_.push_back(*std::move(kernel));
      plan_->writes_variables |= op.info->writes_variables;
      plan_->changes_files_or_tables |=
          ChangesFilesOrTables(op.info->def.name());
      plan_->keeps_state |= KeepsState(op);
      plan_->reads_variables |=
          op.info->reads_variables || op.info->writes_variables;
    }
    return absl::OkStatus();
  }

  // A constant is no node, but where it has to wait, or a Merge waits for it.
  void PlaceOps() {
    std::vector<bool> feeds_merge(body_.ops.size(), false);
    for (const Op& op : body_.ops) {
      if (op.kind != OpKind::kMerge) continue;
      for (const ValueRef& input : op.inputs) {
        if (!input.is_argument()) feeds_merge[input.op] = true;
      }
    }
    place_of_.assign(body_.ops.size(), -1);
    constants_.assign(body_.ops.size(), nullptr);
    for (size_t i = 0; i < body_.ops.size(); ++i) {
      const Op& op = body_.ops[i];
      const Tensor* constant = kernels_[i]->constant();
      if (constant != nullptr && op.controls.empty() && !feeds_merge[i]) {
        constants_[i] = constant;
        plan_->constants.push_back(std::move(kernels_[i]));
        continue;
      }
      place_of_[i] = static_cast<int>(plan_->nodes.size());
      op_of_.push_back(static_cast<int>(i));
      PlanNode& node = plan_->nodes.emplace_back();
      node.name = op.name;
      node.kernel = std::move(kernels_[i]);
      node.kind = op.kind;
      node.allows_uninitialized_input =
          op.info->def.allows_uninitialized_input();
      node.output_types = op.signature.outputs;
      if (op.kind == OpKind::kEnter) ReadEnter(op, &node);
    }
  }

  absl::StatusOr<std::shared_ptr<const Kernel>> MakeKernel(const Op& op) {
    if (op.constant != nullptr) {
      return std::make_shared<const ConstantKernel>(op.constant);
    }
    const std::string path = absl::StrCat(body_.path, op.name);
    auto create = [&]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
      ASSIGN_OR_RETURN(const KernelEntry* entry,
                       env_.ops.SelectKernel(*op.node, *op.info));
      KernelConstruction construction(*op.node, op.info->def, op.signature,
                                      env_.state);
      construction.set_node_name(path);
      construction.set_functions(&env_.functions);
      return entry->factory(construction);
    };
    // The kernel of a call belongs to its plan, as its function does.
    if (op.stateful() && !CallsFunctions(*op.node)) {
      return env_.stateful_kernels.FindOrCreate(path, create);
    }
    ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, create());
    return std::shared_ptr<const Kernel>(std::move(kernel));
  }

  void Connect() {
    for (size_t i = 0; i < plan_->nodes.size(); ++i) {
      const Op& op = body_.ops[op_of_[i]];
      PlanNode& node = plan_->nodes[i];
      node.inputs.reserve(op.inputs.size());
      for (size_t k = 0; k < op.inputs.size(); ++k) {
        const PlanInput input = ConnectInput(op, static_cast<int>(k));
        node.has_ref_inputs |= input.wants_ref || input.dereference;
        node.inputs.push_back(input);
      }
      if (node.has_ref_inputs) {
        for (const ValueRef& input : op.inputs) {
          node.input_names.push_back(NameOf(body_, input));
        }
      }
      for (int control : op.controls) {
        if (place_of_[control] >= 0) {
          node.control_inputs.push_back(place_of_[control]);
        }
      }
    }
  }

  PlanInput ConnectInput(const Op& op, int i) {
    const ValueRef& value = op.inputs[i];
    const DataType given = body_.TypeOf(value);
    PlanInput input;
    input.output = value.output;
    if (!value.is_argument()) {
      input.producer = place_of_[value.op];
      if (input.producer < 0) {
        input.constant = constants_[value.op];
      }
    }
    input.wants_ref = WantsRef(op, i, given);
    input.dereference = IsRefType(given) && !input.wants_ref;
    plan_->reads_variables |= IsRefType(given);
    return input;
  }

  void ConnectResults() {
    for (const Result& result : body_.results) {
      PlanFetch fetch;
      fetch.output = result.value.output;
      fetch.name = result.name;
      if (!result.value.is_argument()) {
        fetch.producer = place_of_[result.value.op];
        if (fetch.producer < 0) {
          fetch.constant = constants_[result.value.op];
        }
      }
      fetch.dereference = IsRefType(body_.TypeOf(result.value));
      plan_->reads_variables |= fetch.dereference;
      plan_->fetches.push_back(std::move(fetch));
    }
  }

  void MarkUsedOutputs() {
    for (PlanNode& node : plan_->nodes) {
      node.output_used.assign(node.output_types.size(), false);
    }
    for (const PlanNode& node : plan_->nodes) {
      for (const PlanInput& input : node.inputs) {
        if (input.constant == nullptr && input.producer >= 0) {
          plan_->nodes[input.producer].output_used[input.output] = true;
        }
      }
    }
    for (const PlanFetch& fetch : plan_->fetches) {
      if (fetch.constant == nullptr && fetch.producer >= 0) {
        plan_->nodes[fetch.producer].output_used[fetch.output] = true;
      }
    }
  }

  // Follows references from the ops that write through them back to the
  // variables.
  void FindWrittenReferences() {
    std::vector<bool> seen(plan_->nodes.size(), false);
    std::vector<int> pending;
    const auto follow = [&](const PlanNode& node) {
      for (const PlanInput& input : node.inputs) {
        if (input.wants_ref && input.producer >= 0 && !seen[input.producer]) {
          seen[input.producer] = true;
          pending.push_back(input.producer);
        }
      }
    };
    for (size_t i = 0; i < plan_->nodes.size(); ++i) {
      if (body_.ops[op_of_[i]].info->writes_variables) follow(plan_->nodes[i]);
    }
    while (!pending.empty()) {
      const PlanNode& node = plan_->nodes[pending.back()];
      pending.pop_back();
      const int slot = node.kernel->variable_slot();
      if (slot >= 0) plan_->written_by_reference.push_back(slot);
      follow(node);
    }
  }

  void CountBytes() {
    // A kernel, and what the executor keeps of a node beside the plan.
    constexpr int64_t kNodeBytes = 512;
    constexpr int64_t kEdgeBytes = 128;
    int64_t& bytes = plan_->bytes;
    for (const PlanNode& node : plan_->nodes) {
      bytes += kNodeBytes + static_cast<int64_t>(sizeof(node)) +
               static_cast<int64_t>(node.name.size());
      bytes += kEdgeBytes * static_cast<int64_t>(node.inputs.size() +
                                                 node.output_types.size());
    }
    // What no other plan, nor the variables, hold.
    for (const Op& op : body_.ops) {
      if (op.constant != nullptr && op.constant->OwnsBufferAlone()) {
        bytes += op.constant->size_bytes();
      }
    }
  }

  const Body& body_;
  const LowerEnvironment& env_;
  std::unique_ptr<Plan> plan_;
  // By op.
  std::vector<std::shared_ptr<const Kernel>> kernels_;
  std::vector<const Tensor*> constants_;
  std::vector<int> place_of_;  // in plan_->nodes; -1 for a constant
  std::vector<int> op_of_;     // by node
};

}  // namespace

absl::StatusOr<std::unique_ptr<Plan>> Lower(
    const Body& body, const LowerEnvironment& environment) {
  return Lowering(body, environment).Run();
}

}  // namespace metagraph
