// Max, Min, Prod, All, Any.

#include <limits>

#include "core/kernels/element_loops.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/reduce.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// The largest or smallest value of T, infinite if T has infinities.
template <typename T>
T Extreme(bool largest) {
  if constexpr (std::is_integral_v<T>) {
    return largest ? std::numeric_limits<T>::max()
                   : std::numeric_limits<T>::lowest();
  } else {
    const T infinity = std::numeric_limits<T>::infinity();
    return largest ? infinity : -infinity;
  }
}

// NaN wins.
template <typename T>
struct MaxCombiner {
  using Acc = T;
  static T Identity() { return Extreme<T>(false); }
  static T Combine(T a, T b) { return a >= b || a != a ? a : b; }
};
template <typename T>
struct MinCombiner {
  using Acc = T;
  static T Identity() { return Extreme<T>(true); }
  static T Combine(T a, T b) { return a <= b || a != a ? a : b; }
};
template <typename T>
struct ProductCombiner {
  using Acc = T;
  static T Identity() { return T(1); }
  static T Combine(T a, T b) { return Multiply(a, b); }
};
struct AllCombiner {
  using Acc = bool;
  static bool Identity() { return true; }
  static bool Combine(bool a, bool b) { return a & b; }
};
struct AnyCombiner {
  using Acc = bool;
  static bool Identity() { return false; }
  static bool Combine(bool a, bool b) { return a | b; }
};

// The combined value itself.
template <typename CombinerT, typename T>
struct PlainReducer {
  using Combiner = CombinerT;
  using Acc = typename Combiner::Acc;
  using Loader = ValueLoader<T, Acc>;
  static T Finish(Acc acc, int64_t) { return static_cast<T>(acc); }
};

template <typename T>
using Max =
    ReductionKernel<PlainReducer<MaxCombiner<AccumulatorType<T>>, T>, T>;
template <typename T>
using Min =
    ReductionKernel<PlainReducer<MinCombiner<AccumulatorType<T>>, T>, T>;
template <typename T>
using ProdOf =
    ReductionKernel<PlainReducer<ProductCombiner<AccumulatorType<T>>, T>, T>;
// Products that wrap have the same bits with and without a sign.
template <typename T>
using Prod = ProdOf<Unsigned<T>>;

// The product of sizes is a size.
absl::Status ProductRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(ReductionRule(ctx));
  const std::optional<KnownInts> sizes = ctx.Ints(0);
  const std::optional<KnownInts> axes = ctx.Ints(1);
  DataType dtype;
  RETURN_IF_ERROR(ctx.Bind("T", &dtype));
  if (!sizes.has_value() || ctx.input(0).rank() != 1 || !axes.has_value() ||
      axes->size() != 1 || (dtype != DT_INT32 && dtype != DT_INT64)) {
    return absl::OkStatus();
  }
  int64_t product = 1;
  for (const int64_t size : *sizes) product = MultiplyDims(product, size);
  const bool wraps =
      dtype == DT_INT32 && product > std::numeric_limits<int32_t>::max();
  ctx.SetOutputInts(0, {product < 0 || wraps ? kUnknownInt : product});
  return absl::OkStatus();
}

void Signature(OpBuilder& op) {
  op.Input("input: T").Input("reduction_indices: Tidx").Output("output: T");
  op.Attr("keep_dims: bool = false").Attr("T: type");
  op.Attr("Tidx: type = DT_INT32");
  op.Shape(ReductionRule);
}

template <template <typename> class K>
void DescribeExtreme(OpBuilder& op) {
  Signature(op);
  op.KernelForEach<K, RealTypes>("T");
}

REGISTER_OP("Max", [](OpBuilder& op) { DescribeExtreme<Max>(op); });
REGISTER_OP("Min", [](OpBuilder& op) { DescribeExtreme<Min>(op); });

REGISTER_OP("Prod", [](OpBuilder& op) {
  Signature(op);
  op.Shape(ProductRule);
  op.KernelForEach<Prod, NumberTypes>("T");
});

template <typename Combiner>
void DescribeBool(OpBuilder& op) {
  op.Input("input: bool").Input("reduction_indices: Tidx");
  op.Output("output: bool");
  op.Attr("keep_dims: bool = false").Attr("Tidx: type = DT_INT32");
  op.Shape(ReductionRule);
  op.Kernel<ReductionKernel<PlainReducer<Combiner, bool>, bool>>();
}

REGISTER_OP("All", DescribeBool<AllCombiner>);
REGISTER_OP("Any", DescribeBool<AnyCombiner>);

}  // namespace

const Reduction* ExtremeReduction(ElementOp op) {
  static constexpr Reduction kMax =
      ReductionOf<PlainReducer<MaxCombiner<float>, float>, float>();
  static constexpr Reduction kMin =
      ReductionOf<PlainReducer<MinCombiner<float>, float>, float>();
  return op == ElementOp::kMax   ? &kMax
         : op == ElementOp::kMin ? &kMin
                                 : nullptr;
}

}  // namespace metagraph
