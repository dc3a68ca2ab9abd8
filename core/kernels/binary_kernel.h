#pragma once

// Element-wise ops of two inputs.

#include <cstdint>

#include "core/kernels/broadcast.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// What an op does with elements, their type erased: shapes, memory and threads
// are compiled once, only these loops once per op and dtype.
struct BinaryLoops {
  using Loop = void (*)(const void* x, const void* y, void* out, int64_t n);
  Loop both;      // out[i] from x[i], y[i]
  Loop x_single;  // out[i] from x[0], y[i]
  Loop y_single;  // out[i] from x[i], y[0]
  // Refuses values before anything is computed; may be null.
  absl::Status (*check)(const Tensor& x, const Tensor& y);
  int64_t in_size;   // of an element, in bytes
  int64_t out_size;  // the same
  int64_t cost;      // nanoseconds per element, roughly
};

// out = loops(x, y), broadcast. INVALID_ARGUMENT if the shapes do not fit.
absl::Status RunBinary(KernelContext& ctx, const BinaryLoops& loops);

// The kernel of Fn, which is stateless:
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
    return RunBinary(ctx, kLoops);
  }

 private:
  // Strides are constants so that each loop is vectorised.
  template <int kXStride, int kYStride>
  static void Run(const void* x_data, const void* y_data, void* out_data,
                  int64_t n) {
    const In* x = static_cast<const In*>(x_data);
    const In* y = static_cast<const In*>(y_data);
    Out* out = static_cast<Out*>(out_data);
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

  using CheckFn = absl::Status (*)(const Tensor&, const Tensor&);
  static constexpr CheckFn Check() {
    if constexpr (requires(const Tensor& t) {
                    Fn::Check(t.values<In>(), t.values<In>());
                  }) {
      return [](const Tensor& x, const Tensor& y) {
        return Fn::Check(x.values<In>(), y.values<In>());
      };
    } else {
      return nullptr;
    }
  }

 public:
  static constexpr BinaryLoops kLoops = {&Run<1, 1>, &Run<0, 1>, &Run<1, 0>,
                                         Check(),    sizeof(In), sizeof(Out),
                                         Fn::kCost};
};

// Binary<AddFn>::Kernel is the kernel template for OpBuilder::KernelFor.
template <template <typename> class Fn>
struct Binary {
  template <typename T>
  class Kernel final : public BinaryKernel<Fn<T>> {};
};

}  // namespace metagraph
