#pragma once

// Element-wise ops of one input.

#include <algorithm>
#include <cstdint>

#include "Eigen/Core"
#include "core/kernels/arithmetic.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// As BinaryLoops in binary_kernel.h: what is compiled for each op and dtype.
struct UnaryLoop {
  void (*run)(const void* x, void* out, int64_t n);
  int64_t in_size;   // of an element, in bytes
  int64_t out_size;  // the same
  int64_t cost;      // nanoseconds per element, roughly
};

absl::Status RunUnary(KernelContext& ctx, const UnaryLoop& loop);

// out = Fn(x). Fn is stateless:
//   using In, Out;
//   static constexpr int64_t kCost;  // nanoseconds per element, roughly
//   static void Run(const In* x, Out* out, int64_t n);  // x may be out
template <typename Fn>
class UnaryKernel final : public Kernel {
 public:
  using In = typename Fn::In;
  using Out = typename Fn::Out;

  absl::Status Compute(KernelContext& ctx) const override {
    return RunUnary(ctx, kLoop);
  }

 private:
  static void Run(const void* x, void* out, int64_t n) {
    Fn::Run(static_cast<const In*>(x), static_cast<Out*>(out), n);
  }

 public:
  static constexpr UnaryLoop kLoop = {&Run, sizeof(In), sizeof(Out), Fn::kCost};
};

// Fn over single elements: Out Op::Apply(In), a loop the compiler vectorises.
template <typename Op, typename InT, typename OutT = InT, int64_t cost = 1>
struct Elementwise {
  using In = InT;
  using Out = OutT;
  static constexpr int64_t kCost = cost;
  static void Run(const In* x, Out* out, int64_t n) {
    for (int64_t i = 0; i < n; ++i) out[i] = Op::Apply(x[i]);
  }
};

// Fn over Eigen arrays, whose exp, log, … are vectorised: Op::Apply(array)
// gives the expression. half and bfloat16 are widened to float block by block.
template <typename Op, typename T, int64_t cost = 4>
struct Arraywise {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = cost;
  static void Run(const T* x, T* out, int64_t n) {
    if constexpr (kIsSmallFloat<T>) {
      constexpr int64_t kBlock = 256;
      float wide[kBlock];
      for (int64_t begin = 0; begin < n; begin += kBlock) {
        const int64_t count = std::min(kBlock, n - begin);
        for (int64_t i = 0; i < count; ++i) {
          wide[i] = static_cast<float>(x[begin + i]);
        }
        Arraywise<Op, float>::Run(wide, wide, count);
        for (int64_t i = 0; i < count; ++i) out[begin + i] = T(wide[i]);
      }
    } else {
      using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
      Eigen::Map<Array>(out, n) = Op::Apply(Eigen::Map<const Array>(x, n));
    }
  }
};

}  // namespace metagraph
