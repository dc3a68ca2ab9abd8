// Relu and its relatives.

#include <algorithm>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"

namespace metagraph {
namespace {

template <typename T>
class Relu final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& features = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor* activations, ctx.ForwardOrAllocateOutput(
                                              {0}, 0, features.shape()));
    const T* in = features.data<T>();
    T* out = activations->mutable_data<T>();
    return ctx.ParallelFor(features.num_elements(), 1,
                           [=](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               // NaN stays NaN, as in TensorFlow.
                               out[i] = in[i] < T(0) ? T(0) : in[i];
                             }
                           });
  }
};

REGISTER_OP("Relu", [](OpBuilder& op) {
  op.Input("features: T").Output("activations: T").Attr("T: type");
  op.KernelFor<Relu, float, double, half, bfloat16, int8_t, int16_t, int32_t,
               int64_t, uint8_t, uint16_t>("T");
});

}  // namespace
}  // namespace metagraph
