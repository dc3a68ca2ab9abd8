// Sum, Mean, EuclideanNorm, L2Loss.

#include <cmath>
#include <complex>

#include "core/kernels/element_loops.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/reduce.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
struct SumReducer {
  using Acc = AccumulatorType<T>;
  using Combiner = SumCombiner<Acc>;
  using Loader = ValueLoader<T, Acc>;
  static T Finish(Acc acc, int64_t) { return static_cast<T>(acc); }
};

// Integers add up in 64 bits and the quotient is cut, as in TensorFlow.
template <typename T>
struct MeanReducer {
  using Acc = std::conditional_t<
      std::is_integral_v<T>,
      std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
      AccumulatorType<T>>;
  using Combiner = SumCombiner<Acc>;
  using Loader = ValueLoader<T, Acc>;
  static T Finish(Acc acc, int64_t count) {
    if constexpr (std::is_integral_v<T>) {
      return count == 0 ? T(0) : static_cast<T>(acc / static_cast<Acc>(count));
    } else if constexpr (kIsComplex<T>) {
      return acc / T(static_cast<typename T::value_type>(count));
    } else {
      return static_cast<T>(acc / static_cast<Acc>(count));
    }
  }
};

template <typename T, typename Acc>
struct SquareLoader {
  using In = T;
  static Acc Load(T x) {
    if constexpr (kIsComplex<T>) {
      return Acc(std::norm(x));
    } else {
      return Multiply(static_cast<Acc>(x), static_cast<Acc>(x));
    }
  }
};

template <typename T>
struct NormReducer {
  using Acc = AccumulatorType<T>;
  using Combiner = SumCombiner<Acc>;
  using Loader = SquareLoader<T, Acc>;
  static T Finish(Acc acc, int64_t) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(std::sqrt(static_cast<double>(acc)));
    } else {
      return static_cast<T>(std::sqrt(acc));
    }
  }
};

template <typename T>
struct HalfSquareReducer {
  using Acc = AccumulatorType<T>;
  using Combiner = SumCombiner<Acc>;
  using Loader = SquareLoader<T, Acc>;
  static T Finish(Acc acc, int64_t) { return static_cast<T>(acc / Acc(2)); }
};

template <typename T>
class L2Loss final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& t = ctx.input(0);
    ReductionPlan plan;
    plan.reduced_elements = t.num_elements();
    if (t.num_elements() != 1) plan.groups = {{t.num_elements(), true}};
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {}));
    static constexpr Reduction kReduction =
        ReductionOf<HalfSquareReducer<T>, T>();
    return Reduce(ctx, t, plan, kReduction, output);
  }
};

// Sums that wrap have the same bits with and without a sign.
template <typename T>
using Sum = ReductionKernel<SumReducer<Unsigned<T>>, Unsigned<T>>;
template <typename T>
using Mean = ReductionKernel<MeanReducer<T>, T>;
template <typename T>
using EuclideanNorm = ReductionKernel<NormReducer<T>, T>;

void Signature(OpBuilder& op) {
  op.Input("input: T").Input("reduction_indices: Tidx").Output("output: T");
  op.Attr("keep_dims: bool = false").Attr("T: type");
  op.Attr("Tidx: type = DT_INT32");
  op.Shape(ReductionRule);
}

REGISTER_OP("Sum", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Sum, NumberTypes>("T");
});

REGISTER_OP("Mean", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<Mean, NumberTypes>("T");
});

REGISTER_OP("EuclideanNorm", [](OpBuilder& op) {
  Signature(op);
  op.KernelForEach<EuclideanNorm, NumberTypes>("T");
});

REGISTER_OP("L2Loss", [](OpBuilder& op) {
  op.Input("t: T").Output("output: T").Attr("T: type");
  op.Shape(ScalarRule);
  op.KernelForEach<L2Loss, FloatTypes>("T");
});

}  // namespace

const Reduction* SumReduction(ElementOp op) {
  static constexpr Reduction kSum = ReductionOf<SumReducer<float>, float>();
  static constexpr Reduction kMean = ReductionOf<MeanReducer<float>, float>();
  return op == ElementOp::kSum    ? &kSum
         : op == ElementOp::kMean ? &kMean
                                  : nullptr;
}

}  // namespace metagraph
