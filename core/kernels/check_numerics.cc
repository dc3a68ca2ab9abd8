// CheckNumerics: its input, or an error if a number is NaN or infinite.

#include <atomic>
#include <cmath>
#include <string>

#include "core/base/status.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
class CheckNumerics final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("message", &message_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    const T* in = tensor.data<T>();
    std::atomic<bool> has_nan = false;
    std::atomic<bool> has_inf = false;
    RETURN_IF_ERROR(ctx.ParallelFor(
        tensor.num_elements(), 1, [&](int64_t begin, int64_t end) {
          // x - x is 0 unless x is NaN or infinite: one quick loop for the
          // normal case.
          bool all_finite = true;
          for (int64_t i = begin; i < end; ++i) {
            all_finite &= (in[i] - in[i] == T(0));
          }
          if (all_finite) return;
          for (int64_t i = begin; i < end; ++i) {
            if (in[i] != in[i]) {
              has_nan.store(true, std::memory_order_relaxed);
            } else if (in[i] - in[i] != T(0)) {
              has_inf.store(true, std::memory_order_relaxed);
            }
          }
        }));
    if (has_nan || has_inf) {
      const char* what = !has_inf ? "NaN" : !has_nan ? "Inf" : "Inf and NaN";
      return InvalidArgument(message_, " : Tensor had ", what, " values");
    }
    ctx.SetOutput(0, tensor);
    return absl::OkStatus();
  }

 private:
  std::string message_;
};

REGISTER_OP("CheckNumerics", [](OpBuilder& op) {
  op.Input("tensor: T").Output("output: T");
  op.Attr("T: type").Attr("message: string").SetIsStateful();
  op.Shape(ForwardRule);
  op.KernelForEach<CheckNumerics, FloatTypes>("T");
});

}  // namespace
}  // namespace metagraph
