// Bincount: how often each number occurs, or the sum of its weights.

#include <algorithm>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
class Bincount final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& numbers = ctx.input(0);
    const Tensor& size_tensor = ctx.input(1);
    const Tensor& weights = ctx.input(2);
    if (!size_tensor.shape().IsScalar()) {
      return InvalidArgument("Shape must be rank 0 but is rank ",
                             size_tensor.rank());
    }
    const int64_t size = size_tensor.scalar<int32_t>();
    if (size < 0) {
      return InvalidArgument("size (", size, ") must be non-negative");
    }
    const bool weighted = weights.num_elements() > 0;
    if (weighted && weights.num_elements() != numbers.num_elements()) {
      return InvalidArgument(
          "Input indices and weights must have the same size.");
    }
    const auto values = numbers.values<int32_t>();
    if (std::any_of(values.begin(), values.end(),
                    [](int32_t value) { return value < 0; })) {
      return InvalidArgument("Input arr must be non-negative!");
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {size}));
    T* bins = output->mutable_data<T>();
    std::fill_n(bins, size, T(0));
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i] >= size) continue;
      bins[values[i]] =
          Add(bins[values[i]], weighted ? weights.data<T>()[i] : T(1));
    }
    return absl::OkStatus();
  }
};

absl::Status BincountRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(1), 0).status());
  const std::optional<int64_t> size = ctx.Int(1);
  if (size.has_value() && *size < 0) {
    return InvalidArgument("size (", *size, ") must be non-negative");
  }
  ctx.SetOutput(0, PartialShape({size.value_or(kUnknownDim)}));
  return absl::OkStatus();
}

REGISTER_OP("Bincount", [](OpBuilder& op) {
  op.Input("arr: int32").Input("size: int32").Input("weights: T");
  op.Output("bins: T").Attr("T: type");
  op.Shape(BincountRule);
  op.KernelFor<Bincount, float, double, int32_t, int64_t>("T");
});

}  // namespace
}  // namespace metagraph
