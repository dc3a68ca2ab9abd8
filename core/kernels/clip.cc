// ClipByValue.

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// max(min(t, high), low); each limit a scalar or of t's shape. NaN stays.
template <typename T>
class ClipByValue final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& t = ctx.input(0);
    const Tensor& low = ctx.input(1);
    const Tensor& high = ctx.input(2);
    const auto fits = [&t](const Tensor& limit) {
      return limit.shape().IsScalar() || limit.shape() == t.shape();
    };
    if (!fits(low) || !fits(high)) {
      return InvalidArgument(
          "clip_value_min and clip_value_max must be either of the same shape "
          "as input, or a scalar. input shape: ",
          t.shape().ToString(),
          "clip_value_min shape: ", low.shape().ToString(),
          "clip_value_max shape: ", high.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0}, 0, t.shape()));
    const T* in = t.data<T>();
    T* out = output->mutable_data<T>();
    const T* min = low.data<T>();
    const T* max = high.data<T>();
    const int64_t min_step = low.shape().IsScalar() ? 0 : 1;
    const int64_t max_step = high.shape().IsScalar() ? 0 : 1;
    return ctx.ParallelFor(
        t.num_elements(), 1, [=](int64_t begin, int64_t end) {
          if (min_step == 0 && max_step == 0) {
            const T lowest = *min;
            const T highest = *max;
            for (int64_t i = begin; i < end; ++i) {
              out[i] = Clip(in[i], lowest, highest);
            }
            return;
          }
          for (int64_t i = begin; i < end; ++i) {
            out[i] = Clip(in[i], min[i * min_step], max[i * max_step]);
          }
        });
  }

  static T Clip(T x, T low, T high) {
    if constexpr (kIsComplex<T>) {  // each part by itself
      const auto clip = ClipByValue<typename T::value_type>::Clip;
      return T(clip(x.real(), low.real(), high.real()),
               clip(x.imag(), low.imag(), high.imag()));
    } else {
      const T below = high < x ? high : x;
      return below < low ? low : below;
    }
  }
};

REGISTER_OP("ClipByValue", [](OpBuilder& op) {
  op.Input("t: T").Input("clip_value_min: T").Input("clip_value_max: T");
  op.Output("output: T").Attr("T: type");
  op.Shape(UnchangedRule);
  op.KernelForEach<ClipByValue, NumberTypes>("T");
});

}  // namespace
}  // namespace metagraph
