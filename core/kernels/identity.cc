// Ops that hand on what they get, and ops that do nothing.

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"

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
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const TensorShape& shape = ctx.input(0).shape();
    if (!shape_.IsCompatibleWith(shape)) {
      return InvalidArgument("Shape of tensor ", shape.ToString(),
                             " is not compatible with expected shape ",
                             shape_.ToString(), ".");
    }
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  }

 private:
  PartialShape shape_;
};

// The same bytes as another dtype. A change of element size adds or takes the
// last dimension.
class Bitcast final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    to_ = construction.output_type(0);
    if (!IsPlainData(to_) || !IsPlainData(construction.input_type(0))) {
      return InvalidArgument("Cannot bitcast ",
                             DataTypeName(construction.input_type(0)), " to ",
                             DataTypeName(to_));
    }
    from_size_ = DataTypeSize(construction.input_type(0));
    to_size_ = DataTypeSize(to_);
    if (from_size_ % to_size_ != 0 && to_size_ % from_size_ != 0) {
      return InvalidArgument("cannot bitcast between sizes ", from_size_,
                             " and ", to_size_);
    }
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    TensorShape shape = input.shape();
    if (to_size_ > from_size_) {
      const int64_t ratio = to_size_ / from_size_;
      if (shape.rank() == 0 || shape.dim(shape.rank() - 1) != ratio) {
        return InvalidArgument(
            "Cannot bitcast from ", DataTypeName(input.dtype()), " to ",
            DataTypeName(to_), ": expected a last dimension of ", ratio,
            ", got shape ", shape.ToString());
      }
      shape.RemoveDim(shape.rank() - 1);
    } else if (to_size_ < from_size_) {
      absl::InlinedVector<int64_t, 8> dims(shape.dims().begin(),
                                           shape.dims().end());
      dims.push_back(from_size_ / to_size_);
      ASSIGN_OR_RETURN(shape, TensorShape::Build(dims));
    }
    ctx.SetOutput(0, input.BitcastTo(to_).Reshaped(shape));
    return absl::OkStatus();
  }

 private:
  DataType to_ = DT_INVALID;
  int64_t from_size_ = 0;
  int64_t to_size_ = 0;
};

void DescribeUnary(OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
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
  op.Kernel<Identity>();
});
REGISTER_OP("IdentityN", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: list(type)");
  op.Kernel<Identity>();
});
REGISTER_OP("NoOp", [](OpBuilder& op) { op.Kernel<NoOp>(); });
REGISTER_OP("ControlTrigger", [](OpBuilder& op) { op.Kernel<NoOp>(); });
REGISTER_OP("DeepCopy", [](OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type").SetIsStateful();
  op.Kernel<DeepCopy>();
});
REGISTER_OP("EnsureShape", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T");
  op.Attr("shape: shape").Attr("T: type");
  op.Kernel<EnsureShape>();
});
REGISTER_OP("Bitcast", [](OpBuilder& op) {
  op.Input("input: T").Output("output: type");
  op.Attr("T: type").Attr("type: type");
  op.Kernel<Bitcast>();
});

}  // namespace
}  // namespace metagraph
