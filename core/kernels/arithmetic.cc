// Add, Sub, Mul and what is as simple.

#include "core/kernels/arithmetic.h"

#include <string>

#include "core/kernels/binary_kernel.h"
#include "core/kernels/element_loops.h"
#include "core/kernels/kernel_types.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
struct AddFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(const T& a, const T& b) { return Add(a, b); }
};

template <typename T>
struct SubFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return Subtract(a, b); }
};

template <typename T>
struct MulFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return Multiply(a, b); }
};

template <typename T>
struct MulNoNanFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return b == T(0) ? T(0) : Multiply(a, b); }
};

// NaN wins.
template <typename T>
struct MaximumFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return FlushDenormal(a >= b || a != a ? a : b); }
};

template <typename T>
struct MinimumFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return FlushDenormal(a <= b || a != a ? a : b); }
};

template <typename T>
struct SquaredDifferenceFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) {
    const T d = Subtract(a, b);
    if constexpr (kIsComplex<T>) {
      return T(d.real() * d.real() + d.imag() * d.imag());
    } else {
      return Multiply(d, d);
    }
  }
};

// What sizes are computed from while nothing runs; nullopt over int64.
std::optional<int64_t> CheckedSum(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_add_overflow(a, b, &out)) return {};
  return out;
}
std::optional<int64_t> CheckedDifference(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_sub_overflow(a, b, &out)) return {};
  return out;
}
std::optional<int64_t> CheckedProduct(int64_t a, int64_t b) {
  int64_t out;
  if (__builtin_mul_overflow(a, b, &out)) return {};
  return out;
}
std::optional<int64_t> Larger(int64_t a, int64_t b) { return std::max(a, b); }
std::optional<int64_t> Smaller(int64_t a, int64_t b) { return std::min(a, b); }

void Signature(OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("z: T").Attr("T: type");
  op.Shape(BroadcastRule);
}

REGISTER_OP("Add", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&CheckedSum>);
  op.KernelFor<Binary<AddFn>::Kernel, float, double, half, bfloat16, int8_t,
               int16_t, int32_t, int64_t, uint8_t, complex64, complex128,
               std::string>("T");
});

REGISTER_OP("AddV2", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&CheckedSum>);
  op.KernelForEach<Binary<AddFn>::Kernel, NumberTypes>("T");
});

REGISTER_OP("Sub", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&CheckedDifference>);
  op.KernelForEach<Binary<SubFn>::Kernel, NumberTypes>("T");
});

REGISTER_OP("Mul", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&CheckedProduct>);
  op.KernelForEach<Binary<MulFn>::Kernel, NumberTypes>("T");
});

REGISTER_OP("MulNoNan", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<MulNoNanFn>::Kernel, FractionTypes>("T");
});

REGISTER_OP("Maximum", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&Larger>);
  op.KernelForEach<Binary<MaximumFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("Minimum", [](OpBuilder& op) {
  Signature(op);
  op.Shape(IntRule<&Smaller>);
  op.KernelForEach<Binary<MinimumFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("SquaredDifference", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<SquaredDifferenceFn>::Kernel,
                   Joined<FractionTypes, IndexTypes>>("T");
});

}  // namespace

const BinaryLoops* ArithmeticLoops(ElementOp op) {
  switch (op) {
    case ElementOp::kAdd:
      return &BinaryKernel<AddFn<float>>::kLoops;
    case ElementOp::kSub:
      return &BinaryKernel<SubFn<float>>::kLoops;
    case ElementOp::kMul:
      return &BinaryKernel<MulFn<float>>::kLoops;
    case ElementOp::kMaximum:
      return &BinaryKernel<MaximumFn<float>>::kLoops;
    case ElementOp::kMinimum:
      return &BinaryKernel<MinimumFn<float>>::kLoops;
    case ElementOp::kSquaredDifference:
      return &BinaryKernel<SquaredDifferenceFn<float>>::kLoops;
    default:
      return nullptr;
  }
}

}  // namespace metagraph
