// Elu, Selu, Softplus, Softsign and their gradients.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/element_loops.h"
#include "core/kernels/unary_kernel.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

constexpr double kSeluScale = 1.0507009873554804934193349852946;
constexpr double kSeluScaleAlpha = 1.7580993408473768599402175208123;

// exp(x) - 1 and not expm1, as TensorFlow has it: nearly 0 gives 0.
struct EluOp {
  template <typename A>
  static auto Apply(const A& x) {
    using T = typename A::Scalar;
    return (x < 0).select(x.exp() - T(1), x);
  }
};

struct SeluOp {
  template <typename A>
  static auto Apply(const A& x) {
    using T = typename A::Scalar;
    return (x < 0).select((x.exp() - T(1)) * T(kSeluScaleAlpha),
                          x * T(kSeluScale));
  }
};

// log(1 + exp(x)): x where the 1 does not count, exp(x) where it is all.
struct SoftplusOp {
  template <typename A>
  static auto Apply(const A& x) {
    using T = typename A::Scalar;
    const T threshold = std::log(std::numeric_limits<T>::epsilon()) + T(2);
    return (x > -threshold)
        .select(x, (x < threshold).select(x.exp(), x.exp().log1p()));
  }
};

struct SoftsignOp {
  template <typename A>
  static auto Apply(const A& x) {
    using T = typename A::Scalar;
    return x / (x.abs() + T(1));
  }
};

// half and bfloat16 round after each step, constants too, as in TensorFlow.
template <typename T>
T ExpMinusOne(T x) {
  return T(std::exp(static_cast<float>(x))) - T(1);
}

struct SmallElu {
  template <typename T>
  static T Apply(T x) {
    return x < T(0) ? ExpMinusOne(x) : x;
  }
};

struct SmallSelu {
  template <typename T>
  static T Apply(T x) {
    return x < T(0) ? ExpMinusOne(x) * T(kSeluScaleAlpha) : x * T(kSeluScale);
  }
};

struct SmallSoftsign {
  template <typename T>
  static T Apply(T x) {
    return x / (T(1) + (x < T(0) ? -x : x));
  }
};

struct SmallSoftplus {
  template <typename T>
  static T Apply(T x) {
    // Eigen's epsilon of half is an eighth of what the name says.
    constexpr float kEpsilon = std::is_same_v<T, half> ? 0x1p-13f : 0x1p-7f;
    static const T threshold = T(std::log(kEpsilon)) + T(2);
    if (x > -threshold) return x;
    const T exp_x = T(std::exp(static_cast<float>(x)));
    if (x < threshold) return exp_x;
    return T(std::log1p(static_cast<float>(exp_x)));
  }
};

template <typename Op, typename Small, typename T>
using WideOrSmall = UnaryKernel<std::conditional_t<
    kIsSmallFloat<T>, Elementwise<Small, T, T, 10>, Arraywise<Op, T>>>;
template <typename T>
using Elu = WideOrSmall<EluOp, SmallElu, T>;
template <typename T>
using Selu = WideOrSmall<SeluOp, SmallSelu, T>;
template <typename T>
using Softplus = WideOrSmall<SoftplusOp, SmallSoftplus, T>;
template <typename T>
using Softsign = WideOrSmall<SoftsignOp, SmallSoftsign, T>;

template <typename T>
T ExpOf(T x) {
  if constexpr (kIsSmallFloat<T>) {
    return T(std::exp(static_cast<float>(x)));
  } else {
    return std::exp(x);
  }
}

// backprops = Op::Apply(gradients, x), where x is what the op was given or,
// for Elu and Selu, what it returned. Small floats round after each step.
template <typename Op, typename T>
class Gradient final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    node_ = construction.node_name();
    op_ = construction.op();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& gradients = ctx.input(0);
    const Tensor& other = ctx.input(1);
    if (!(gradients.shape() == other.shape())) {
      return InvalidArgument("Inputs to operation ", node_, " of type ", op_,
                             " must have the same size and shape.  Input 0: ",
                             gradients.shape().ToString(),
                             " != input 1: ", other.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * backprops,
                     ctx.ForwardOrAllocateOutput({0, 1}, 0, other.shape()));
    const T* g = gradients.data<T>();
    const T* x = other.data<T>();
    T* out = backprops->mutable_data<T>();
    return ctx.ParallelFor(other.num_elements(), Op::kCost,
                           [=](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               out[i] = Op::Apply(g[i], x[i]);
                             }
                           });
  }

 private:
  std::string node_;
  std::string op_;
};

struct EluGradOp {
  static constexpr int64_t kCost = 1;
  template <typename T>
  static T Apply(T g, T y) {
    return y < T(0) ? (y + T(1)) * g : g;
  }
};
struct SeluGradOp {
  static constexpr int64_t kCost = 1;
  template <typename T>
  static T Apply(T g, T y) {
    return y < T(0) ? g * (y + T(kSeluScaleAlpha)) : g * T(kSeluScale);
  }
};
struct SoftplusGradOp {
  static constexpr int64_t kCost = 10;
  template <typename T>
  static T Apply(T g, T x) {
    return g / (ExpOf(-x) + T(1));
  }
};
struct SoftsignGradOp {
  static constexpr int64_t kCost = 2;
  template <typename T>
  static T Apply(T g, T x) {
    const T d = T(1) + (x < T(0) ? -x : x);
    return g / (d * d);
  }
};

template <typename T>
using EluGrad = Gradient<EluGradOp, T>;
template <typename T>
using SeluGrad = Gradient<SeluGradOp, T>;
template <typename T>
using SoftplusGrad = Gradient<SoftplusGradOp, T>;
template <typename T>
using SoftsignGrad = Gradient<SoftsignGradOp, T>;

template <template <typename> class K>
void DescribeForward(OpBuilder& op) {
  op.Input("features: T").Output("activations: T").Attr("T: type");
  op.Shape(UnchangedRule);
  op.KernelForEach<K, FloatTypes>("T");
}

template <template <typename> class K>
void DescribeGradient(OpBuilder& op, const char* second) {
  op.Input("gradients: T").Input(second).Output("backprops: T");
  op.Attr("T: type");
  op.Shape(MergedRule);
  op.KernelForEach<K, FloatTypes>("T");
}

REGISTER_OP("Elu", [](OpBuilder& op) { DescribeForward<Elu>(op); });
REGISTER_OP("Selu", [](OpBuilder& op) { DescribeForward<Selu>(op); });
REGISTER_OP("Softplus", [](OpBuilder& op) { DescribeForward<Softplus>(op); });
REGISTER_OP("Softsign", [](OpBuilder& op) { DescribeForward<Softsign>(op); });

REGISTER_OP("EluGrad",
            [](OpBuilder& op) { DescribeGradient<EluGrad>(op, "outputs: T"); });
REGISTER_OP("SeluGrad", [](OpBuilder& op) {
  DescribeGradient<SeluGrad>(op, "outputs: T");
});
REGISTER_OP("SoftplusGrad", [](OpBuilder& op) {
  DescribeGradient<SoftplusGrad>(op, "features: T");
});
REGISTER_OP("SoftsignGrad", [](OpBuilder& op) {
  DescribeGradient<SoftsignGrad>(op, "features: T");
});

}  // namespace

const UnaryLoop* ActivationLoop(ElementOp op) {
  switch (op) {
    case ElementOp::kElu:
      return &Elu<float>::kLoop;
    case ElementOp::kSelu:
      return &Selu<float>::kLoop;
    case ElementOp::kSoftplus:
      return &Softplus<float>::kLoop;
    case ElementOp::kSoftsign:
      return &Softsign<float>::kLoop;
    default:
      return nullptr;
  }
}

}  // namespace metagraph
