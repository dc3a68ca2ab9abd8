// Optionals: some tensors in one value, or none.

#include <utility>
#include <vector>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/optional_value.h"

namespace metagraph {
namespace {

void SetOptional(KernelContext& ctx, Variant value) {
  ctx.SetOutput(0, Tensor::Scalar<Variant>(std::move(value)));
}

absl::StatusOr<const OptionalValue*> InputOptional(const KernelContext& ctx,
                                                   absl::string_view op) {
  const Tensor& input = ctx.input(0);
  if (input.rank() != 0) {
    return InvalidArgument(
        "Input to ", op,
        " must be a scalar tensor containing an OptionalVariant object.");
  }
  const auto* optional = input.scalar<Variant>().As<OptionalValue>();
  if (optional == nullptr) {
    return InvalidArgument("Input to ", op,
                           " must be an OptionalVariant object.");
  }
  return optional;
}

class NoOptional final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    SetOptional(ctx, Variant::Make<OptionalValue>());
    return absl::OkStatus();
  }
};

class MakeOptional final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    std::vector<Tensor> components;
    components.reserve(ctx.num_inputs());
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      components.push_back(ctx.input(i));
    }
    SetOptional(ctx, Variant::Make<OptionalValue>(std::move(components)));
    return absl::OkStatus();
  }
};

class OptionalHasValue final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const OptionalValue* optional,
                     InputOptional(ctx, "OptionalHasValue"));
    ctx.SetOutput(0, Tensor::Scalar<bool>(optional->has_value()));
    return absl::OkStatus();
  }
};

class GetOptional final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("output_shapes", &shapes_));
    if (static_cast<int>(shapes_.size()) != construction.num_outputs()) {
      return InvalidArgument(
          "output_types and output_shapes must be same length, got:\n"
          "output_types: ",
          construction.num_outputs(), "\noutput_shapes: ", shapes_.size());
    }
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const OptionalValue* optional,
                     InputOptional(ctx, "OptionalGetValue"));
    if (!optional->has_value()) {
      return InvalidArgument("The given optional does not have a value.");
    }
    const auto components = optional->components();
    if (components.size() != shapes_.size()) {
      return InvalidArgument("The given optional has ", components.size(),
                             " components, expected ", shapes_.size());
    }
    for (size_t i = 0; i < components.size(); ++i) {
      const Tensor& component = components[i];
      const DataType wanted = ctx.output_type(static_cast<int>(i));
      if (component.dtype() != wanted) {
        return InvalidArgument(
            "The given optional does not match the expected type for "
            "component ",
            i, ". Expected: ", DataTypeName(wanted),
            ". Actual: ", DataTypeName(component.dtype()), ".");
      }
      if (!shapes_[i].IsCompatibleWith(component.shape())) {
        return InvalidArgument(
            "The given optional does not match the expected shape for "
            "component ",
            i, ". Expected: ", shapes_[i].ToString(),
            ". Actual: ", component.shape().ToString(), ".");
      }
      ctx.SetOutput(static_cast<int>(i), component);
    }
    return absl::OkStatus();
  }

 private:
  std::vector<PartialShape> shapes_;
};

absl::Status GetRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const auto shapes,
                   ctx.Attr<std::vector<PartialShape>>("output_shapes"));
  for (int i = 0; i < ctx.num_outputs(); ++i) {
    if (i < static_cast<int>(shapes.size())) ctx.SetOutput(i, shapes[i]);
  }
  return absl::OkStatus();
}

REGISTER_OP("OptionalNone", [](OpBuilder& op) {
  op.Output("optional: variant");
  op.Shape(ScalarRule);
  op.Kernel<NoOptional>();
});
REGISTER_OP("OptionalFromValue", [](OpBuilder& op) {
  op.Input("components: Toutput_types").Output("optional: variant");
  op.Attr("Toutput_types: list(type) >= 1");
  op.Shape(ScalarRule);
  op.Kernel<MakeOptional>();
});
REGISTER_OP("OptionalHasValue", [](OpBuilder& op) {
  op.Input("optional: variant").Output("has_value: bool");
  op.Shape(ScalarRule);
  op.Kernel<OptionalHasValue>();
});
REGISTER_OP("OptionalGetValue", [](OpBuilder& op) {
  op.Input("optional: variant").Output("components: output_types");
  op.Attr("output_types: list(type) >= 1");
  op.Attr("output_shapes: list(shape) >= 1");
  op.Shape(GetRule);
  op.Kernel<GetOptional>();
});

}  // namespace
}  // namespace metagraph
