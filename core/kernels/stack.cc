// Stacks: what a loop pushes in each turn, its gradient pops in reverse. They
// live for one step. The newer spelling hands a resource around, the older one
// the key under which the step keeps the stack.

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "core/base/mutex.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/buffer.h"

namespace metagraph {
namespace {

constexpr char kContainer[] = "_stacks";

// Thread-safe.
class Stack final : public Resource {
 public:
  Stack(std::string name, DataType dtype, int64_t max_size)
      : name_(std::move(name)), dtype_(dtype), max_size_(max_size) {}
  ~Stack() override { Close(); }

  std::string DebugString() const override { return "Stack"; }
  const std::string& name() const { return name_; }

  absl::Status Push(const Tensor& tensor) EXCLUDES(mu_) {
    if (tensor.dtype() != dtype_) {
      return InvalidArgument("Must have type ", DataTypeName(dtype_),
                             " but got ", DataTypeName(tensor.dtype()));
    }
    MutexLock lock(mu_);
    RETURN_IF_ERROR(CheckOpen());
    if (max_size_ >= 0 && static_cast<int64_t>(tensors_.size()) >= max_size_) {
      return InvalidArgument("Stack[", name_, "] overflowed its max_size (",
                             max_size_, ")");
    }
    // Entries that share a buffer cost nothing but themselves, and a loop
    // pushes in each of its turns.
    if (!MemoryBudget::Process().Take(kEntryBytes)) {
      return ResourceExhausted("Stack[", name_, "]: no memory for ",
                               tensors_.size() + 1, " elements");
    }
    tensors_.push_back(tensor);
    return absl::OkStatus();
  }

  absl::StatusOr<Tensor> Pop() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    RETURN_IF_ERROR(CheckOpen());
    if (tensors_.empty()) {
      return InvalidArgument("Stack[", name_, "] is empty when calling Pop().");
    }
    Tensor top = std::move(tensors_.back());
    tensors_.pop_back();
    MemoryBudget::Process().Give(kEntryBytes);
    return top;
  }

  void Close() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    MemoryBudget::Process().Give(kEntryBytes *
                                 static_cast<int64_t>(tensors_.size()));
    tensors_ = std::deque<Tensor>();
    closed_ = true;
  }

 private:
  static constexpr int64_t kEntryBytes = sizeof(Tensor);

  absl::Status CheckOpen() const REQUIRES(mu_) {
    if (!closed_) return absl::OkStatus();
    return InvalidArgument("Stack[", name_, "] has already been closed.");
  }

  const std::string name_;
  const DataType dtype_;
  const int64_t max_size_;  // negative: none
  Mutex mu_;
  // Not a vector: that would take its room twice over while it grows.
  std::deque<Tensor> tensors_ GUARDED_BY(mu_);
  bool closed_ GUARDED_BY(mu_) = false;
};

absl::StatusOr<std::shared_ptr<Stack>> FindStack(const KernelContext& ctx) {
  const Tensor& handle = ctx.input(0);
  if (handle.dtype() == DT_RESOURCE) return ctx.InputResource<Stack>(0);
  if (handle.num_elements() != 2) {
    return InvalidArgument(
        "Stack handle must have two elements, but had "
        "shape: ",
        handle.shape().ToString());
  }
  const auto parts = handle.values<std::string>();
  return ctx.step().resources->Find<Stack>(parts[0], parts[1]);
}

class CreateStack final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(dtype_, construction.Attr<DataType>("elem_type"));
    ASSIGN_OR_RETURN(name_, construction.Attr<std::string>("stack_name"));
    if (name_.empty()) name_ = construction.node_name();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    int64_t max_size = -1;
    if (ctx.num_inputs() > 0) {
      if (ctx.input(0).rank() != 0) {
        return InvalidArgument("Stack size must be a scalar, but had shape: ",
                               ctx.input(0).shape().ToString());
      }
      max_size = ctx.input(0).scalar<int32_t>();
    }
    const auto stack = std::make_shared<Stack>(
        absl::StrCat(name_, "_", ctx.step().counter->fetch_add(1)), dtype_,
        max_size);
    if (ctx.output_type(0) == DT_RESOURCE) {
      ResourceHandle handle;
      handle.container = kContainer;
      handle.name = stack->name();
      handle.type_name = "N10tensorflow5StackE";
      handle.resource = stack;
      ctx.SetOutput(0, Tensor::Scalar(std::move(handle)));
      return absl::OkStatus();
    }
    const auto same = [&]() -> absl::StatusOr<std::shared_ptr<Stack>> {
      return stack;
    };
    RETURN_IF_ERROR(
        ctx.step()
            .resources->FindOrCreate<Stack>(kContainer, stack->name(), same)
            .status());
    const std::string parts[] = {kContainer, stack->name()};
    ctx.SetOutput(0, Tensor::Vector<std::string>(parts));
    return absl::OkStatus();
  }

 private:
  DataType dtype_ = DT_INVALID;
  std::string name_;
};

class PushStack final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<Stack> stack, FindStack(ctx));
    RETURN_IF_ERROR(stack->Push(ctx.input(1)));
    ctx.ForwardInput(1, 0);
    return absl::OkStatus();
  }
};

class PopStack final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<Stack> stack, FindStack(ctx));
    ASSIGN_OR_RETURN(Tensor top, stack->Pop());
    if (top.dtype() != ctx.output_type(0)) {
      return InvalidArgument("Stack[", stack->name(), "] holds ",
                             DataTypeName(top.dtype()), ", not ",
                             DataTypeName(ctx.output_type(0)));
    }
    ctx.SetOutput(0, std::move(top));
    return absl::OkStatus();
  }
};

class CloseStack final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<Stack> stack, FindStack(ctx));
    stack->Close();
    return absl::OkStatus();
  }
};

// The two words of an older handle.
absl::Status StackHandleRule(ShapeContext& ctx) {
  ctx.SetOutput(0, PartialShape({2}));
  return absl::OkStatus();
}

REGISTER_OP("StackV2", [](OpBuilder& op) {
  op.Input("max_size: int32").Output("handle: resource");
  op.Attr("elem_type: type").Attr("stack_name: string = ''").SetIsStateful();
  op.Shape(ScalarRule);
  op.Kernel<CreateStack>();
});
REGISTER_OP("StackPushV2", [](OpBuilder& op) {
  op.Input("handle: resource").Input("elem: T").Output("output: T");
  op.Attr("T: type").Attr("swap_memory: bool = false").SetIsStateful();
  op.Shape(SameAsRule<1>);
  op.Kernel<PushStack>();
});
REGISTER_OP("StackPopV2", [](OpBuilder& op) {
  op.Input("handle: resource").Output("elem: elem_type");
  op.Attr("elem_type: type").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<PopStack>();
});
REGISTER_OP("StackCloseV2", [](OpBuilder& op) {
  op.Input("handle: resource").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<CloseStack>();
});

// TensorFlow's older handles are references to strings that nothing writes:
// here they are strings.
REGISTER_OP("Stack", [](OpBuilder& op) {
  op.Output("handle: string");
  op.Attr("elem_type: type").Attr("stack_name: string = ''").SetIsStateful();
  op.Shape(StackHandleRule);
  op.Kernel<CreateStack>();
});
REGISTER_OP("StackPush", [](OpBuilder& op) {
  op.Input("handle: string").Input("elem: T").Output("output: T");
  op.Attr("T: type").Attr("swap_memory: bool = false");
  op.Shape(SameAsRule<1>);
  op.Kernel<PushStack>();
});
REGISTER_OP("StackPop", [](OpBuilder& op) {
  op.Input("handle: string").Output("elem: elem_type");
  op.Attr("elem_type: type");
  op.Shape(UnknownRule);
  op.Kernel<PopStack>();
});
REGISTER_OP("StackClose", [](OpBuilder& op) {
  op.Input("handle: string");
  op.Shape(UnknownRule);
  op.Kernel<CloseStack>();
});

}  // namespace
}  // namespace metagraph
