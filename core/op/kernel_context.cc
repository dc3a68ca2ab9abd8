#include "core/op/kernel_context.h"

#include <algorithm>
#include <atomic>

#include "core/base/mutex.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

// Work worth handing to another thread, in nanoseconds.
constexpr int64_t kMinBlockCost = 20'000;
// Work after which a thread asks whether the call is still wanted: shapes such
// as [2^40, 0] make long loops of nothing.
constexpr int64_t kMaxBlockCost = 50'000'000;

// The first error of blocks that run on several threads.
class BlockError {
 public:
  bool happened() const { return happened_.load(std::memory_order_relaxed); }
  void Set(const absl::Status& status) EXCLUDES(mu_) {
    if (status.ok()) return;
    MutexLock lock(mu_);
    status_.Update(status);
    happened_ = true;
  }
  absl::Status status() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return status_;
  }

 private:
  std::atomic<bool> happened_ = false;
  mutable Mutex mu_;
  absl::Status status_ GUARDED_BY(mu_);
};

}  // namespace

absl::StatusOr<VariableInfo> KernelContext::InputVariableResource(int i) const {
  const Tensor& handle = input(i);
  if (handle.dtype() != DT_RESOURCE || handle.num_elements() != 1) {
    return InvalidArgument("input ", i, " is ", handle.Describe(),
                           ", expected a resource handle");
  }
  const auto& element = handle.scalar<ResourceHandle>();
  const auto* variable =
      dynamic_cast<const VariableResource*>(element.resource.get());
  if (variable != nullptr) return variable->info();
  if (element.resource != nullptr) {
    return InvalidArgument("resource \"", element.name, "\" is no variable");
  }
  auto found = step_.session->variables.Find(element.container, element.name);
  if (!found.ok()) return FailedPrecondition(found.status().message());
  return found;
}

absl::StatusOr<int> KernelContext::VariableSlot(int i) const {
  if (input_is_ref(i)) return input_variable(i);
  // The usual case, without a copy of names and shape.
  const Tensor& handle = input(i);
  if (handle.dtype() == DT_RESOURCE && handle.num_elements() == 1) {
    const auto* variable = dynamic_cast<const VariableResource*>(
        handle.scalar<ResourceHandle>().resource.get());
    if (variable != nullptr) return variable->info().slot;
  }
  ASSIGN_OR_RETURN(VariableInfo info, InputVariableResource(i));
  return info.slot;
}

Tensor KernelContext::TakeInput(int i) {
  const KernelInput& input = inputs_[i];
  if (input.last_use == nullptr) return *input.tensor;
  // The slot is this kernel's alone until it returns.
  return std::move(const_cast<Value*>(input.last_use)->tensor);
}

absl::StatusOr<Tensor*> KernelContext::AllocateOutput(
    int i, const TensorShape& shape) {
  ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(output_type(i), shape));
  outputs_[i].SetTensor(std::move(tensor));
  return &outputs_[i].tensor;
}

absl::StatusOr<Tensor*> KernelContext::ForwardOrAllocateOutput(
    std::initializer_list<int> candidates, int i, const TensorShape& shape) {
  const DataType dtype = output_type(i);
  for (int candidate : candidates) {
    const Value* value = inputs_[candidate].last_use;
    if (value == nullptr) continue;
    const Tensor& tensor = value->tensor;
    if (tensor.num_elements() != shape.num_elements() ||
        !tensor.OwnsBufferAlone()) {
      continue;
    }
    if (tensor.dtype() != dtype &&
        (!IsPlainData(dtype) || !IsPlainData(tensor.dtype()) ||
         DataTypeSize(tensor.dtype()) != DataTypeSize(dtype))) {
      continue;
    }
    Value& output = outputs_[i];
    output.kind = Value::Kind::kTensor;
    output.tensor = tensor;
    if (tensor.dtype() != dtype) {
      output.tensor = output.tensor.BitcastTo(dtype);
    }
    if (!(tensor.shape() == shape)) {
      output.tensor = std::move(output.tensor).Reshaped(shape);
    }
    return &output.tensor;
  }
  return AllocateOutput(i, shape);
}

void KernelContext::ForwardInput(int i, int o) {
  if (input_is_ref(i)) {
    SetOutputRef(o, input_variable(i));
  } else {
    SetOutput(o, input(i));
  }
}

absl::Status KernelContext::ParallelFor(
    int64_t total, int64_t unit_cost,
    absl::FunctionRef<void(int64_t, int64_t)> fn) const {
  unit_cost = std::max<int64_t>(1, unit_cost);
  const int64_t min_block = std::max<int64_t>(1, kMinBlockCost / unit_cost);
  if (total <= min_block) {
    if (total > 0) fn(0, total);
    return absl::OkStatus();
  }
  CallContext& call = *step_.call;
  const int64_t max_block = std::max<int64_t>(1, kMaxBlockCost / unit_cost);
  // Nothing that is thrown may leave a thread, nor this function while others
  // still work.
  BlockError error;
  const auto run = [&](int64_t begin, int64_t end) {
    while (begin < end && call.Check().ok() && !error.happened()) {
      const int64_t next = begin + std::min(max_block, end - begin);
      error.Set(CatchOutOfMemory([&] {
        fn(begin, next);
        return absl::OkStatus();
      }));
      begin = next;
    }
  };
  if (step_.compute_pool == nullptr) {
    run(0, total);
  } else {
    step_.compute_pool->ParallelFor(total, min_block, run);
  }
  RETURN_IF_ERROR(call.Check());
  return error.status();
}

}  // namespace metagraph
