// Gradients of unary functions from what the function returned.

#include <cmath>
#include <complex>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// z = Op::Apply(y, dy), rounded after each step if half or bfloat16.
template <typename Op, typename T>
class Gradient final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& y = ctx.input(0);
    const Tensor& dy = ctx.input(1);
    if (y.num_elements() != dy.num_elements()) {
      return InvalidArgument(
          "The two arguments to a cwise op must have same "
          "number of elements, got ",
          y.num_elements(), " and ", dy.num_elements());
    }
    ASSIGN_OR_RETURN(Tensor * z,
                     ctx.ForwardOrAllocateOutput({0, 1}, 0, y.shape()));
    const T* a = y.data<T>();
    const T* b = dy.data<T>();
    T* out = z->mutable_data<T>();
    return ctx.ParallelFor(y.num_elements(), 1,
                           [=](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               out[i] = Op::Apply(a[i], b[i]);
                             }
                           });
  }
};

template <typename T>
T Conjugate(T y) {
  if constexpr (kIsComplex<T>) {
    return std::conj(y);
  } else {
    return y;
  }
}

struct SigmoidGradOp {
  template <typename T>
  static T Apply(T y, T dy) {
    return Multiply(dy, Multiply(y, T(1) - y));
  }
};
struct TanhGradOp {
  template <typename T>
  static T Apply(T y, T dy) {
    return Multiply(dy, T(1) - Multiply(y, y));
  }
};
// The three below: where no gradient comes in, none goes out, though the
// slope be infinite. They, and not the two above, conjugate y.
struct RsqrtGradOp {
  template <typename T>
  static T Apply(T y, T dy) {
    if (dy == T(0)) return T(0);
    y = Conjugate(y);
    return Multiply(Multiply(T(-0.5), Multiply(dy, y)), Multiply(y, y));
  }
};
struct SqrtGradOp {
  template <typename T>
  static T Apply(T y, T dy) {
    if (dy == T(0)) return T(0);
    if constexpr (kIsSmallFloat<T>) {
      return Multiply(Multiply(T(0.5), dy), T(1) / y);
    } else {
      return Multiply(T(0.5), dy) / Conjugate(y);
    }
  }
};
struct ReciprocalGradOp {
  template <typename T>
  static T Apply(T y, T dy) {
    if (dy == T(0)) return T(0);
    y = Conjugate(y);
    return Multiply(-Multiply(y, y), dy);
  }
};

template <typename Op>
struct Of {
  template <typename T>
  using Kernel = Gradient<Op, T>;
};

template <typename Op>
void Describe(OpBuilder& op) {
  op.Input("y: T").Input("dy: T").Output("z: T").Attr("T: type");
  op.Shape(UnchangedRule);
  op.KernelFor<Of<Op>::template Kernel, float, double, half, bfloat16,
               complex64, complex128>("T");
}

REGISTER_OP("SigmoidGrad", Describe<SigmoidGradOp>);
REGISTER_OP("TanhGrad", Describe<TanhGradOp>);
REGISTER_OP("RsqrtGrad", Describe<RsqrtGradOp>);
REGISTER_OP("SqrtGrad", Describe<SqrtGradOp>);
REGISTER_OP("ReciprocalGrad", Describe<ReciprocalGradOp>);
REGISTER_OP("InvGrad", Describe<ReciprocalGradOp>);

}  // namespace
}  // namespace metagraph
