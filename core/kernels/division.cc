// The divisions and remainders. Integer division by zero is an error, found
// before anything is computed; the smallest integer over -1 wraps.

#include <algorithm>
#include <cmath>

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

template <typename T>
absl::Status RefuseZero(absl::Span<const T> divisors) {
  if constexpr (std::is_integral_v<T>) {
    if (std::find(divisors.begin(), divisors.end(), T(0)) != divisors.end()) {
      return InvalidArgument("Integer division by zero");
    }
  }
  return absl::OkStatus();
}

// REQUIRES: integers, b != 0.
template <typename T>
T TruncatedQuotient(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return Subtract(T(0), a);
  }
  return static_cast<T>(a / b);
}

template <typename T>
T TruncatedRemainder(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return T(0);
  }
  return static_cast<T>(a % b);
}

// fmod; half and bfloat16 by way of float, which is exact.
template <typename T>
T Remainder(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return TruncatedRemainder(a, b);
  } else if constexpr (kIsSmallFloat<T>) {
    return T(std::fmod(static_cast<float>(a), static_cast<float>(b)));
  } else {
    return std::fmod(a, b);
  }
}

template <typename T>
struct DivFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = std::is_integral_v<T> ? 6 : 1;
  static T Apply(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return TruncatedQuotient(a, b);
    } else {
      return a / b;
    }
  }
  static absl::Status Check(absl::Span<const T>, absl::Span<const T> y) {
    return RefuseZero(y);
  }
};

template <typename T>
struct TruncateDivFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = std::is_integral_v<T> ? 6 : 2;
  static T Apply(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return TruncatedQuotient(a, b);
    } else if constexpr (kIsSmallFloat<T>) {
      return T(std::trunc(static_cast<float>(a / b)));
    } else {
      return std::trunc(a / b);
    }
  }
  static absl::Status Check(absl::Span<const T>, absl::Span<const T> y) {
    return RefuseZero(y);
  }
};

template <typename T>
struct FloorDivFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = std::is_integral_v<T> ? 6 : 2;
  static T Apply(T a, T b) {
    if constexpr (std::is_unsigned_v<T>) {
      return static_cast<T>(a / b);
    } else if constexpr (std::is_integral_v<T>) {
      const T quotient = TruncatedQuotient(a, b);
      const bool rounded_up =
          (a < 0) != (b < 0) && TruncatedRemainder(a, b) != 0;
      return rounded_up ? static_cast<T>(quotient - 1) : quotient;
    } else if constexpr (kIsSmallFloat<T>) {
      return T(std::floor(static_cast<float>(a / b)));
    } else {
      return std::floor(a / b);
    }
  }
  static absl::Status Check(absl::Span<const T>, absl::Span<const T> y) {
    return RefuseZero(y);
  }
};

template <typename T>
struct TruncateModFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = std::is_integral_v<T> ? 6 : 10;
  static T Apply(T a, T b) { return Remainder(a, b); }
  static absl::Status Check(absl::Span<const T>, absl::Span<const T> y) {
    return RefuseZero(y);
  }
};

// The result has the sign of the divisor.
template <typename T>
struct FloorModFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = std::is_integral_v<T> ? 6 : 10;
  static T Apply(T a, T b) {
    const T remainder = Remainder(a, b);
    if constexpr (std::is_unsigned_v<T>) {
      return remainder;
    } else {
      const bool other_sign =
          remainder != T(0) && (remainder < T(0)) != (b < T(0));
      return other_sign ? static_cast<T>(remainder + b) : remainder;
    }
  }
  static absl::Status Check(absl::Span<const T>, absl::Span<const T> y) {
    return RefuseZero(y);
  }
};

template <typename T>
struct DivNoNanFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return b == T(0) ? T(0) : a / b; }
};

// What sizes are computed from while nothing runs; nullopt where the kernel
// fails.
std::optional<int64_t> Truncated(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return {};
  return a / b;
}
std::optional<int64_t> FlooredRest(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return {};
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
std::optional<int64_t> Floored(int64_t a, int64_t b) {
  const std::optional<int64_t> rest = FlooredRest(a, b);
  if (!rest.has_value()) return {};
  return (a - *rest) / b;
}

void Signature(OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("z: T").Attr("T: type");
  op.Shape(BroadcastRule);
}

REGISTER_OP("Div", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&Truncated>);
  op.KernelForEach<Binary<DivFn>::Kernel, NumberTypes>("T");
});

REGISTER_OP("RealDiv", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<DivFn>::Kernel, FractionTypes>("T");
});

REGISTER_OP("TruncateDiv", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&Truncated>);
  op.KernelForEach<Binary<TruncateDivFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("FloorDiv", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&Floored>);
  op.KernelForEach<Binary<FloorDivFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("Mod", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<TruncateModFn>::Kernel,
                   Joined<FloatTypes, IndexTypes>>("T");
});

REGISTER_OP("TruncateMod", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<TruncateModFn>::Kernel,
                   Joined<FloatTypes, IndexTypes>>("T");
});

REGISTER_OP("FloorMod", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&FlooredRest>);
  op.KernelForEach<Binary<FloorModFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("DivNoNan", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<DivNoNanFn>::Kernel, FractionTypes>("T");
});

}  // namespace

const BinaryLoops* DivisionLoops(ElementOp op) {
  return op == ElementOp::kDiv ? &BinaryKernel<DivFn<float>>::kLoops : nullptr;
}

}  // namespace metagraph
