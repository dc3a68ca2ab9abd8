// Variables: reference ones (VariableV2, Assign, …) and resource ones
// (VarHandleOp, AssignVariableOp, …). Both live in the session's store.

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "core/kernels/arithmetic.h"
#include "core/kernels/variable_access.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Finds, or makes, the variable that a VariableV2 or VarHandleOp names.
absl::StatusOr<VariableInfo> FindVariable(KernelConstruction& construction) {
  ASSIGN_OR_RETURN(auto container, construction.Attr<std::string>("container"));
  ASSIGN_OR_RETURN(auto name, construction.Attr<std::string>("shared_name"));
  ASSIGN_OR_RETURN(auto dtype, construction.Attr<DataType>("dtype"));
  ASSIGN_OR_RETURN(auto shape, construction.Attr<PartialShape>("shape"));
  if (name.empty()) name = construction.node_name();
  return construction.state().variables.FindOrCreate(container, name, dtype,
                                                     shape);
}

class RefVariable final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(VariableInfo info, FindVariable(construction));
    slot_ = info.slot;
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutputRef(0, slot_);
    return absl::OkStatus();
  }
  int variable_slot() const override { return slot_; }

 private:
  int slot_ = -1;
};

class VarHandle final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(VariableInfo info, FindVariable(construction));
    ResourceHandle handle;
    handle.container = info.container.empty() ? "localhost" : info.container;
    handle.name = info.name;
    handle.type_name = "N10tensorflow3VarE";
    handle.resource = std::make_shared<VariableResource>(std::move(info));
    handle_ = Tensor::Scalar(std::move(handle));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, handle_);
    return absl::OkStatus();
  }
  const Tensor* constant() const override { return &handle_; }

 private:
  Tensor handle_;
};

// TensorFlow's words for the resource variable in input 0, which has no value.
absl::Status CouldNotFind(const KernelContext& ctx) {
  return FailedPrecondition(
      "Could not find variable ", ctx.input(0).scalar<ResourceHandle>().name,
      ". This could mean that the variable has been deleted. In TF1, it can "
      "also mean the variable is uninitialized. Debug info: "
      "container=localhost, status error message=",
      MissingVariableText(ctx, 0));
}

class ReadVariable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    Tensor scratch;
    const Tensor& value = ctx.variables().Read(slot, &scratch);
    if (!value.initialized()) return CouldNotFind(ctx);
    if (value.dtype() != ctx.output_type(0)) {
      return InvalidArgument(
          "Trying to read variable with wrong dtype. "
          "Expected ",
          DataTypeName(ctx.output_type(0)), " got ",
          DataTypeName(value.dtype()));
    }
    ctx.SetOutput(0, value);
    return absl::OkStatus();
  }
};

// IsVariableInitialized and VarIsInitializedOp.
class IsInitialized final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    Tensor scratch;
    const bool answer = ctx.variables().Read(slot, &scratch).initialized();
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {}));
    *output->mutable_data<bool>() = answer;
    return absl::OkStatus();
  }
};

class VariableShape final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    Tensor scratch;
    const Tensor& value = ctx.variables().Read(slot, &scratch);
    RETURN_IF_ERROR(CheckInitialized(ctx, 0, value));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {value.rank()}));
    for (int i = 0; i < value.rank(); ++i) {
      if (output->dtype() == DT_INT64) {
        output->mutable_data<int64_t>()[i] = value.dim(i);
      } else if (value.dim(i) > std::numeric_limits<int32_t>::max()) {
        return InvalidArgument("variable of shape ", value.shape().ToString(),
                               " has a dimension that does not fit int32");
      } else {
        output->mutable_data<int32_t>()[i] = static_cast<int32_t>(value.dim(i));
      }
    }
    return absl::OkStatus();
  }
};

// The variable gets the value's buffer, or a copy if others hold it too: one
// of them may be a variable that is written in place.
absl::Status Take(const Tensor& value, LiveVariable& variable) {
  if (value.OwnsBufferAlone()) {
    variable.Set(value);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Tensor copy, value.Clone());
  variable.Set(std::move(copy));
  return absl::OkStatus();
}

class Assign final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("validate_shape", &validate_shape_);
  }

  // The value is copied where tensors read before have to see it.
  absl::Status Compute(KernelContext& ctx) const override {
    if (!ctx.has_input(1) || !ctx.input(1).initialized()) {
      return Internal("Right hand side of AssignOp is not initialized");
    }
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    const Tensor& value = ctx.input(1);
    const auto update = [&](LiveVariable& variable) -> absl::Status {
      const Tensor& old = variable.value();
      if (validate_shape_) {
        RETURN_IF_ERROR(CheckShape(ctx, slot, old, value));
      }
      if (variable.in_place() && old.num_elements() == value.num_elements()) {
        ASSIGN_OR_RETURN(Tensor * target, variable.MakeWritable());
        if (value.size_bytes() > 0) {
          std::memmove(target->mutable_raw_data(), value.raw_data(),
                       value.size_bytes());
        }
        *target = std::move(*target).Reshaped(value.shape());
        return absl::OkStatus();
      }
      return Take(value, variable);
    };
    RETURN_IF_ERROR(ctx.variables().Update(slot, update));
    ReturnRef(ctx);
    return absl::OkStatus();
  }

 private:
  // An uninitialised variable has the shape that its op declares.
  static absl::Status CheckShape(KernelContext& ctx, int slot,
                                 const Tensor& variable, const Tensor& value) {
    const PartialShape shape = variable.initialized()
                                   ? PartialShape(variable.shape())
                                   : ctx.session().variables.Get(slot).shape;
    if (shape.IsFullyDefined() && !shape.IsCompatibleWith(value.shape())) {
      return InvalidArgument(
          "Assign requires shapes of both tensors to match. lhs shape= ",
          shape.ToString(), " rhs shape= ", value.shape().ToString());
    }
    return absl::OkStatus();
  }

  bool validate_shape_ = true;
};

class AssignVariable final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    // Newer graphs have it.
    if (construction.HasAttr("validate_shape")) {
      ASSIGN_OR_RETURN(validate_shape_,
                       construction.Attr<bool>("validate_shape"));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(VariableInfo info, ctx.InputVariableResource(0));
    const Tensor& value = ctx.input(1);
    if (info.dtype != value.dtype()) {
      return InvalidArgument(
          "Trying to assign variable with wrong dtype. "
          "Expected ",
          DataTypeName(info.dtype), " got ", DataTypeName(value.dtype()));
    }
    return ctx.variables().Update(
        info.slot, [&](LiveVariable& variable) -> absl::Status {
          const Tensor& old = variable.value();
          if (validate_shape_ && old.initialized() &&
              !(old.shape() == value.shape())) {
            return InvalidArgument(
                "Trying to assign to variable with tensor with wrong shape. "
                "Expected ",
                old.shape().ToString(), " got ", value.shape().ToString());
          }
          return Take(value, variable);
        });
  }

 private:
  bool validate_shape_ = false;
};

// AssignAdd, AssignSub and their twins on resources.
template <typename T, T (*kCombine)(T, T)>
class AssignUpdate final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    const Tensor& value = ctx.input(1);
    const auto update = [&](LiveVariable& variable) -> absl::Status {
      RETURN_IF_ERROR(CheckInitialized(ctx, 0, variable.value()));
      RETURN_IF_ERROR(CheckSame(ctx, variable.value(), value));
      return Combine(ctx, variable, value);
    };
    RETURN_IF_ERROR(ctx.variables().Update(slot, update));
    ReturnRef(ctx);
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckSame(KernelContext& ctx, const Tensor& variable,
                                const Tensor& value) {
    if (variable.dtype() != value.dtype()) {
      return InvalidArgument(
          "Trying to update variable with wrong dtype. "
          "Expected ",
          DataTypeName(variable.dtype()), " got ", DataTypeName(value.dtype()));
    }
    if (variable.shape() == value.shape()) return absl::OkStatus();
    if (ctx.input_is_ref(0)) {
      return InvalidArgument("Parameters and update must be the same size");
    }
    return InvalidArgument("Cannot update variable with shape ",
                           variable.shape().ToString(),
                           " using a Tensor with shape ",
                           value.shape().ToString(), ", shapes must be equal.");
  }

  // In place, or into a new buffer if somebody holds the old one.
  static absl::Status Combine(KernelContext& ctx, LiveVariable& variable,
                              const Tensor& value) {
    RETURN_IF_ERROR(ctx.CheckCancelled());
    const Tensor& old = variable.value();
    Tensor fresh;
    T* out;
    if (variable.writable()) {
      ASSIGN_OR_RETURN(Tensor * target, variable.MakeWritable());
      out = target->mutable_data<T>();
    } else {
      ASSIGN_OR_RETURN(fresh, ctx.AllocateTemp(old.dtype(), old.shape()));
      out = fresh.mutable_data<T>();
    }
    const T* a = old.data<T>();
    const T* b = value.data<T>();
    UninterruptedFor(ctx, value.num_elements(), 16384,
                     [=](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i)
                         out[i] = kCombine(a[i], b[i]);
                     });
    if (fresh.initialized()) variable.Set(std::move(fresh));
    return absl::OkStatus();
  }
};
template <typename T>
using AssignAdd = AssignUpdate<T, Add<T>>;
template <typename T>
using AssignSub = AssignUpdate<T, Subtract<T>>;

template <typename T>
class CountUpTo final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("limit", &limit_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    Tensor before;
    const auto update = [&](LiveVariable& variable) -> absl::Status {
      RETURN_IF_ERROR(CheckInitialized(ctx, 0, variable.value()));
      if (variable.value().dtype() != kDataType<T> ||
          variable.value().rank() != 0) {
        return InvalidArgument("input is not a scalar: ",
                               variable.value().shape().ToString());
      }
      const T value = variable.value().scalar<T>();
      if (value >= limit_) return OutOfRange("Reached limit of ", limit_);
      before = Tensor::Scalar<T>(value);
      ASSIGN_OR_RETURN(Tensor * target, variable.MakeWritable());
      target->mutable_data<T>()[0] = value + 1;
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(ctx.variables().Update(slot, update));
    ctx.SetOutput(0, std::move(before));
    return absl::OkStatus();
  }

 private:
  int64_t limit_ = 0;
};

class ForwardRef final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  }
};

class DestroyResource final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("ignore_lookup_error", &ignore_lookup_error_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const absl::Status status = Destroy(ctx);
    return ignore_lookup_error_ && absl::IsNotFound(status) ? absl::OkStatus()
                                                            : status;
  }

 private:
  static absl::Status Destroy(KernelContext& ctx) {
    const Tensor& input = ctx.input(0);
    if (input.num_elements() != 1) {
      return InvalidArgument("input 0 is ", input.Describe(),
                             ", expected a resource handle");
    }
    const auto& handle = input.scalar<ResourceHandle>();
    const bool is_variable =
        dynamic_cast<VariableResource*>(handle.resource.get()) != nullptr ||
        ctx.session().variables.Find(handle.container, handle.name).ok();
    if (!is_variable) {
      return ctx.session().resources.Remove(handle.container, handle.name);
    }
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    return ctx.variables().Update(
        slot, [&](LiveVariable& variable) -> absl::Status {
          RETURN_IF_ERROR(CheckInitialized(ctx, 0, variable.value()));
          variable.Set(Tensor());
          return absl::OkStatus();
        });
  }

  bool ignore_lookup_error_ = true;
};

absl::Status VariableRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.Attr<PartialShape>("shape"));
  // The first version says "scalar" where it knows nothing.
  if (ctx.op() == "Variable" && shape.rank() == 0) return absl::OkStatus();
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status VarHandleRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.Attr<PartialShape>("shape"));
  ctx.SetOutput(0, PartialShape({}));
  ctx.SetOutputHandleShape(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status ReadVariableRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.facts(0).handle_shape);
  return absl::OkStatus();
}

absl::Status VariableShapeRule(ShapeContext& ctx) {
  const PartialShape& shape = ctx.facts(0).handle_shape;
  ctx.SetOutput(0, PartialShape({shape.rank()}));
  if (!shape.known_rank()) return absl::OkStatus();
  KnownInts ints;
  for (const int64_t size : shape.dims()) {
    ints.push_back(size < 0 ? kUnknownInt : size);
  }
  ctx.SetOutputInts(0, std::move(ints));
  return absl::OkStatus();
}

// Reads share buffers here and never copy: there is nothing to turn off.
class DisableCopyOnRead final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
    Tensor scratch;
    const Tensor& value = ctx.variables().Read(slot, &scratch);
    return value.initialized() ? absl::OkStatus() : CouldNotFind(ctx);
  }
};

void DescribeRefVariable(OpBuilder& op) {
  op.Output("ref: Ref(dtype)").Attr("shape: shape").Attr("dtype: type");
  op.Attr("container: string = ''").Attr("shared_name: string = ''");
  op.SetIsStateful().SetReadsVariables().SetDeclaresVariable();
  op.Shape(VariableRule);
  op.Kernel<RefVariable>();
}
REGISTER_OP("VariableV2", DescribeRefVariable);
REGISTER_OP("Variable", DescribeRefVariable);

REGISTER_OP("VarHandleOp", [](OpBuilder& op) {
  op.Output("resource: resource");
  op.Attr("container: string = ''").Attr("shared_name: string = ''");
  op.Attr("dtype: type").Attr("shape: shape");
  op.SetIsStateful().SetDeclaresVariable();
  op.Shape(VarHandleRule);
  op.Kernel<VarHandle>();
});

REGISTER_OP("ReadVariableOp", [](OpBuilder& op) {
  op.Input("resource: resource").Output("value: dtype").Attr("dtype: type");
  op.SetIsStateful().SetReadsVariables();
  op.Shape(ReadVariableRule);
  op.Kernel<ReadVariable>();
});

REGISTER_OP("IsVariableInitialized", [](OpBuilder& op) {
  op.Input("ref: Ref(dtype)").Output("is_initialized: bool");
  op.Attr("dtype: type");
  op.SetAllowsUninitializedInput().SetReadsVariables();
  op.Shape(ScalarRule);
  op.Kernel<IsInitialized>();
});
REGISTER_OP("VarIsInitializedOp", [](OpBuilder& op) {
  op.Input("resource: resource").Output("is_initialized: bool");
  op.SetIsStateful().SetReadsVariables();
  op.Shape(ScalarRule);
  op.Kernel<IsInitialized>();
});

REGISTER_OP("VariableShape", [](OpBuilder& op) {
  op.Input("input: resource").Output("output: out_type");
  op.Attr("out_type: type = DT_INT32");
  op.SetIsStateful().SetReadsVariables();
  op.Shape(VariableShapeRule);
  op.KernelWhere<VariableShape>({{"out_type", DT_INT32}});
  op.KernelWhere<VariableShape>({{"out_type", DT_INT64}});
});

REGISTER_OP("Assign", [](OpBuilder& op) {
  op.Input("ref: Ref(T)").Input("value: T").Output("output_ref: Ref(T)");
  op.Attr("T: type").Attr("validate_shape: bool = true");
  op.Attr("use_locking: bool = true");
  op.SetAllowsUninitializedInput().SetWritesVariables();
  op.Shape(SameAsRule<1>);
  op.Kernel<Assign>();
});
REGISTER_OP("AssignVariableOp", [](OpBuilder& op) {
  op.Input("resource: resource").Input("value: dtype").Attr("dtype: type");
  op.SetIsStateful().SetWritesVariables();
  op.Shape(UnknownRule);
  op.Kernel<AssignVariable>();
});

template <template <typename> class K>
void AddNumberKernels(OpBuilder& op, absl::string_view attr) {
  op.KernelForEach<K, NumberTypes>(attr);
}
void DescribeRefUpdate(OpBuilder& op) {
  op.Input("ref: Ref(T)").Input("value: T").Output("output_ref: Ref(T)");
  op.Attr("T: type").Attr("use_locking: bool = false").SetWritesVariables();
  op.Shape(UnchangedRule);
}
void DescribeResourceUpdate(OpBuilder& op) {
  op.Input("resource: resource").Input("value: dtype").Attr("dtype: type");
  op.SetIsStateful().SetWritesVariables();
  op.Shape(UnknownRule);
}
REGISTER_OP("AssignAdd", [](OpBuilder& op) {
  DescribeRefUpdate(op);
  AddNumberKernels<AssignAdd>(op, "T");
});
REGISTER_OP("AssignSub", [](OpBuilder& op) {
  DescribeRefUpdate(op);
  AddNumberKernels<AssignSub>(op, "T");
});
REGISTER_OP("AssignAddVariableOp", [](OpBuilder& op) {
  DescribeResourceUpdate(op);
  AddNumberKernels<AssignAdd>(op, "dtype");
});
REGISTER_OP("AssignSubVariableOp", [](OpBuilder& op) {
  DescribeResourceUpdate(op);
  AddNumberKernels<AssignSub>(op, "dtype");
});

REGISTER_OP("CountUpTo", [](OpBuilder& op) {
  op.Input("ref: Ref(T)").Output("output: T");
  op.Attr("limit: int").Attr("T: type").SetWritesVariables();
  op.Shape(ScalarRule);
  op.KernelForEach<CountUpTo, IndexTypes>("T");
});
REGISTER_OP("ResourceCountUpTo", [](OpBuilder& op) {
  op.Input("resource: resource").Output("output: T");
  op.Attr("limit: int").Attr("T: type").SetIsStateful().SetWritesVariables();
  op.Shape(ScalarRule);
  op.KernelForEach<CountUpTo, IndexTypes>("T");
});

REGISTER_OP("RefIdentity", [](OpBuilder& op) {
  op.Input("input: Ref(T)").Output("output: Ref(T)").Attr("T: type");
  op.SetAllowsUninitializedInput();
  op.Shape(ForwardRule);
  op.Kernel<ForwardRef>();
});

REGISTER_OP("DisableCopyOnRead", [](OpBuilder& op) {
  op.Input("resource: resource").SetIsStateful().SetReadsVariables();
  op.Shape(UnknownRule);
  op.Kernel<DisableCopyOnRead>();
});

REGISTER_OP("DestroyResourceOp", [](OpBuilder& op) {
  op.Input("resource: resource").Attr("ignore_lookup_error: bool = true");
  op.SetIsStateful().SetWritesVariables();
  op.Shape(UnknownRule);
  op.Kernel<DestroyResource>();
});

}  // namespace
}  // namespace metagraph
