// Functions of one argument: exponentials, logarithms, trigonometry, …

#include <cmath>
#include <complex>

#include "core/kernels/element_loops.h"
#include "core/kernels/sigmoid_tanh.h"
#include "core/kernels/unary_kernel.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Eigen's vectorised form where there is one …
#define ARRAY_FUNCTION(Name, expression) \
  struct Name {                          \
    template <typename A>                \
    static auto Apply(const A& x) {      \
      return expression;                 \
    }                                    \
  };                                     \
  template <typename T>                  \
  using Name##Kernel = UnaryKernel<Arraywise<Name, T>>

ARRAY_FUNCTION(Exp, x.exp());
ARRAY_FUNCTION(Expm1, x.expm1());
ARRAY_FUNCTION(Log, x.log());
ARRAY_FUNCTION(Log1p, x.log1p());
ARRAY_FUNCTION(Sin, x.sin());
ARRAY_FUNCTION(Cos, x.cos());

struct TanhOf {
  template <typename A>
  static auto Apply(const A& x) {
    if constexpr (std::is_same_v<typename A::Scalar, float>) {
      return x.unaryExpr([](float value) { return Tanh(value); });
    } else {
      return x.tanh();
    }
  }
};
template <typename T>
using TanhKernel = UnaryKernel<Arraywise<TanhOf, T>>;

struct SigmoidOf {
  template <typename A>
  static auto Apply(const A& x) {
    using T = typename A::Scalar;
    if constexpr (std::is_same_v<T, float>) {
      return x.unaryExpr([](float value) { return Sigmoid(value); });
    } else {
      // Not x.logistic(), nor inverse(), of which Eigen makes the same: far
      // below zero only its absolute error is small.
      return T(1) / ((-x).exp() + T(1));
    }
  }
};
struct SmallSigmoidOf {
  template <typename T>
  static T Apply(T x) {
    return SigmoidOfSmall(x);
  }
};
template <typename T>
struct SigmoidLoop : std::conditional_t<kIsSmallFloat<T>,
                                        Elementwise<SmallSigmoidOf, T, T, 10>,
                                        Arraywise<SigmoidOf, T>> {};
template <>
struct SigmoidLoop<float> : Arraywise<SigmoidOf, float> {
  // As TensorFlow: vectors of 8, and what is left element by element.
  static void Run(const float* x, float* out, int64_t n) {
    const int64_t whole = n / 8 * 8;
    Arraywise<SigmoidOf, float>::Run(x, out, whole);
    for (int64_t i = whole; i < n; ++i) out[i] = SigmoidOfOne(x[i]);
  }
};
template <typename T>
using SigmoidKernel = UnaryKernel<SigmoidLoop<T>>;

// … and the C library's, element by element, for the others. half and
// bfloat16 by way of float.
#define ELEMENT_FUNCTION(Name, function)                          \
  struct Name {                                                   \
    template <typename T>                                         \
    static T Apply(T x) {                                         \
      /* As Widened in binary_math.cc. */                         \
      if constexpr (kIsSmallFloat<T>) {                           \
        return T(function(FlushDenormal(static_cast<float>(x)))); \
      } else {                                                    \
        return function(FlushDenormal(x));                        \
      }                                                           \
    }                                                             \
  };                                                              \
  template <typename T>                                           \
  using Name##Kernel = UnaryKernel<Elementwise<Name, T, T, 15>>

ELEMENT_FUNCTION(Tan, std::tan);
ELEMENT_FUNCTION(Asin, std::asin);
ELEMENT_FUNCTION(Acos, std::acos);
ELEMENT_FUNCTION(Atan, std::atan);
ELEMENT_FUNCTION(Sinh, std::sinh);
ELEMENT_FUNCTION(Cosh, std::cosh);
ELEMENT_FUNCTION(Asinh, std::asinh);
ELEMENT_FUNCTION(Acosh, std::acosh);
ELEMENT_FUNCTION(Atanh, std::atanh);
ELEMENT_FUNCTION(Erfc, std::erfc);

// std::lgamma leaves the sign in a global: not for several threads.
template <typename T>
T LogGamma(T x) {
  int sign;
  if constexpr (std::is_same_v<T, float>) {
    return lgammaf_r(x, &sign);
  } else {
    return lgamma_r(x, &sign);
  }
}
ELEMENT_FUNCTION(Lgamma, LogGamma);

// The derivative of log gamma: the recurrence up to 10, there the asymptotic
// series; negative arguments by reflection. Poles give NaN.
template <typename T>
T DigammaOf(T value) {
  double x = value;
  if (std::isinf(x) && x > 0) return value;
  double result = 0;
  if (x <= 0) {
    // The distance from the nearest pole; exact, however near.
    const double distance = x - std::nearbyint(x);
    if (!(distance != 0)) return std::nan("");
    result = -M_PI / std::tan(M_PI * distance);
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  const double inverse = 1 / x;
  const double square = inverse * inverse;
  const double series =
      square *
      (1.0 / 12 -
       square * (1.0 / 120 -
                 square * (1.0 / 252 -
                           square * (1.0 / 240 - square * (1.0 / 132)))));
  return static_cast<T>(result + std::log(x) - 0.5 * inverse - series);
}
ELEMENT_FUNCTION(Digamma, DigammaOf);

// float is a loop that is vectorised; the others as above.
ELEMENT_FUNCTION(WideErf, std::erf);
struct ErfOf {
  template <typename T>
  static T Apply(T x) {
    if constexpr (std::is_same_v<T, float>) {
      return metagraph::Erf(x);
    } else {
      return WideErf::Apply(x);
    }
  }
};
template <typename T>
using ErfKernel =
    UnaryKernel<Elementwise<ErfOf, T, T, std::is_same_v<T, float> ? 2 : 15>>;

#undef ARRAY_FUNCTION
#undef ELEMENT_FUNCTION

// log(1 + x), exact for small x too; of -1 it is (-inf, nan), as in TensorFlow.
template <typename T>
T ComplexLog1pOf(T x) {
  const T sum = T(1) + x;
  const T log = std::log(sum);
  if (sum == T(1) || sum == log) return x;
  // What rounding took from 1 + x, the quotient gives back.
  return x * (log / (sum - T(1)));
}

// exp(x) - 1, exact for small x too.
template <typename T>
T ComplexExpm1Of(T x) {
  using Real = typename T::value_type;
  const Real less_one = std::expm1(x.real());
  const Real exp = less_one + 1;
  const Real half = std::sin(x.imag() / 2);
  return {less_one - 2 * exp * (half * half), exp * std::sin(x.imag())};
}

// Complex numbers, by std::complex.
#define COMPLEX_FUNCTION(Name, expression) \
  struct Complex##Name {                   \
    template <typename T>                  \
    static T Apply(T x) {                  \
      return expression;                   \
    }                                      \
  };                                       \
  template <typename T>                    \
  using Complex##Name##Kernel =            \
      UnaryKernel<Elementwise<Complex##Name, T, T, 40>>

COMPLEX_FUNCTION(Exp, std::exp(x));
COMPLEX_FUNCTION(Expm1, ComplexExpm1Of(x));
COMPLEX_FUNCTION(Log, std::log(x));
COMPLEX_FUNCTION(Log1p, ComplexLog1pOf(x));
COMPLEX_FUNCTION(Tanh, std::tanh(x));
COMPLEX_FUNCTION(Sigmoid, T(1) / (T(1) + std::exp(-x)));
COMPLEX_FUNCTION(Sin, std::sin(x));
COMPLEX_FUNCTION(Cos, std::cos(x));
COMPLEX_FUNCTION(Tan, std::tan(x));
COMPLEX_FUNCTION(Asin, std::asin(x));
COMPLEX_FUNCTION(Acos, std::acos(x));
COMPLEX_FUNCTION(Atan, std::atan(x));
COMPLEX_FUNCTION(Sinh, std::sinh(x));
COMPLEX_FUNCTION(Cosh, std::cosh(x));
COMPLEX_FUNCTION(Asinh, std::asinh(x));
COMPLEX_FUNCTION(Acosh, std::acosh(x));
COMPLEX_FUNCTION(Atanh, std::atanh(x));
#undef COMPLEX_FUNCTION

template <template <typename> class Real>
void DescribeReal(OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type");
  op.Shape(UnchangedRule);
  op.KernelForEach<Real, FloatTypes>("T");
}

template <template <typename> class Real, template <typename> class Complex>
void Describe(OpBuilder& op) {
  DescribeReal<Real>(op);
  op.KernelForEach<Complex, ComplexTypes>("T");
}

REGISTER_OP("Exp",
            [](OpBuilder& op) { Describe<ExpKernel, ComplexExpKernel>(op); });
REGISTER_OP("Expm1", [](OpBuilder& op) {
  Describe<Expm1Kernel, ComplexExpm1Kernel>(op);
});
REGISTER_OP("Log",
            [](OpBuilder& op) { Describe<LogKernel, ComplexLogKernel>(op); });
REGISTER_OP("Log1p", [](OpBuilder& op) {
  Describe<Log1pKernel, ComplexLog1pKernel>(op);
});
REGISTER_OP("Tanh",
            [](OpBuilder& op) { Describe<TanhKernel, ComplexTanhKernel>(op); });
REGISTER_OP("Sigmoid", [](OpBuilder& op) {
  Describe<SigmoidKernel, ComplexSigmoidKernel>(op);
});
REGISTER_OP("Sin",
            [](OpBuilder& op) { Describe<SinKernel, ComplexSinKernel>(op); });
REGISTER_OP("Cos",
            [](OpBuilder& op) { Describe<CosKernel, ComplexCosKernel>(op); });
REGISTER_OP("Tan",
            [](OpBuilder& op) { Describe<TanKernel, ComplexTanKernel>(op); });
REGISTER_OP("Asin",
            [](OpBuilder& op) { Describe<AsinKernel, ComplexAsinKernel>(op); });
REGISTER_OP("Acos",
            [](OpBuilder& op) { Describe<AcosKernel, ComplexAcosKernel>(op); });
REGISTER_OP("Atan",
            [](OpBuilder& op) { Describe<AtanKernel, ComplexAtanKernel>(op); });
REGISTER_OP("Sinh",
            [](OpBuilder& op) { Describe<SinhKernel, ComplexSinhKernel>(op); });
REGISTER_OP("Cosh",
            [](OpBuilder& op) { Describe<CoshKernel, ComplexCoshKernel>(op); });
REGISTER_OP("Asinh", [](OpBuilder& op) {
  Describe<AsinhKernel, ComplexAsinhKernel>(op);
});
REGISTER_OP("Acosh", [](OpBuilder& op) {
  Describe<AcoshKernel, ComplexAcoshKernel>(op);
});
REGISTER_OP("Atanh", [](OpBuilder& op) {
  Describe<AtanhKernel, ComplexAtanhKernel>(op);
});
REGISTER_OP("Erf", [](OpBuilder& op) { DescribeReal<ErfKernel>(op); });
REGISTER_OP("Erfc", [](OpBuilder& op) { DescribeReal<ErfcKernel>(op); });
REGISTER_OP("Lgamma", [](OpBuilder& op) { DescribeReal<LgammaKernel>(op); });
REGISTER_OP("Digamma", [](OpBuilder& op) { DescribeReal<DigammaKernel>(op); });

}  // namespace

const UnaryLoop* UnaryMathLoop(ElementOp op) {
  switch (op) {
    case ElementOp::kExp:
      return &ExpKernel<float>::kLoop;
    case ElementOp::kExpm1:
      return &Expm1Kernel<float>::kLoop;
    case ElementOp::kLog:
      return &LogKernel<float>::kLoop;
    case ElementOp::kLog1p:
      return &Log1pKernel<float>::kLoop;
    case ElementOp::kSin:
      return &SinKernel<float>::kLoop;
    case ElementOp::kCos:
      return &CosKernel<float>::kLoop;
    case ElementOp::kTanh:
      return &TanhKernel<float>::kLoop;
    case ElementOp::kSigmoid:
      return &SigmoidKernel<float>::kLoop;
    case ElementOp::kErf:
      return &ErfKernel<float>::kLoop;
    default:
      return nullptr;
  }
}

}  // namespace metagraph
