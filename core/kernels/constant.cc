// Values that a graph holds or is fed: Const, placeholders, Fill, ZerosLike.

#include <cstring>
#include <utility>

#include "core/base/error_details.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/variant_math.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class Const final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(value_, construction.Attr<Tensor>("value"));
    if (value_.dtype() != construction.output_type(0)) {
      return InvalidArgument("attr 'value' is ", value_.Describe(),
                             ", attr 'dtype' is ",
                             DataTypeName(construction.output_type(0)));
    }
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, value_);
    return absl::OkStatus();
  }
  const Tensor* constant() const override { return &value_; }

 private:
  Tensor value_;
};

// Runs only if nobody fed it.
class Placeholder final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(PartialShape shape,
                     construction.Attr<PartialShape>("shape"));
    message_ = absl::StrCat("You must feed a value for placeholder tensor '",
                            construction.node_name(), "' with dtype ",
                            DataTypeName(construction.output_type(0)));
    if (shape.rank() > 0) {
      absl::StrAppend(&message_, " and shape ", shape.ToString());
    }
    name_ = absl::StrCat(construction.node_name(), ":0");
    expected_ = absl::StrCat(DataTypeName(construction.output_type(0)), " ",
                             shape.ToString());
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext&) const override {
    return WithDetails(absl::InvalidArgumentError(message_),
                       {{"name", name_}, {"expected", expected_}});
  }

 private:
  std::string message_;
  std::string name_;
  std::string expected_;
};

class Fill final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& dims = ctx.input(0);
    const Tensor& value = ctx.input(1);
    if (dims.rank() > 1) {
      return InvalidArgument("dims must represent a vector, got shape ",
                             dims.shape().ToString());
    }
    if (value.num_elements() != 1 || value.rank() > 1) {
      return InvalidArgument("value must represent a scalar, got shape ",
                             value.shape().ToString());
    }
    ASSIGN_OR_RETURN(TensorShape shape, ReadShape(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    RETURN_IF_ERROR(ChargeStrings(value, shape.num_elements(), output));
    return FillTensor(ctx, value.raw_data(), output);
  }
};

class Empty final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(TensorShape shape, ReadShape(ctx.input(0)));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    // Zeros whatever `init` says: old memory may hold another caller's data.
    ZeroTensor(output);
    return absl::OkStatus();
  }
};

class ZerosLike final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * y,
                     ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
    ZeroTensor(y);
    return absl::OkStatus();
  }
};

// Zeros of what a list or an optional holds.
class ZerosLikeVariants final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    if (x.rank() != 0) {
      return InvalidArgument(
          "ZerosLike non-scalar Tensor with dtype=DT_VARIANT is not "
          "supported.");
    }
    ASSIGN_OR_RETURN(Variant zero, ZerosLikeVariant(ctx, x.scalar<Variant>()));
    ctx.SetOutput(0, Tensor::Scalar<Variant>(std::move(zero)));
    return absl::OkStatus();
  }
};

template <typename T>
class OnesLike final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * y,
                     ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
    const T one = T(1);
    return FillTensor(ctx, &one, y);
  }
};

absl::Status ConstRule(ShapeContext& ctx) {
  const tensorflow::AttrValue* attr = ctx.RawAttr("value");
  if (attr == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const TensorShape shape,
                   TensorShape::Build(attr->tensor().tensor_shape()));
  ctx.SetOutput(0, PartialShape(shape));
  // Large ones, weights say, are not decoded for this.
  if (shape.num_elements() > ShapeContext::kMaxInts ||
      !IsIntegerType(attr->tensor().dtype())) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Tensor value, ctx.Attr<Tensor>("value"));
  if (auto ints = IntsOf(value); ints.has_value()) {
    ctx.SetOutputInts(0, *std::move(ints));
  }
  return absl::OkStatus();
}

// What is fed may have any shape that fits; a graph of an older format says
// "scalar" where it knows nothing.
absl::Status PlaceholderRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.Attr<PartialShape>("shape"));
  if (shape.rank() != 0) ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

// `value` as often as the output has elements, where these are integers.
void FillInts(ShapeContext& ctx, const PartialShape& shape,
              std::optional<int64_t> value) {
  const int64_t count = ElementsOf(shape);
  const auto dtype = ctx.Attr<DataType>("T");
  if (!dtype.ok() || !IsIntegerType(*dtype)) return;
  if (!value.has_value() || count < 0 || count > ShapeContext::kMaxInts) {
    return;
  }
  ctx.SetOutputInts(0, KnownInts(count, *value));
}

absl::Status FillRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape, ctx.InputAsShape(0));
  ctx.SetOutput(0, shape);
  FillInts(ctx, shape, ctx.Int(1));
  return absl::OkStatus();
}

absl::Status ZerosLikeRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.input(0));
  FillInts(ctx, ctx.input(0), 0);
  return absl::OkStatus();
}

absl::Status OnesLikeRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.input(0));
  FillInts(ctx, ctx.input(0), 1);
  return absl::OkStatus();
}

REGISTER_OP("Const", [](OpBuilder& op) {
  op.Output("output: dtype").Attr("value: tensor").Attr("dtype: type");
  op.Shape(ConstRule);
  op.Kernel<Const>();
});
REGISTER_OP("Placeholder", [](OpBuilder& op) {
  op.Output("output: dtype").Attr("dtype: type").Attr("shape: shape = {}");
  op.Shape(PlaceholderRule);
  op.Kernel<Placeholder>();
});
REGISTER_OP("PlaceholderV2", [](OpBuilder& op) {
  op.Output("output: dtype").Attr("dtype: type").Attr("shape: shape");
  op.Shape(PlaceholderRule);
  op.Kernel<Placeholder>();
});
REGISTER_OP("Fill", [](OpBuilder& op) {
  op.Input("dims: index_type").Input("value: T").Output("output: T");
  op.Attr("T: type").Attr("index_type: type = DT_INT32");
  op.Shape(FillRule);
  op.Kernel<Fill>();
});
REGISTER_OP("Empty", [](OpBuilder& op) {
  op.Input("shape: int32").Output("output: dtype");
  op.Attr("dtype: type").Attr("init: bool = false").SetIsStateful();
  op.Shape(ShapeInputRule<0>);
  op.Kernel<Empty>();
});
REGISTER_OP("ZerosLike", [](OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type");
  op.Shape(ZerosLikeRule);
  op.KernelForEach<Always<ZerosLike>::For, PlainAndStringTypes>("T");
  op.KernelWhere<ZerosLikeVariants>({{"T", DT_VARIANT}});
});
REGISTER_OP("OnesLike", [](OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type");
  op.Shape(OnesLikeRule);
  op.KernelForEach<OnesLike, PlainTypes>("T");
});

}  // namespace
}  // namespace metagraph
