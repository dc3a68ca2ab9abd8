// Conditionals and loops. What makes them so is the executor: here a value
// only takes the right output.

#include <utility>

#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class Switch final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& pred = ctx.input(1);
    RETURN_IF_ERROR(RequireScalar(
        pred, "The second input must be a scalar, but it has shape "));
    // The other output stays unset: dead.
    ctx.ForwardInput(0, pred.scalar<bool>() ? 1 : 0);
    return absl::OkStatus();
  }
};

// The executor runs it with the one input that is alive.
class Merge final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    int live = -1;
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      if (!ctx.has_input(i)) continue;
      if (live >= 0) {
        return Internal("Merge can not have more than one valid input.");
      }
      live = i;
    }
    if (live < 0) return Internal("Merge ran without a valid input.");
    ctx.ForwardInput(live, 0);
    ASSIGN_OR_RETURN(Tensor * value_index, ctx.AllocateOutput(1, {}));
    *value_index->mutable_data<int32_t>() = live;
    return absl::OkStatus();
  }
};

// Enter, Exit, NextIteration: the executor moves the value between frames.
class Forward final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  }
};

class LoopCond final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    // Each turn of a loop passes here, so an endless one can be stopped.
    RETURN_IF_ERROR(ctx.CheckCancelled());
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  }
};

class RefSelect final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& index = ctx.input(0);
    RETURN_IF_ERROR(
        RequireScalar(index, "Index must be a scalar, but it has shape "));
    const int32_t value = index.scalar<int32_t>();
    if (value < 0 || value >= ctx.num_inputs() - 1) {
      return InvalidArgument("Index must be in the range [0, ",
                             ctx.num_inputs() - 1, ") but got ", value);
    }
    ctx.ForwardInput(value + 1, 0);
    return absl::OkStatus();
  }
};

absl::Status SwitchRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(1), 0).status());
  ctx.ForwardInput(0, 0);
  ctx.ForwardInput(0, 1);
  return absl::OkStatus();
}

// Any of the inputs first..: what all of them are.
PartialShape AnyInput(const ShapeContext& ctx, int first) {
  PartialShape shape = ctx.input(first);
  for (int i = first + 1; i < ctx.num_inputs(); ++i) {
    shape = CommonShape(shape, ctx.input(i));
  }
  return shape;
}

absl::Status MergeRule(ShapeContext& ctx) {
  ctx.SetOutput(0, AnyInput(ctx, 0));
  ctx.SetOutput(1, PartialShape({}));
  PartialShape handle = ctx.facts(0).handle_shape;
  for (int i = 1; i < ctx.num_inputs(); ++i) {
    handle = CommonShape(handle, ctx.facts(i).handle_shape);
  }
  ctx.SetOutputHandleShape(0, handle);
  return absl::OkStatus();
}

absl::Status RefSelectRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 0).status());
  ctx.SetOutput(0, AnyInput(ctx, 1));
  return absl::OkStatus();
}

REGISTER_OP("Switch", [](OpBuilder& op) {
  op.Input("data: T").Input("pred: bool");
  op.Output("output_false: T").Output("output_true: T").Attr("T: type");
  op.Shape(SwitchRule);
  op.Kernel<Switch>();
});
REGISTER_OP("RefSwitch", [](OpBuilder& op) {
  op.Input("data: Ref(T)").Input("pred: bool");
  op.Output("output_false: Ref(T)").Output("output_true: Ref(T)");
  op.Attr("T: type").SetAllowsUninitializedInput();
  op.Shape(SwitchRule);
  op.Kernel<Switch>();
});

REGISTER_OP("Merge", [](OpBuilder& op) {
  op.Input("inputs: N * T").Output("output: T").Output("value_index: int32");
  op.Attr("T: type").Attr("N: int >= 1");
  op.Shape(MergeRule);
  op.Kernel<Merge>();
});
REGISTER_OP("RefMerge", [](OpBuilder& op) {
  op.Input("inputs: Ref(N * T)").Output("output: Ref(T)");
  op.Output("value_index: int32").Attr("T: type").Attr("N: int >= 1");
  op.Shape(MergeRule);
  op.Kernel<Merge>();
});
REGISTER_OP("RefSelect", [](OpBuilder& op) {
  op.Input("index: int32").Input("inputs: Ref(N * T)");
  op.Output("output: Ref(T)").Attr("T: type").Attr("N: int >= 1");
  op.Shape(RefSelectRule);
  op.Kernel<RefSelect>();
});

// Which frame an Enter leads to is read by the executor.
void AddEnterAttrs(OpBuilder& op) {
  op.Attr("T: type").Attr("frame_name: string");
  op.Attr("is_constant: bool = false").Attr("parallel_iterations: int = 10");
}

REGISTER_OP("Enter", [](OpBuilder& op) {
  op.Input("data: T").Output("output: T");
  AddEnterAttrs(op);
  op.Shape(ForwardRule);
  op.Kernel<Forward>();
});
REGISTER_OP("RefEnter", [](OpBuilder& op) {
  op.Input("data: Ref(T)").Output("output: Ref(T)");
  AddEnterAttrs(op);
  op.Shape(ForwardRule);
  op.Kernel<Forward>();
});

REGISTER_OP("Exit", [](OpBuilder& op) {
  op.Input("data: T").Output("output: T").Attr("T: type");
  op.Shape(ForwardRule);
  op.Kernel<Forward>();
});
REGISTER_OP("RefExit", [](OpBuilder& op) {
  op.Input("data: Ref(T)").Output("output: Ref(T)").Attr("T: type");
  op.Shape(ForwardRule);
  op.Kernel<Forward>();
});

REGISTER_OP("NextIteration", [](OpBuilder& op) {
  op.Input("data: T").Output("output: T").Attr("T: type");
  op.Shape(ForwardRule);
  op.Kernel<Forward>();
});
REGISTER_OP("RefNextIteration", [](OpBuilder& op) {
  op.Input("data: Ref(T)").Output("output: Ref(T)").Attr("T: type");
  op.Shape(ForwardRule);
  op.Kernel<Forward>();
});

REGISTER_OP("LoopCond", [](OpBuilder& op) {
  op.Input("input: bool").Output("output: bool");
  op.Shape(ForwardRule);
  op.Kernel<LoopCond>();
});

}  // namespace
}  // namespace metagraph
