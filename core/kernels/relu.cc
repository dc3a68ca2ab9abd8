// Relu and its relatives, and their gradients. NaN stays NaN, as in
// TensorFlow.

#include <algorithm>
#include <string>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/binary_kernel.h"
#include "core/kernels/element_loops.h"
#include "core/kernels/unary_kernel.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Makes 0 of -0 and of what is denormal, as TensorFlow's vectors of float and
// double do; half and bfloat16 stay as they are.
template <typename T>
T WithoutSignOfZero(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    return FlushDenormal(x) + T(0);
  } else {
    return x;
  }
}

struct ReluOp {
  template <typename T>
  static T Apply(T x) {
    return x < T(0) ? T(0) : WithoutSignOfZero(x);
  }
};

struct Relu6Op {
  template <typename T>
  static T Apply(T x) {
    return x < T(0) ? T(0) : x > T(6) ? T(6) : WithoutSignOfZero(x);
  }
};

template <typename T>
using Relu = UnaryKernel<Elementwise<ReluOp, T>>;
template <typename T>
using Relu6 = UnaryKernel<Elementwise<Relu6Op, T>>;

// Of a program of element-wise ops: alpha is the second operand.
struct LeakyReluFn {
  using In = float;
  using Out = float;
  static constexpr int64_t kCost = 1;
  static float Apply(float x, float alpha) { return x > 0 ? x : x * alpha; }
};

template <typename T>
class LeakyRelu final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(const float alpha, construction.Attr<float>("alpha"));
    alpha_ = static_cast<T>(alpha);
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& features = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * activations,
                     ctx.ForwardOrAllocateOutput({0}, 0, features.shape()));
    const T* in = features.data<T>();
    T* out = activations->mutable_data<T>();
    return ctx.ParallelFor(features.num_elements(), 1,
                           [=, alpha = alpha_](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               out[i] = in[i] > T(0) ? in[i] : in[i] * alpha;
                             }
                           });
  }

 private:
  T alpha_ = T(0);
};

// backprops = Op::Apply(gradients, features, alpha); alpha is 0 unless the op
// has such an attribute.
template <typename Op, typename T>
class Gradient final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    node_ = construction.node_name();
    op_ = construction.op();
    if (construction.HasAttr("alpha")) {
      ASSIGN_OR_RETURN(const float alpha, construction.Attr<float>("alpha"));
      alpha_ = static_cast<T>(alpha);
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& gradients = ctx.input(0);
    const Tensor& features = ctx.input(1);
    if (!(gradients.shape() == features.shape())) {
      return InvalidArgument("Inputs to operation ", node_, " of type ", op_,
                             " must have the same size and shape.  Input 0: ",
                             gradients.shape().ToString(),
                             " != input 1: ", features.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * backprops,
                     ctx.ForwardOrAllocateOutput({0, 1}, 0, features.shape()));
    const T* g = gradients.data<T>();
    const T* x = features.data<T>();
    T* out = backprops->mutable_data<T>();
    return ctx.ParallelFor(features.num_elements(), 1,
                           [=, alpha = alpha_](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               out[i] = Op::Apply(g[i], x[i], alpha);
                             }
                           });
  }

 private:
  std::string node_;
  std::string op_;
  T alpha_ = T(0);
};

// By multiplication: a gradient that is not finite makes inactive units NaN.
struct ReluGradOp {
  template <typename T>
  static T Apply(T g, T x, T) {
    return Multiply(g, x > T(0) ? T(1) : T(0));
  }
};
struct Relu6GradOp {
  template <typename T>
  static T Apply(T g, T x, T) {
    return Multiply(g, x > T(0) && x < T(6) ? T(1) : T(0));
  }
};
struct LeakyReluGradOp {
  template <typename T>
  static T Apply(T g, T x, T alpha) {
    return x > T(0) ? g : g * alpha;
  }
};

template <typename T>
using ReluGrad = Gradient<ReluGradOp, T>;
template <typename T>
using Relu6Grad = Gradient<Relu6GradOp, T>;
template <typename T>
using LeakyReluGrad = Gradient<LeakyReluGradOp, T>;

template <template <typename> class K>
void DescribeForward(OpBuilder& op) {
  op.Input("features: T").Output("activations: T").Attr("T: type");
  op.Shape(UnchangedRule);
  op.KernelForEach<K, RealTypes>("T");
}

template <template <typename> class K>
void DescribeGradient(OpBuilder& op) {
  op.Input("gradients: T").Input("features: T").Output("backprops: T");
  op.Attr("T: type");
  op.Shape(MergedRule);
  op.KernelForEach<K, RealTypes>("T");
}

REGISTER_OP("Relu", [](OpBuilder& op) { DescribeForward<Relu>(op); });
REGISTER_OP("Relu6", [](OpBuilder& op) { DescribeForward<Relu6>(op); });
REGISTER_OP("ReluGrad", [](OpBuilder& op) { DescribeGradient<ReluGrad>(op); });
REGISTER_OP("Relu6Grad",
            [](OpBuilder& op) { DescribeGradient<Relu6Grad>(op); });

REGISTER_OP("LeakyRelu", [](OpBuilder& op) {
  op.Input("features: T").Output("activations: T");
  op.Attr("alpha: float = 0.2").Attr("T: type = DT_FLOAT");
  op.Shape(UnchangedRule);
  op.KernelForEach<LeakyRelu, FloatTypes>("T");
});

REGISTER_OP("LeakyReluGrad", [](OpBuilder& op) {
  op.Input("gradients: T").Input("features: T").Output("backprops: T");
  op.Attr("alpha: float = 0.2").Attr("T: type = DT_FLOAT");
  op.Shape(MergedRule);
  op.KernelForEach<LeakyReluGrad, FloatTypes>("T");
});

}  // namespace

const UnaryLoop* ReluLoop(ElementOp op) {
  switch (op) {
    case ElementOp::kRelu:
      return &Relu<float>::kLoop;
    case ElementOp::kRelu6:
      return &Relu6<float>::kLoop;
    default:
      return nullptr;
  }
}

const BinaryLoops* LeakyReluLoops(ElementOp op) {
  return op == ElementOp::kLeakyRelu ? &BinaryKernel<LeakyReluFn>::kLoops
                                     : nullptr;
}

}  // namespace metagraph
