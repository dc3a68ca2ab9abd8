// Assert, Print and PrintV2.

#include "core/kernels/rank_checks.h"
#include "core/kernels/tensor_summary.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class Assert final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("summarize", &summarize_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& condition = ctx.input(0);
    RETURN_IF_ERROR(RequireScalar(condition, "In[0] should be a scalar: "));
    if (condition.scalar<bool>()) return absl::OkStatus();
    std::string message = "assertion failed:";
    for (int i = 1; i < ctx.num_inputs(); ++i) {
      if (message.size() >= kMaxSummary) {
        message += " ...";
        break;
      }
      absl::StrAppend(&message, " [", SummarizeTensor(ctx.input(i), summarize_),
                      "]");
    }
    return absl::InvalidArgumentError(message);
  }

 private:
  int64_t summarize_ = 3;
};

// A server has no terminal to print on: the tensor goes through.
class Print final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    if (ctx.num_outputs() > 0) {
      ctx.ForwardInput(0, 0);
    } else if (ctx.input(0).rank() != 0) {  // PrintV2
      return InvalidArgument("Input is expected to be scalar, but got ",
                             ctx.input(0).shape().ToString());
    }
    return absl::OkStatus();
  }
};

REGISTER_OP("Assert", [](OpBuilder& op) {
  op.Input("condition: bool").Input("data: T");
  op.Attr("T: list(type)").Attr("summarize: int = 3").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<Assert>();
});
REGISTER_OP("Print", [](OpBuilder& op) {
  op.Input("input: T").Input("data: U").Output("output: T");
  op.Attr("T: type").Attr("U: list(type)").Attr("message: string = ''");
  op.Attr("first_n: int = -1").Attr("summarize: int = 3").SetIsStateful();
  op.Shape(ForwardRule);
  op.Kernel<Print>();
});
REGISTER_OP("PrintV2", [](OpBuilder& op) {
  op.Input("input: string").Attr("output_stream: string = 'stderr'");
  op.SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<Print>();
});

}  // namespace
}  // namespace metagraph
