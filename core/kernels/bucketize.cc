// Bucketize: which of the intervals between sorted boundaries each value is in.

#include <algorithm>
#include <vector>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
class Bucketize final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("boundaries", &boundaries_));
    if (!std::is_sorted(boundaries_.begin(), boundaries_.end())) {
      return InvalidArgument("Expected sorted boundaries");
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    const T* in = input.data<T>();
    int32_t* out = output->mutable_data<int32_t>();
    return ctx.ParallelFor(
        input.num_elements(), 20, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            // As TensorFlow compares: an int32 becomes a float, as the
            // boundaries are.
            out[i] = static_cast<int32_t>(std::upper_bound(boundaries_.begin(),
                                                           boundaries_.end(),
                                                           in[i]) -
                                          boundaries_.begin());
          }
        });
  }

 private:
  std::vector<float> boundaries_;
};

REGISTER_OP("Bucketize", [](OpBuilder& op) {
  op.Input("input: T").Output("output: int32");
  op.Attr("T: type").Attr("boundaries: list(float)");
  op.Shape(UnchangedRule);
  op.KernelFor<Bucketize, int32_t, int64_t, float, double>("T");
});

}  // namespace
}  // namespace metagraph
