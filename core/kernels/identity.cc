// Ops that hand on what they get, and ops that do nothing.

#include "core/op/input_names.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class Identity final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    for (int i = 0; i < ctx.num_outputs(); ++i) ctx.ForwardInput(i, i);
    return absl::OkStatus();
  }
};

class NoOp final : public Kernel {
 public:
  absl::Status Compute(KernelContext&) const override {
    return absl::OkStatus();
  }
};

class DeepCopy final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(Tensor copy, ctx.input(0).Clone());
    ctx.SetOutput(0, std::move(copy));
    return absl::OkStatus();
  }
};

class EnsureShape final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(shape_, construction.Attr<PartialShape>("shape"));
    ASSIGN_OR_RETURN(const auto inputs, construction.Attr<InputNames>(""));
    if (!inputs.names.empty()) tensor_name_ = inputs.names[0] + " ";
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const TensorShape& shape = ctx.input(0).shape();
    if (!shape_.IsCompatibleWith(shape)) {
      return InvalidArgument("Shape of tensor ", tensor_name_, shape.ToString(),
                             " is not compatible with expected shape ",
                             shape_.ToString(), ".");
    }
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  }

 private:
  PartialShape shape_;
  std::string tensor_name_;  // and a space
};

// The input, or what is fed in its place, which the attribute describes.
absl::Status DefaultRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.Attr<PartialShape>("shape"));
  if (MergeShapes(shape, ctx.input(0)).ok()) ctx.SetOutput(0, shape);
  return absl::OkStatus();
}

absl::Status EnsureShapeRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.Attr<PartialShape>("shape"));
  ASSIGN_OR_RETURN(shape, MergeShapes(ctx.input(0), shape));
  ctx.ForwardInput(0, 0);
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

void DescribeUnary(OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Shape(ForwardRule);
  op.Kernel<Identity>();
}

REGISTER_OP("Identity", DescribeUnary);
REGISTER_OP("Snapshot", DescribeUnary);
REGISTER_OP("StopGradient", DescribeUnary);
REGISTER_OP("PreventGradient", [](OpBuilder& op) {
  DescribeUnary(op);
  op.Attr("message: string = ''");
});
REGISTER_OP("PlaceholderWithDefault", [](OpBuilder& op) {
  op.Input("input: dtype").Output("output: dtype");
  op.Attr("dtype: type").Attr("shape: shape");
  op.Shape(DefaultRule);
  op.Kernel<Identity>();
});
REGISTER_OP("IdentityN", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: list(type)");
  op.Shape(ForwardAllRule);
  op.Kernel<Identity>();
});
REGISTER_OP("NoOp",
            [](OpBuilder& op) { op.Shape(UnknownRule).Kernel<NoOp>(); });
REGISTER_OP("ControlTrigger",
            [](OpBuilder& op) { op.Shape(UnknownRule).Kernel<NoOp>(); });
REGISTER_OP("DeepCopy", [](OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type").SetIsStateful();
  op.Shape(UnchangedRule);
  op.Kernel<DeepCopy>();
});
// The debugger's; what it should watch is not asked for here.
void DescribeCopy(OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Attr("tensor_name: string = ''");
  op.Attr("debug_ops_spec: list(string) = []");
  op.SetAllowsUninitializedInput();
  op.Shape(UnchangedRule);
  op.Kernel<DeepCopy>();
}
REGISTER_OP("Copy", DescribeCopy);
REGISTER_OP("CopyHost", DescribeCopy);
REGISTER_OP("GuaranteeConst", [](OpBuilder& op) {
  DescribeUnary(op);
  op.SetIsStateful();
});
REGISTER_OP("EnsureShape", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T");
  op.Attr("shape: shape").Attr("T: type");
  op.Shape(EnsureShapeRule);
  op.Kernel<EnsureShape>();
});

}  // namespace
}  // namespace metagraph
