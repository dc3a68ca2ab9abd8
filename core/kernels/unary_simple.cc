// Neg, Abs, Sign, Square, roots, rounding and tests for NaN: what a
// processor does in an instruction or two.

#include <cmath>
#include <complex>
#include <limits>

#include "core/kernels/element_loops.h"
#include "core/kernels/unary_kernel.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

struct NegOp {
  template <typename T>
  static T Apply(T x) {
    if constexpr (std::is_integral_v<T>) {
      return Subtract(T(0), x);
    } else {
      return -x;
    }
  }
};

struct AbsOp {
  template <typename T>
  static T Apply(T x) {
    if constexpr (std::is_integral_v<T>) {
      return x < 0 ? Subtract(T(0), x) : x;
    } else if constexpr (kIsSmallFloat<T>) {
      return T(std::abs(static_cast<float>(x)));
    } else {
      return std::abs(x);
    }
  }
};

struct SignOp {
  template <typename T>
  static T Apply(T x) {
    if constexpr (kIsComplex<T>) {
      if (x == T(0)) return x;
      const auto scale = 1 / std::abs(x);
      return T(x.real() * scale, x.imag() * scale);
    } else {
      // NaN and what counts as zero come back as they are, without sign.
      const T value = FlushDenormal(x);
      if (value > T(0)) return T(1);
      return value < T(0) ? T(-1) : Eigen::numext::abs(x);
    }
  }
};

struct SquareOp {
  template <typename T>
  static T Apply(T x) {
    return Multiply(x, x);
  }
};

// half and bfloat16 widened to float, one rounding at the end.
#define FLOAT_OP(Name, expression)                  \
  struct Name {                                     \
    template <typename T>                           \
    static T Apply(T value) {                       \
      if constexpr (kIsSmallFloat<T>) {             \
        return T(Apply(static_cast<float>(value))); \
      } else {                                      \
        const T x = value;                          \
        return expression;                          \
      }                                             \
    }                                               \
  }

FLOAT_OP(SqrtOp, std::sqrt(x));
FLOAT_OP(RsqrtOp, T(1) / std::sqrt(x));
FLOAT_OP(ReciprocalOp, T(1) / x);
FLOAT_OP(FloorOp, std::floor(x));
FLOAT_OP(CeilOp, std::ceil(x));
// To even at .5: the default rounding mode.
FLOAT_OP(RintOp, std::nearbyint(x));
#undef FLOAT_OP

struct IdentityOp {
  template <typename T>
  static T Apply(T x) {
    return x;
  }
};

// By arithmetic, so that the loops are vectorised.
struct IsNanOp {
  template <typename T>
  static bool Apply(T x) {
    return x != x;
  }
};
struct IsInfOp {
  template <typename T>
  static bool Apply(T value) {
    const auto x = Wide(value);
    return std::abs(x) == std::numeric_limits<decltype(+x)>::infinity();
  }
  template <typename T>
  static auto Wide(T x) {
    if constexpr (kIsSmallFloat<T>) {
      return static_cast<float>(x);
    } else {
      return x;
    }
  }
};
struct IsFiniteOp {
  template <typename T>
  static bool Apply(T value) {
    const auto x = IsInfOp::Wide(value);
    return std::abs(x) < std::numeric_limits<decltype(+x)>::infinity();
  }
};

// K<Op>::Kernel for one Op, and the same to bool.
template <typename Op>
struct Of {
  template <typename T>
  using Kernel = UnaryKernel<Elementwise<Op, T>>;
  template <typename T>
  using Test = UnaryKernel<Elementwise<Op, T, bool>>;
};

void Signature(OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type");
  op.Shape(UnchangedRule);
}

template <typename Op>
void DescribeFloat(OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Of<Op>::template Kernel, FloatTypes>("T");
}

template <typename Op>
void DescribeTest(OpBuilder& op) {
  op.Input("x: T").Output("y: bool").Attr("T: type");
  op.Shape(UnchangedRule);
  op.KernelForEach<Of<Op>::template Test, FloatTypes>("T");
}

template <typename Op>
void DescribeAll(OpBuilder& op) {
  DescribeFloat<Op>(op);
  op.KernelFor<Of<Op>::template Kernel, int8_t, int16_t, int32_t, int64_t,
               complex64, complex128>("T");
}

REGISTER_OP("Neg", [](OpBuilder& op) { DescribeAll<NegOp>(op); });
REGISTER_OP("Sign", [](OpBuilder& op) { DescribeAll<SignOp>(op); });
REGISTER_OP("Square", [](OpBuilder& op) {
  DescribeAll<SquareOp>(op);
  op.KernelFor<Of<SquareOp>::Kernel, uint8_t, uint16_t, uint32_t, uint64_t>(
      "T");
});

REGISTER_OP("Abs", [](OpBuilder& op) {
  DescribeFloat<AbsOp>(op);
  op.KernelFor<Of<AbsOp>::Kernel, int8_t, int16_t, int32_t, int64_t>("T");
});

REGISTER_OP("Sqrt", [](OpBuilder& op) {
  DescribeFloat<SqrtOp>(op);
  op.KernelForEach<Of<SqrtOp>::Kernel, ComplexTypes>("T");
});
REGISTER_OP("Rsqrt", [](OpBuilder& op) {
  DescribeFloat<RsqrtOp>(op);
  op.KernelForEach<Of<RsqrtOp>::Kernel, ComplexTypes>("T");
});

void DescribeReciprocal(OpBuilder& op) {
  DescribeFloat<ReciprocalOp>(op);
  op.KernelForEach<Of<ReciprocalOp>::Kernel, ComplexTypes>("T");
}
REGISTER_OP("Reciprocal", DescribeReciprocal);
REGISTER_OP("Inv", DescribeReciprocal);

REGISTER_OP("Floor", [](OpBuilder& op) { DescribeFloat<FloorOp>(op); });
REGISTER_OP("Ceil", [](OpBuilder& op) { DescribeFloat<CeilOp>(op); });
REGISTER_OP("Rint", [](OpBuilder& op) { DescribeFloat<RintOp>(op); });
REGISTER_OP("Round", [](OpBuilder& op) {
  DescribeFloat<RintOp>(op);
  op.KernelFor<Of<IdentityOp>::Kernel, int8_t, int16_t, int32_t, int64_t>("T");
});

REGISTER_OP("IsNan", [](OpBuilder& op) { DescribeTest<IsNanOp>(op); });
REGISTER_OP("IsInf", [](OpBuilder& op) { DescribeTest<IsInfOp>(op); });
REGISTER_OP("IsFinite", [](OpBuilder& op) { DescribeTest<IsFiniteOp>(op); });

}  // namespace

const UnaryLoop* UnarySimpleLoop(ElementOp op) {
  switch (op) {
    case ElementOp::kNeg:
      return &Of<NegOp>::Kernel<float>::kLoop;
    case ElementOp::kAbs:
      return &Of<AbsOp>::Kernel<float>::kLoop;
    case ElementOp::kSquare:
      return &Of<SquareOp>::Kernel<float>::kLoop;
    case ElementOp::kSqrt:
      return &Of<SqrtOp>::Kernel<float>::kLoop;
    case ElementOp::kRsqrt:
      return &Of<RsqrtOp>::Kernel<float>::kLoop;
    case ElementOp::kReciprocal:
      return &Of<ReciprocalOp>::Kernel<float>::kLoop;
    case ElementOp::kFloor:
      return &Of<FloorOp>::Kernel<float>::kLoop;
    default:
      return nullptr;
  }
}

}  // namespace metagraph
