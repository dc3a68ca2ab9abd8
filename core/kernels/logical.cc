// LogicalAnd, LogicalOr, LogicalNot.

#include "core/kernels/binary_kernel.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

struct AndFn {
  using In = bool;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(bool a, bool b) { return a & b; }
};

struct OrFn {
  using In = bool;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(bool a, bool b) { return a | b; }
};

class LogicalNot final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * y,
                     ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
    const bool* in = x.data<bool>();
    bool* out = y->mutable_data<bool>();
    return ctx.ParallelFor(x.num_elements(), 1,
                           [=](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i)
                               out[i] = !in[i];
                           });
  }
};

REGISTER_OP("LogicalAnd", [](OpBuilder& op) {
  op.Input("x: bool").Input("y: bool").Output("z: bool");
  op.Shape(BroadcastRule);
  op.Kernel<BinaryKernel<AndFn>>();
});

REGISTER_OP("LogicalOr", [](OpBuilder& op) {
  op.Input("x: bool").Input("y: bool").Output("z: bool");
  op.Shape(BroadcastRule);
  op.Kernel<BinaryKernel<OrFn>>();
});

REGISTER_OP("LogicalNot", [](OpBuilder& op) {
  op.Input("x: bool").Output("y: bool");
  op.Shape(UnchangedRule);
  op.Kernel<LogicalNot>();
});

}  // namespace
}  // namespace metagraph
