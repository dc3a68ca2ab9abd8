// Comparisons: two tensors, broadcast, to bool.

#include <cmath>
#include <complex>
#include <string>

#include "core/kernels/arithmetic.h"
#include "core/kernels/binary_kernel.h"
#include "core/kernels/kernel_types.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
struct EqualFn {
  using In = T;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(const T& a, const T& b) { return a == b; }
};

template <typename T>
struct NotEqualFn {
  using In = T;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(const T& a, const T& b) { return a != b; }
};

template <typename T>
struct LessFn {
  using In = T;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(T a, T b) { return a < b; }
};

template <typename T>
struct LessEqualFn {
  using In = T;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(T a, T b) { return a <= b; }
};

template <typename T>
struct GreaterFn {
  using In = T;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(T a, T b) { return a > b; }
};

template <typename T>
struct GreaterEqualFn {
  using In = T;
  using Out = bool;
  static constexpr int64_t kCost = 1;
  static bool Apply(T a, T b) { return a >= b; }
};

// Equal and NotEqual may be told that shapes which do not fit are merely
// different.
template <typename Fn, bool kIfIncompatible>
class EqualityKernel : public BinaryKernel<Fn> {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("incompatible_shape_error",
                             &incompatible_shape_error_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    if (!incompatible_shape_error_ &&
        !(ctx.input(0).shape() == ctx.input(1).shape())) {
      const TensorShape* shapes[] = {&ctx.input(0).shape(),
                                     &ctx.input(1).shape()};
      if (!Broadcast::Make(shapes).ok()) {
        ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, {}));
        *out->mutable_data<bool>() = kIfIncompatible;
        return absl::OkStatus();
      }
    }
    return BinaryKernel<Fn>::Compute(ctx);
  }

 private:
  bool incompatible_shape_error_ = true;
};

template <typename T>
class Equal final : public EqualityKernel<EqualFn<T>, false> {};
template <typename T>
class NotEqual final : public EqualityKernel<NotEqualFn<T>, true> {};

// |x - y| < tolerance, no broadcasting.
template <typename T>
class ApproximateEqual final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("tolerance", &tolerance_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    const Tensor& y = ctx.input(1);
    if (!(x.shape() == y.shape())) {
      return InvalidArgument(
          "x and y must be of the same shape. x shape: ", x.shape().ToString(),
          ". y shape: ", y.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, x.shape()));
    const T* a = x.data<T>();
    const T* b = y.data<T>();
    bool* to = out->mutable_data<bool>();
    return ctx.ParallelFor(x.num_elements(), 2,
                           [=, this](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               to[i] = Near(a[i], b[i]);
                             }
                           });
  }

 private:
  bool Near(T a, T b) const {
    if constexpr (kIsComplex<T>) {
      return std::abs(a - b) < tolerance_;
    } else if constexpr (kIsSmallFloat<T>) {
      return std::abs(static_cast<float>(a - b)) <
             static_cast<float>(static_cast<T>(tolerance_));
    } else if constexpr (std::is_integral_v<T>) {
      // The difference may exceed T, and the tolerance counts as a T.
      const T distance = a > b ? Subtract(a, b) : Subtract(b, a);
      return static_cast<double>(static_cast<std::make_unsigned_t<T>>(
                 distance)) < std::trunc(static_cast<double>(tolerance_));
    } else {
      return std::abs(a - b) < static_cast<T>(tolerance_);
    }
  }

  float tolerance_ = 0;
};

// Shapes that do not fit are unequal, where the node does not call that an
// error: then the answer is a scalar.
absl::Status EqualityRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const bool refuse,
                   ctx.Attr<bool>("incompatible_shape_error"));
  if (refuse) return BroadcastRule(ctx);
  const PartialShape& x = ctx.input(0);
  const PartialShape& y = ctx.input(1);
  const auto shape = BroadcastShapes(x, y);
  if (!shape.ok()) return ScalarRule(ctx);
  if (x.IsFullyDefined() && y.IsFullyDefined()) ctx.SetOutput(0, *shape);
  return absl::OkStatus();
}

void Signature(OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("z: bool").Attr("T: type");
  op.Shape(BroadcastRule);
}

template <template <typename> class K>
void AddQuantized(OpBuilder& op) {
  op.KernelWhere<K<int8_t>>({{"T", DT_QINT8}});
  op.KernelWhere<K<uint8_t>>({{"T", DT_QUINT8}});
  op.KernelWhere<K<int16_t>>({{"T", DT_QINT16}});
  op.KernelWhere<K<uint16_t>>({{"T", DT_QUINT16}});
  op.KernelWhere<K<int32_t>>({{"T", DT_QINT32}});
}

REGISTER_OP("Equal", [](OpBuilder& op) {
  Signature(op);
  op.Attr("incompatible_shape_error: bool = true");
  op.Shape(EqualityRule);
  op.KernelForEach<Equal, PlainAndStringTypes>("T");
  AddQuantized<Equal>(op);
});

REGISTER_OP("NotEqual", [](OpBuilder& op) {
  Signature(op);
  op.Attr("incompatible_shape_error: bool = true");
  op.Shape(EqualityRule);
  op.KernelForEach<NotEqual, PlainAndStringTypes>("T");
  AddQuantized<NotEqual>(op);
});

REGISTER_OP("Less", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<LessFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("LessEqual", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<LessEqualFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("Greater", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<GreaterFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("GreaterEqual", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Binary<GreaterEqualFn>::Kernel, RealTypes>("T");
});

REGISTER_OP("ApproximateEqual", [](OpBuilder& op) {
  Signature(op);
  op.Attr("tolerance: float = 0.00001");
  op.Shape(MergedRule);
  op.KernelForEach<ApproximateEqual, NumberTypes>("T");
});

}  // namespace
}  // namespace metagraph
