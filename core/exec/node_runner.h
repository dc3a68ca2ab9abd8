#pragma once

// What both executors do around a kernel.

#include "absl/status/status.h"
#include "core/op/kernel_context.h"
#include "core/plan/plan.h"

namespace metagraph {

// Turns the variable reference in `value` into what the consumer wants: the
// slot, or the variable's value, kept alive by `scratch`.
// FAILED_PRECONDITION if it is not initialised: but for a slot, if the op
// allows that.
inline absl::Status PrepareRef(const PlanNode& node, int i, const Value& value,
                               const StepContext& step, Tensor* scratch,
                               KernelInput* input);

// FAILED_PRECONDITION with TensorFlow's words. `name` is what the consumer
// calls its input.
absl::Status UninitializedError(absl::string_view name,
                                absl::string_view consumer);

// The error of a kernel with the node's name, or that of the member that is
// noted (core/op/member_error.h), as TensorFlow's clients know it.
absl::Status AddNodeName(absl::Status status, const PlanNode& node);

// INTERNAL: a kernel left an output unset that somebody reads.
absl::Status CheckOutputsSet(const PlanNode& node, const Value* outputs);

// Reads a fetched reference. FAILED_PRECONDITION if not initialised.
absl::Status FetchVariable(const PlanFetch& fetch, int variable,
                           const StepContext& step, Tensor* out);

// Whether the node made so much that it may have taken long: then the deadline
// is checked before the next node. A check costs more than a small kernel.
inline bool MadeMuch(const PlanNode& node, const Value* outputs) {
  constexpr int64_t kMuch = 1 << 14;
  for (size_t i = 0; i < node.output_types.size(); ++i) {
    const Tensor& tensor = outputs[i].tensor;
    // Strings and lists may be long themselves.
    if (tensor.num_elements() >= kMuch || tensor.dtype() == DT_STRING ||
        tensor.dtype() == DT_VARIANT) {
      return true;
    }
  }
  return false;
}

inline absl::Status PrepareRef(const PlanNode& node, int i, const Value& value,
                               const StepContext& step, Tensor* scratch,
                               KernelInput* input) {
  const PlanInput& planned = node.inputs[i];
  if (planned.wants_ref && value.kind != Value::Kind::kRef) {
    return absl::InvalidArgumentError(
        absl::StrCat(i, "-th input expects a ref type"));
  }
  if (planned.wants_ref && node.allows_uninitialized_input) {
    input->last_use = nullptr;
    input->tensor = nullptr;
    input->variable = value.variable;
    return absl::OkStatus();
  }
  const Tensor& tensor = step.variables->Read(value.variable, scratch);
  // Such an op knows what to do with the variable, not with a value.
  if (!tensor.initialized()) {
    return UninitializedError(node.input_names[i], "");
  }
  input->last_use = nullptr;
  if (planned.wants_ref) {
    // A share kept here would make the kernel copy before it writes.
    *scratch = Tensor();
    input->tensor = nullptr;
    input->variable = value.variable;
  } else {
    input->tensor = &tensor;
    input->variable = -1;
  }
  return absl::OkStatus();
}

}  // namespace metagraph
