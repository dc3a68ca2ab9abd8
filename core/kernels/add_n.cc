// AddN and AccumulateNV2: the sum of tensors of one shape.

#include <algorithm>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/variant_math.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
class AddN final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    node_ = construction.node_name();
    op_ = construction.op();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const int count = ctx.num_inputs();
    const TensorShape& shape = ctx.input(0).shape();
    for (int i = 1; i < count; ++i) {
      if (ctx.input(i).shape() == shape) continue;
      return InvalidArgument(
          "Inputs to operation ", node_, " of type ", op_,
          " must have the same size and shape.  Input 0: ", shape.ToString(),
          " != input ", i, ": ", ctx.input(i).shape().ToString());
    }
    if (count == 1) {
      ctx.SetOutput(0, ctx.input(0));
      return absl::OkStatus();
    }
    // Only input 0 is overwritten: the others are still to be read.
    ASSIGN_OR_RETURN(Tensor * sum, ctx.ForwardOrAllocateOutput({0}, 0, shape));
    T* out = sum->mutable_data<T>();
    return ctx.ParallelFor(
        shape.num_elements(), count, [&](int64_t begin, int64_t end) {
          // Block by block, so that the sum stays in the first-level cache.
          for (int64_t at = begin; at < end; at += kBlock) {
            const int64_t n = std::min(kBlock, end - at);
            Sum2(ctx.input(0).data<T>() + at, ctx.input(1).data<T>() + at,
                 out + at, n);
            for (int i = 2; i < count; ++i) {
              Sum2(out + at, ctx.input(i).data<T>() + at, out + at, n);
            }
          }
        });
  }

 private:
  static constexpr int64_t kBlock = 2048;

  static void Sum2(const T* a, const T* b, T* out, int64_t n) {
    for (int64_t i = 0; i < n; ++i) out[i] = Add(a[i], b[i]);
  }

  std::string node_;
  std::string op_;
};

// The sum of lists or optionals.
class AddNVariants final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    if (ctx.num_inputs() == 1) {
      ctx.SetOutput(0, ctx.input(0));
      return absl::OkStatus();
    }
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      if (ctx.input(i).rank() == 0) continue;
      return InvalidArgument(
          "AddN of non-scalar Tensor with dtype=DT_VARIANT is not supported; "
          "inputs[",
          i, " has shape: ", ctx.input(i).shape().ToString(), ".");
    }
    Variant sum = ctx.input(0).scalar<Variant>();
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      ASSIGN_OR_RETURN(sum,
                       AddVariants(ctx, sum, ctx.input(i).scalar<Variant>()));
    }
    ctx.SetOutput(0, Tensor::Scalar<Variant>(std::move(sum)));
    return absl::OkStatus();
  }
};

REGISTER_OP("AddN", [](OpBuilder& op) {
  op.Input("inputs: N * T").Output("sum: T");
  op.Attr("N: int >= 1").Attr("T: type");
  op.Shape(MergedRule);
  op.KernelForEach<AddN, NumberTypes>("T");
  op.KernelWhere<AddNVariants>({{"T", DT_VARIANT}});
});

REGISTER_OP("AccumulateNV2", [](OpBuilder& op) {
  op.Input("inputs: N * T").Output("sum: T");
  op.Attr("N: int >= 1").Attr("T: type").Attr("shape: shape");
  op.Shape(MergedRule);
  op.KernelForEach<AddN, NumberTypes>("T");
});

}  // namespace
}  // namespace metagraph
