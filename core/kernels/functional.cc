// Ops that call functions: PartitionedCall, If, Case, While, For, MapDefun.
// Each function is a Callable, compiled with the program; what it does happens
// on the caller's thread, within the caller's step.

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/kernels/elements.h"
#include "core/kernels/optional_attrs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// INVALID_ARGUMENT unless `function` takes inputs [first, …) of the node and
// gives its outputs.
absl::Status CheckArguments(const KernelConstruction& construction,
                            const Callable& function, int first) {
  const int inputs = construction.num_inputs() - first;
  const auto args = function.arg_types();
  if (static_cast<int>(args.size()) != inputs) {
    return InvalidArgument("the function takes ", args.size(),
                           " arguments, the node gives ", inputs);
  }
  for (int i = 0; i < inputs; ++i) {
    if (construction.input_type(first + i) != args[i]) {
      return InvalidArgument("argument ", i, " of the function is ",
                             DataTypeName(args[i]), ", the node gives ",
                             DataTypeName(construction.input_type(first + i)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckResults(const KernelConstruction& construction,
                          const Callable& function) {
  const auto results = function.result_types();
  if (static_cast<int>(results.size()) != construction.num_outputs()) {
    return InvalidArgument("the function returns ", results.size(),
                           " values. Expected: ", construction.num_outputs());
  }
  for (int i = 0; i < construction.num_outputs(); ++i) {
    if (construction.output_type(i) != results[i]) {
      return InvalidArgument("result ", i, " of the function is ",
                             DataTypeName(results[i]), ", the node gives ",
                             DataTypeName(construction.output_type(i)));
    }
  }
  return absl::OkStatus();
}

std::vector<Tensor> TakeInputs(KernelContext& ctx, int first) {
  std::vector<Tensor> values;
  values.reserve(ctx.num_inputs() - first);
  for (int i = first; i < ctx.num_inputs(); ++i) {
    values.push_back(ctx.TakeInput(i));
  }
  return values;
}

void SetOutputs(KernelContext& ctx, std::vector<Tensor> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    ctx.SetOutput(static_cast<int>(i), std::move(values[i]));
  }
}

absl::Status CallWith(KernelContext& ctx, const Callable& function,
                      int first_input) {
  std::vector<Tensor> values = TakeInputs(ctx, first_input);
  RETURN_IF_ERROR(function.Call(values, ctx.step()));
  SetOutputs(ctx, std::move(values));
  return absl::OkStatus();
}

using TruthTypes = Types<bool, std::string, float, double, int8_t, int16_t,
                         int32_t, int64_t, uint8_t, uint16_t>;

// What If and While take for true: a scalar that is not zero or empty; of other
// ranks, one that has elements.
absl::StatusOr<bool> IsTrue(const Tensor& tensor) {
  if (tensor.rank() > 0) return tensor.num_elements() > 0;
  bool is_true = false;
  const bool known =
      DispatchType(tensor.dtype(), TruthTypes(),
                   [&]<typename T>() { is_true = tensor.scalar<T>() != T(); });
  if (known) return is_true;
  return InvalidArgument(DataTypeName(tensor.dtype()),
                         " cannot be converted to a boolean");
}

// What is expanded into Switches must decide by a scalar.
struct Predicate {
  bool is_lowered = false;

  absl::Status Init(const KernelConstruction& construction) {
    return BindOptional(construction, "_lower_using_switch_merge", &is_lowered);
  }
  absl::StatusOr<bool> Read(const Tensor& tensor) const {
    if (is_lowered && tensor.dtype() == DT_BOOL && tensor.rank() != 0) {
      return InvalidArgument(
          "The second input must be a scalar, but it has shape ",
          tensor.shape().ToString());
    }
    return IsTrue(tensor);
  }
};

class Call final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(function_, construction.Function("f"));
    RETURN_IF_ERROR(CheckArguments(construction, *function_, 0));
    return CheckResults(construction, *function_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    return CallWith(ctx, *function_, 0);
  }

 private:
  const Callable* function_ = nullptr;
};

// All devices are this process.
class RemoteCall final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(function_, construction.Function("f"));
    RETURN_IF_ERROR(CheckArguments(construction, *function_, 1));
    return CheckResults(construction, *function_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    return CallWith(ctx, *function_, 1);
  }

 private:
  const Callable* function_ = nullptr;
};

class If final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(predicate_.Init(construction));
    ASSIGN_OR_RETURN(then_, construction.Function("then_branch"));
    ASSIGN_OR_RETURN(else_, construction.Function("else_branch"));
    for (const Callable* branch : {then_, else_}) {
      RETURN_IF_ERROR(CheckArguments(construction, *branch, 1));
      RETURN_IF_ERROR(CheckResults(construction, *branch));
    }
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const bool taken, predicate_.Read(ctx.input(0)));
    return CallWith(ctx, taken ? *then_ : *else_, 1);
  }

 private:
  Predicate predicate_;
  const Callable* then_ = nullptr;
  const Callable* else_ = nullptr;
};

class Case final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(branches_, construction.Functions("branches"));
    if (branches_.empty()) return InvalidArgument("Case without branches");
    for (const Callable* branch : branches_) {
      RETURN_IF_ERROR(CheckArguments(construction, *branch, 1));
      RETURN_IF_ERROR(CheckResults(construction, *branch));
    }
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& index = ctx.input(0);
    if (index.num_elements() != 1) {
      return InvalidArgument("branch_index must be scalar, got ",
                             index.Describe());
    }
    // Any index that is none means the last branch.
    const auto last = static_cast<int32_t>(branches_.size()) - 1;
    int32_t branch = index.scalar<int32_t>();
    if (branch < 0 || branch > last) branch = last;
    return CallWith(ctx, *branches_[branch], 1);
  }

 private:
  std::vector<const Callable*> branches_;
};

class While final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(predicate_.Init(construction));
    ASSIGN_OR_RETURN(cond_, construction.Function("cond"));
    ASSIGN_OR_RETURN(body_, construction.Function("body"));
    RETURN_IF_ERROR(CheckArguments(construction, *cond_, 0));
    RETURN_IF_ERROR(CheckArguments(construction, *body_, 0));
    if (cond_->result_types().size() != 1) {
      return InvalidArgument("The loop condition returns ",
                             cond_->result_types().size(),
                             " values. Expected: 1");
    }
    if (static_cast<int>(body_->result_types().size()) !=
        construction.num_outputs()) {
      return InvalidArgument(
          "While loop body returned ", body_->result_types().size(),
          " arguments. Expected: ", construction.num_outputs());
    }
    return CheckResults(construction, *body_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    std::vector<Tensor> values = TakeInputs(ctx, 0);
    std::vector<Tensor> condition;
    for (;;) {
      condition = values;
      RETURN_IF_ERROR(cond_->Call(condition, ctx.step()));
      ASSIGN_OR_RETURN(const bool goes_on, predicate_.Read(condition[0]));
      if (!goes_on) break;
      // The body may overwrite what the condition was given.
      condition.clear();
      RETURN_IF_ERROR(body_->Call(values, ctx.step()));
    }
    SetOutputs(ctx, std::move(values));
    return absl::OkStatus();
  }

 private:
  Predicate predicate_;
  const Callable* cond_ = nullptr;
  const Callable* body_ = nullptr;
};

// for (i = start; i < limit; i += delta) values = body(i, values).
class For final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(body_, construction.Function("body"));
    // The body's first argument is i in place of start, limit and delta.
    RETURN_IF_ERROR(CheckArguments(construction, *body_, 2));
    return CheckResults(construction, *body_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    for (int i = 0; i < 3; ++i) {
      if (ctx.input(i).rank() != 0) {
        return InvalidArgument("start, limit and delta must be scalars, got ",
                               ctx.input(i).Describe());
      }
    }
    const int64_t start = ctx.input(0).scalar<int32_t>();
    const int64_t limit = ctx.input(1).scalar<int32_t>();
    const int64_t delta = ctx.input(2).scalar<int32_t>();
    if ((delta > 0 && start > limit) || (delta < 0 && start < limit) ||
        (delta == 0 && start != limit)) {
      return InvalidArgument("Invalid start/limit/delta: ", start, " ", limit,
                             " ", delta);
    }
    std::vector<Tensor> values = TakeInputs(ctx, 3);
    for (int64_t i = start; delta > 0 ? i < limit : i > limit; i += delta) {
      values.insert(values.begin(),
                    Tensor::Scalar<int32_t>(static_cast<int32_t>(i)));
      RETURN_IF_ERROR(body_->Call(values, ctx.step()));
    }
    SetOutputs(ctx, std::move(values));
    return absl::OkStatus();
  }

 private:
  const Callable* body_ = nullptr;
};

// Calls the function once for each slice of its arguments along dimension 0,
// with the captured inputs as they are, and stacks what it returns.
class MapDefun final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(function_, construction.Function("f"));
    ASSIGN_OR_RETURN(const auto sliced,
                     construction.Attr<std::vector<DataType>>("Targuments"));
    ASSIGN_OR_RETURN(
        shapes_, construction.Attr<std::vector<PartialShape>>("output_shapes"));
    num_sliced_ = static_cast<int>(sliced.size());
    if (static_cast<int>(shapes_.size()) != construction.num_outputs()) {
      return InvalidArgument("output_shapes has ", shapes_.size(),
                             " shapes for ", construction.num_outputs(),
                             " outputs");
    }
    RETURN_IF_ERROR(CheckArguments(construction, *function_, 0));
    return CheckResults(construction, *function_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const int64_t count, Count(ctx));
    std::vector<Tensor> stacked(ctx.num_outputs());
    std::vector<Tensor> values;
    for (int64_t k = 0; k < count; ++k) {
      values.clear();
      for (int i = 0; i < ctx.num_inputs(); ++i) {
        if (i >= num_sliced_) {
          values.push_back(ctx.input(i));
          continue;
        }
        ASSIGN_OR_RETURN(Tensor slice, SliceOf(ctx.input(i), k));
        values.push_back(std::move(slice));
      }
      RETURN_IF_ERROR(function_->Call(values, ctx.step()));
      for (size_t i = 0; i < values.size(); ++i) {
        RETURN_IF_ERROR(
            Stack(ctx, values[i], k, count, static_cast<int>(i), &stacked[i]));
      }
    }
    for (int i = 0; i < ctx.num_outputs(); ++i) {
      if (count == 0) {
        RETURN_IF_ERROR(MakeEmpty(ctx, i, &stacked[i]));
      }
      ctx.SetOutput(i, std::move(stacked[i]));
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<int64_t> Count(KernelContext& ctx) const {
    if (num_sliced_ == 0) return InvalidArgument("MapDefun without arguments");
    for (int i = 0; i < num_sliced_; ++i) {
      const Tensor& input = ctx.input(i);
      if (input.rank() == 0) {
        return InvalidArgument(
            "All arguments must have at least rank 1, input ", i, " is ",
            input.Describe());
      }
      if (input.dim(0) != ctx.input(0).dim(0)) {
        return InvalidArgument("All inputs must have the same dimension 0.");
      }
    }
    return ctx.input(0).dim(0);
  }

  static absl::StatusOr<Tensor> SliceOf(const Tensor& tensor, int64_t k) {
    TensorShape shape;
    for (int i = 1; i < tensor.rank(); ++i) shape.AddDim(tensor.dim(i));
    ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(tensor.dtype(), shape));
    const int64_t elements = out.num_elements();
    ElementCopier(tensor.dtype())
        .Copy(tensor.raw_data(), k * elements, out.mutable_raw_data(), 0,
              elements);
    return out;
  }

  absl::Status Stack(KernelContext& ctx, const Tensor& value, int64_t k,
                     int64_t count, int output, Tensor* stacked) const {
    if (!shapes_[output].IsCompatibleWith(value.shape())) {
      return InvalidArgument("output ", output, " of call ", k, " is ",
                             value.Describe(), ", expected shape ",
                             shapes_[output].ToString());
    }
    if (k == 0) {
      std::vector<int64_t> dims = {count};
      for (int i = 0; i < value.rank(); ++i) dims.push_back(value.dim(i));
      ASSIGN_OR_RETURN(const TensorShape shape, TensorShape::Build(dims));
      ASSIGN_OR_RETURN(*stacked, ctx.AllocateTemp(value.dtype(), shape));
    }
    const int64_t elements = stacked->num_elements() / count;
    if (value.num_elements() != elements ||
        value.rank() != stacked->rank() - 1) {
      return InvalidArgument("output ", output, " of call ", k, " is ",
                             value.Describe(),
                             ", the first call gave another shape");
    }
    ElementCopier(value.dtype())
        .Copy(value.raw_data(), 0, stacked->mutable_raw_data(), k * elements,
              elements);
    return absl::OkStatus();
  }

  absl::Status MakeEmpty(KernelContext& ctx, int output, Tensor* out) const {
    std::vector<int64_t> dims = {0};
    const PartialShape& declared = shapes_[output];
    for (int i = 0; i < declared.rank(); ++i) {
      dims.push_back(std::max<int64_t>(declared.dim(i), 0));
    }
    ASSIGN_OR_RETURN(const TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(*out, ctx.AllocateTemp(ctx.output_type(output), shape));
    return absl::OkStatus();
  }

  const Callable* function_ = nullptr;
  std::vector<PartialShape> shapes_;
  int num_sliced_ = 0;
};

// Unknown sizes are 0.
absl::StatusOr<TensorShape> FakeShape(const PartialShape& shape) {
  if (!shape.known_rank()) return TensorShape();
  std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
  for (int64_t& dim : dims) dim = std::max<int64_t>(dim, 0);
  return TensorShape::Build(dims);
}

absl::Status FakeParamRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape shape, ctx.Attr<PartialShape>("shape"));
  ASSIGN_OR_RETURN(const TensorShape known, FakeShape(shape));
  ctx.SetOutput(0, PartialShape(known));
  return absl::OkStatus();
}

// Stands for a value that the branch which was taken does not make; nobody
// looks at it.
class FakeParam final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(const PartialShape shape,
                     construction.Attr<PartialShape>("shape"));
    ASSIGN_OR_RETURN(shape_, FakeShape(shape));
    return absl::OkStatus();
  }
  // In the run, since most runs take the branch that makes the value.
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape_));
    if (IsPlainData(out->dtype())) {
      std::memset(out->mutable_raw_data(), 0, out->size_bytes());
    }
    return absl::OkStatus();
  }

 private:
  TensorShape shape_;
};

// The only device is number 0 in whatever list.
class DeviceIndex final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(
        const auto names,
        construction.Attr<std::vector<std::string>>("device_names"));
    const auto cpu = std::find(names.begin(), names.end(), "CPU");
    index_ = static_cast<int32_t>(cpu - names.begin());
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, Tensor::Scalar<int32_t>(index_));
    return absl::OkStatus();
  }

 private:
  int32_t index_ = 0;
};

void DescribeCall(OpBuilder& op) {
  op.Input("args: Tin").Output("output: Tout");
  op.Attr("Tin: list(type) >= 0").Attr("Tout: list(type) >= 0");
  op.Attr("f: func").Shape(UnknownRule);
}

void DescribeIf(OpBuilder& op) {
  op.Input("cond: Tcond").Input("input: Tin").Output("output: Tout");
  op.Attr("Tcond: type").Attr("Tin: list(type) >= 0");
  op.Attr("Tout: list(type) >= 0");
  op.Attr("then_branch: func").Attr("else_branch: func");
  op.Attr("output_shapes: list(shape) = []");
  op.Shape(UnknownRule).Kernel<If>();
}

void DescribeCase(OpBuilder& op) {
  op.Input("branch_index: int32").Input("input: Tin").Output("output: Tout");
  op.Attr("Tin: list(type) >= 0").Attr("Tout: list(type) >= 0");
  op.Attr("branches: list(func) >= 1");
  op.Attr("output_shapes: list(shape) = []");
  op.Shape(UnknownRule).Kernel<Case>();
}

void DescribeWhile(OpBuilder& op) {
  op.Input("input: T").Output("output: T");
  op.Attr("T: list(type) >= 0").Attr("cond: func").Attr("body: func");
  op.Attr("output_shapes: list(shape) = []");
  op.Attr("parallel_iterations: int = 10");
  op.Shape(UnknownRule).Kernel<While>();
}

REGISTER_OP("PartitionedCall", [](OpBuilder& op) {
  DescribeCall(op);
  op.Kernel<Call>();
});
REGISTER_OP("StatefulPartitionedCall", [](OpBuilder& op) {
  DescribeCall(op);
  op.SetIsStateful().Kernel<Call>();
});
REGISTER_OP("RemoteCall", [](OpBuilder& op) {
  op.Input("target: string").Input("args: Tin").Output("output: Tout");
  op.Attr("Tin: list(type) >= 1").Attr("Tout: list(type) >= 1");
  op.Attr("f: func").Shape(UnknownRule);
  op.SetIsStateful().Kernel<RemoteCall>();
});
REGISTER_OP("If", [](OpBuilder& op) {
  DescribeIf(op);
  op.SetIsStateful();
});
REGISTER_OP("StatelessIf", DescribeIf);
REGISTER_OP("Case", [](OpBuilder& op) {
  DescribeCase(op);
  op.SetIsStateful();
});
REGISTER_OP("StatelessCase", DescribeCase);
REGISTER_OP("While", [](OpBuilder& op) {
  DescribeWhile(op);
  op.SetIsStateful();
});
REGISTER_OP("StatelessWhile", DescribeWhile);
REGISTER_OP("For", [](OpBuilder& op) {
  op.Input("start: int32").Input("limit: int32").Input("delta: int32");
  op.Input("input: T").Output("output: T");
  op.Attr("T: list(type) >= 0").Attr("body: func");
  op.Shape(UnknownRule).Kernel<For>();
});
REGISTER_OP("MapDefun", [](OpBuilder& op) {
  op.Input("arguments: Targuments").Input("captured_inputs: Tcaptured");
  op.Output("output: output_types");
  op.Attr("Targuments: list(type) >= 1");
  op.Attr("Tcaptured: list(type) >= 0 = []");
  op.Attr("output_types: list(type) >= 1");
  op.Attr("output_shapes: list(shape) >= 1").Attr("f: func");
  op.Attr("max_intra_op_parallelism: int = 1");
  op.Shape(UnknownRule).Kernel<MapDefun>();
});
REGISTER_OP("FakeParam", [](OpBuilder& op) {
  op.Output("output: dtype").Attr("dtype: type").Attr("shape: shape");
  op.Shape(FakeParamRule).Kernel<FakeParam>();
});
REGISTER_OP("DeviceIndex", [](OpBuilder& op) {
  op.Output("index: int32").Attr("device_names: list(string)");
  op.SetIsStateful().Shape(ScalarRule).Kernel<DeviceIndex>();
});

}  // namespace
}  // namespace metagraph
