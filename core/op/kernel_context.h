#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/call_context.h"
#include "core/base/status.h"
#include "core/base/thread_pool.h"
#include "core/op/kernel_construction.h"
#include "core/op/value.h"
#include "core/tensor/resource_handle.h"

namespace metagraph {

// What all kernels of one run share.
struct StepContext {
  SessionState* session = nullptr;       // never null
  VariableView* variables = nullptr;     // null if the plan touches none
  CallContext* call = nullptr;           // never null
  ThreadPool* compute_pool = nullptr;    // null: one thread only
  ResourceManager* resources = nullptr;  // of this step: TensorArrays, stacks
  // Makes names of step resources unique within the step.
  std::atomic<int64_t>* counter = nullptr;
  int call_depth = 0;  // of functions
};

// One input of a kernel as the executor prepared it.
struct KernelInput {
  // The tensor; nullptr for a ref input and for a dead one (Merge).
  const Tensor* tensor = nullptr;
  // Where it lives if this kernel is its last reader: its buffer may be
  // taken for an output. nullptr otherwise.
  const Value* last_use = nullptr;
  // The variable's slot, if the edge is a reference.
  int variable = -1;
};

// A kernel's view of one execution: inputs, outputs, memory, threads.
class KernelContext {
 public:
  // `inputs`, `outputs` and `output_types` outlive the context.
  KernelContext(const StepContext& step, absl::Span<const KernelInput> inputs,
                absl::Span<const DataType> output_types, Value* outputs)
      : step_(step),
        inputs_(inputs),
        output_types_(output_types),
        outputs_(outputs) {}
  KernelContext(const KernelContext&) = delete;
  KernelContext& operator=(const KernelContext&) = delete;

  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  int num_outputs() const { return static_cast<int>(output_types_.size()); }

  // REQUIRES: not a ref input, not dead.
  const Tensor& input(int i) const { return *inputs_[i].tensor; }
  // Input i, out of where it lives if this kernel is its last reader, so that
  // whoever gets it may take its buffer. The input is gone then.
  Tensor TakeInput(int i);
  bool has_input(int i) const {
    return inputs_[i].tensor != nullptr || inputs_[i].variable >= 0;
  }

  // Whether input i is a reference, and its variable's slot (-1: it is not).
  bool input_is_ref(int i) const { return inputs_[i].variable >= 0; }
  int input_variable(int i) const { return inputs_[i].variable; }
  // The variable that the resource handle in input i leads to.
  // INVALID_ARGUMENT if it is not a scalar handle of a variable;
  // FAILED_PRECONDITION if it names one that does not exist.
  absl::StatusOr<VariableInfo> InputVariableResource(int i) const;
  // The slot of the variable in input i, be it a reference or a resource.
  absl::StatusOr<int> VariableSlot(int i) const;
  // The resource of type T in the handle of input i.
  template <typename T>
  absl::StatusOr<std::shared_ptr<T>> InputResource(int i) const;

  DataType output_type(int i) const { return BaseType(output_types_[i]); }

  // A new tensor as output i, of the output's dtype, content undefined.
  absl::StatusOr<Tensor*> AllocateOutput(int i, const TensorShape& shape);
  // The buffer of one of `candidates` if nobody else needs it and element
  // size and count fit; else as AllocateOutput. The input can still be read:
  // output element k overwrites input element k.
  absl::StatusOr<Tensor*> ForwardOrAllocateOutput(
      std::initializer_list<int> candidates, int i, const TensorShape& shape);
  // A tensor made by the kernel (or an input, shared) as output i.
  void SetOutput(int i, Tensor tensor) {
    outputs_[i].SetTensor(std::move(tensor));
  }
  // A reference to a variable as output i.
  void SetOutputRef(int i, int variable) { outputs_[i].SetRef(variable); }
  // Input i, tensor or reference, as output o.
  void ForwardInput(int i, int o);

  absl::StatusOr<Tensor> AllocateTemp(DataType dtype,
                                      const TensorShape& shape) const {
    return Tensor::Allocate(dtype, shape);
  }

  // Splits [0, total) over the compute pool: fn(begin, end) on several
  // threads, the caller's included. `unit_cost` is the work of one unit in
  // nanoseconds, roughly; small totals stay on the caller's thread. Stops
  // early if the call is cancelled, and then returns its status.
  absl::Status ParallelFor(int64_t total, int64_t unit_cost,
                           absl::FunctionRef<void(int64_t, int64_t)> fn) const;

  // For kernels with a long loop of their own, to ask now and then.
  absl::Status CheckCancelled() const { return step_.call->Check(); }

  const StepContext& step() const { return step_; }
  // REQUIRES: the op touches variables, so the plan holds a view.
  VariableView& variables() const { return *step_.variables; }
  SessionState& session() const { return *step_.session; }

 private:
  const StepContext& step_;
  const absl::Span<const KernelInput> inputs_;
  const absl::Span<const DataType> output_types_;
  Value* const outputs_;
};

template <typename T>
absl::StatusOr<std::shared_ptr<T>> KernelContext::InputResource(int i) const {
  const Tensor& handle = input(i);
  if (handle.dtype() != DT_RESOURCE || handle.num_elements() != 1) {
    return InvalidArgument("input ", i, " is ", handle.Describe(),
                           ", expected a resource handle");
  }
  auto out =
      std::dynamic_pointer_cast<T>(handle.scalar<ResourceHandle>().resource);
  if (out == nullptr) {
    return InvalidArgument("input ", i, " is a handle of another resource: \"",
                           handle.scalar<ResourceHandle>().name, "\"");
  }
  return out;
}

}  // namespace metagraph
