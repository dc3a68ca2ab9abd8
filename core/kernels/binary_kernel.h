#pragma once

// Element-wise ops of two inputs.

#include <cstdint>

#include "core/kernels/broadcast.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// out = Fn(x, y), broadcast. Fn is stateless:
//   using In, Out;
//   static constexpr int64_t kCost;      // nanoseconds per element, roughly
//   static Out Apply(In x, In y);
//   static absl::Status Check(span x, span y);  // optional: values refused
template <typename Fn>
class BinaryKernel : public Kernel {
 public:
  using In = typename Fn::In;
  using Out = typename Fn::Out;

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    const Tensor& y = ctx.input(1);
    if (x.shape() == y.shape()) return Whole<1, 1>(ctx, x, y, x);
    if (y.num_elements() == 1 && y.rank() <= x.rank()) {
      return Whole<1, 0>(ctx, x, y, x);
    }
    if (x.num_elements() == 1 && x.rank() <= y.rank()) {
      return Whole<0, 1>(ctx, x, y, y);
    }
    return Rows(ctx, x, y);
  }

 private:
  static absl::Status Check(const Tensor& x, const Tensor& y) {
    if constexpr (requires { Fn::Check(x.values<In>(), y.values<In>()); }) {
      return Fn::Check(x.values<In>(), y.values<In>());
    }
    return absl::OkStatus();
  }

  // Strides are constants so that each loop is vectorised.
  template <int kXStride, int kYStride>
  static void Run(const In* x, const In* y, Out* out, int64_t n) {
    if constexpr (kXStride == 0) {
      const In value = x[0];
      for (int64_t i = 0; i < n; ++i) out[i] = Fn::Apply(value, y[i]);
    } else if constexpr (kYStride == 0) {
      const In value = y[0];
      for (int64_t i = 0; i < n; ++i) out[i] = Fn::Apply(x[i], value);
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = Fn::Apply(x[i], y[i]);
    }
  }

  // No broadcasting, or of a single element: the output is shaped as `like`.
  template <int kXStride, int kYStride>
  static absl::Status Whole(KernelContext& ctx, const Tensor& x,
                            const Tensor& y, const Tensor& like) {
    const int64_t n = like.num_elements();
    if (n > 0) RETURN_IF_ERROR(Check(x, y));
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0, 1}, 0, like.shape()));
    const In* x_data = x.data<In>();
    const In* y_data = y.data<In>();
    Out* out = output->mutable_data<Out>();
    if (n == 1) {
      out[0] = Fn::Apply(x_data[0], y_data[0]);
      return absl::OkStatus();
    }
    return ctx.ParallelFor(n, Fn::kCost, [=](int64_t begin, int64_t end) {
      Run<kXStride, kYStride>(x_data + begin * kXStride,
                              y_data + begin * kYStride, out + begin,
                              end - begin);
    });
  }

  static absl::Status Rows(KernelContext& ctx, const Tensor& x,
                           const Tensor& y) {
    const TensorShape* shapes[] = {&x.shape(), &y.shape()};
    ASSIGN_OR_RETURN(const Broadcast plan, Broadcast::Make(shapes));
    if (plan.shape().num_elements() > 0) RETURN_IF_ERROR(Check(x, y));
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0, 1}, 0, plan.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    const In* x_data = x.data<In>();
    const In* y_data = y.data<In>();
    Out* out = output->mutable_data<Out>();
    const int64_t n = plan.row_size();
    const auto run = plan.row_stride(0) == 0   ? &Run<0, 1>
                     : plan.row_stride(1) == 0 ? &Run<1, 0>
                                               : &Run<1, 1>;
    return ctx.ParallelFor(
        plan.rows(), n * Fn::kCost, [&](int64_t begin, int64_t end) {
          plan.ForEachRow(
              begin, end, [&](int64_t at, const Broadcast::Offsets& from) {
                run(x_data + from[0], y_data + from[1], out + at, n);
              });
        });
  }
};

// Binary<AddFn>::Kernel is the kernel template for OpBuilder::KernelFor.
template <template <typename> class Fn>
struct Binary {
  template <typename T>
  class Kernel final : public BinaryKernel<Fn<T>> {};
};

}  // namespace metagraph
