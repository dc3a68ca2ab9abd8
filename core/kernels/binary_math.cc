// Functions of two arguments: Pow, Atan2, Xdivy, Xlogy, Xlog1py.

#include <algorithm>
#include <cmath>
#include <complex>

#include "absl/types/span.h"
#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/binary_kernel.h"
#include "core/kernels/element_loops.h"
#include "core/kernels/kernel_types.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Calls fn with half and bfloat16 widened to float, and rounds the result. What
// is denormal then counts as zero: the C library reads its bits, so that it
// answers neither for the number nor for the zero that our threads see.
template <typename T, typename Fn>
T Widened(T a, T b, Fn fn) {
  if constexpr (kIsSmallFloat<T>) {
    return T(fn(FlushDenormal(static_cast<float>(a)),
                FlushDenormal(static_cast<float>(b))));
  } else {
    return fn(FlushDenormal(a), FlushDenormal(b));
  }
}
template <typename T, typename Fn>
T Widened(T a, Fn fn) {
  return Widened(a, a, [fn](auto x, auto) { return fn(x); });
}

template <typename T>
struct PowFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 20;
  static T Apply(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      T result = 1;
      for (; b > 0; b >>= 1) {
        if (b & 1) result = Multiply(result, a);
        a = Multiply(a, a);
      }
      return result;
    } else {
      return Widened(a, b, [](auto x, auto y) {
        using std::pow;
        return static_cast<decltype(x)>(pow(x, y));
      });
    }
  }
  static absl::Status Check(absl::Span<const T>, absl::Span<const T> y) {
    if constexpr (std::is_integral_v<T>) {
      if (std::any_of(y.begin(), y.end(), [](T e) { return e < 0; })) {
        return InvalidArgument(
            "Integers to negative integer powers are not allowed");
      }
    }
    return absl::OkStatus();
  }
};

template <typename T>
struct Atan2Fn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 20;
  static T Apply(T a, T b) {
    // The C library's, which reads bits, in TensorFlow too.
    if constexpr (kIsSmallFloat<T>) {
      return T(std::atan2(static_cast<float>(a), static_cast<float>(b)));
    } else {
      return std::atan2(a, b);
    }
  }
};

// The three below: 0 if x is 0, whatever y is.
template <typename T>
struct XdivyFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return a == T(0) ? T(0) : a / b; }
};

// half and bfloat16 round after the logarithm and after the product.
template <typename T>
struct XlogyFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 10;
  static T Apply(T a, T b) {
    if (a == T(0)) return T(0);
    return Multiply(a, Widened(b, [](auto y) { return std::log(y); }));
  }
};

template <typename T>
struct Xlog1pyFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 10;
  static T Apply(T a, T b) {
    if (a == T(0)) return T(0);
    if constexpr (kIsComplex<T>) {
      return Multiply(a, std::log(T(1) + b));
    } else {
      return a * Widened(b, [](auto y) { return std::log1p(y); });
    }
  }
};

void Signature(OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("z: T").Attr("T: type");
  op.Shape(BroadcastRule);
}

REGISTER_OP("Pow", [](OpBuilder& op) {
  Signature(op);
  op.KernelFor<Binary<PowFn>::Kernel, float, double, half, bfloat16, int8_t,
               int16_t, int32_t, int64_t, complex64, complex128>("T");
});

REGISTER_OP("Atan2", [](OpBuilder& op) {
  op.Input("y: T").Input("x: T").Output("z: T").Attr("T: type");
  op.Shape(BroadcastRule);
  op.KernelForEach<Binary<Atan2Fn>::Kernel, FloatTypes>("T");
});

REGISTER_OP("Xdivy", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<XdivyFn>::Kernel, FractionTypes>("T");
});

REGISTER_OP("Xlogy", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<XlogyFn>::Kernel, FractionTypes>("T");
});

REGISTER_OP("Xlog1py", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<Xlog1pyFn>::Kernel, FractionTypes>("T");
});

}  // namespace

const BinaryLoops* BinaryMathLoops(ElementOp op) {
  return op == ElementOp::kPow ? &BinaryKernel<PowFn<float>>::kLoops : nullptr;
}

}  // namespace metagraph
