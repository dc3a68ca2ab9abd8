#pragma once

// The machinery of Sum, Max, … : which dimensions go, and loops that are fast
// and, for floats, accurate whatever the layout.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/kernels/arithmetic.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// Dimensions to reduce, merged: sizes alternate between kept and reduced.
struct ReductionPlan {
  struct Group {
    int64_t size;
    bool reduced;
  };

  // `axes` is int32 or int64; negative ones count from the end.
  static absl::StatusOr<ReductionPlan> Make(const TensorShape& shape,
                                            const Tensor& axes, bool keep_dims);

  TensorShape output;
  int64_t reduced_elements = 1;  // per output element
  std::vector<Group> groups;     // none of size 1
};

// How values of type Acc are combined: associative and commutative.
template <typename T>
struct SumCombiner {
  using Acc = T;
  static Acc Identity() { return Acc(0); }
  static Acc Combine(Acc a, Acc b) { return Add(a, b); }
};

// What an element counts: itself or its square.
template <typename T, typename AccT>
struct ValueLoader {
  using In = T;
  static AccT Load(T x) { return static_cast<AccT>(x); }
};

// The loops over elements of type In that add up Acc, their types erased:
// what surrounds them is compiled once, only these for each op and dtype.
struct ReductionLoops {
  int64_t in_size;  // of an element, in bytes
  // *out = the elements [0, n) combined.
  void (*run)(const void* in, int64_t n, void* out);
  // out[c] = the rows' elements c combined, 0 <= c < columns; rows are `stride`
  // elements apart.
  void (*columns)(const void* in, int64_t rows, int64_t stride, int64_t columns,
                  void* out);
};

struct Reduction {
  DataType acc_dtype;
  ReductionLoops first;  // from the input
  ReductionLoops later;  // from what was accumulated
  // The last step for n elements, into each of which `count` went.
  void (*finish)(const void* acc, void* out, int64_t n, int64_t count);
  // The same where one element each goes in, and where none does.
  void (*finish_single)(const void* in, void* out, int64_t n);
  void (*finish_empty)(void* out, int64_t n);
};

// `output` has the shape that `plan` says.
absl::Status Reduce(KernelContext& ctx, const Tensor& input,
                    const ReductionPlan& plan, const Reduction& reduction,
                    Tensor* output);

template <typename Combiner, typename Loader>
class CombineLoops {
 public:
  using Acc = typename Combiner::Acc;
  using In = typename Loader::In;

  static constexpr ReductionLoops Loops() {
    return {sizeof(In),
            [](const void* in, int64_t n, void* out) {
              *static_cast<Acc*>(out) = Run(static_cast<const In*>(in), n);
            },
            &Columns};
  }

 private:
  // Independent accumulators side by side are vectorised, and each adds a
  // short column of terms; parts of long runs are reduced apart and sums added
  // in pairs: all of this keeps float errors small.
  static Acc Run(const In* in, int64_t n) {
    constexpr int64_t kRun = 2048;
    if (n > kRun) {
      const int64_t split = (n / 2 + kRun - 1) / kRun * kRun;
      return Combiner::Combine(Run(in, split), Run(in + split, n - split));
    }
    if (n >= 32) return RunLanes<32>(in, n);
    if (n >= 4) return RunLanes<4>(in, n);
    Acc total = Combiner::Identity();
    for (int64_t i = 0; i < n; ++i) {
      total = Combiner::Combine(total, Loader::Load(in[i]));
    }
    return total;
  }

  // REQUIRES: n >= lane_count, which is a power of 2.
  template <int64_t lane_count>
  static Acc RunLanes(const In* in, int64_t n) {
    Acc lanes[lane_count];
    for (int64_t k = 0; k < lane_count; ++k) lanes[k] = Loader::Load(in[k]);
    const In* const end = in + n;
    for (in += lane_count; end - in >= lane_count; in += lane_count) {
      for (int64_t k = 0; k < lane_count; ++k) {
        lanes[k] = Combiner::Combine(lanes[k], Loader::Load(in[k]));
      }
    }
    for (int64_t k = 0; in != end; ++k, ++in) {
      lanes[k] = Combiner::Combine(lanes[k], Loader::Load(*in));
    }
    for (int64_t left = lane_count / 2; left > 0; left /= 2) {
      for (int64_t k = 0; k < left; ++k) {
        lanes[k] = Combiner::Combine(lanes[k], lanes[k + left]);
      }
    }
    return lanes[0];
  }

  // Four rows at a time: a quarter of the traffic to `out`, and of the terms
  // that pile up there.
  static void Columns(const void* in_data, int64_t rows, int64_t stride,
                      int64_t columns, void* out_data) {
    const In* in = static_cast<const In*>(in_data);
    Acc* out = static_cast<Acc*>(out_data);
    for (int64_t c = 0; c < columns; ++c) out[c] = Loader::Load(in[c]);
    int64_t r = 1;
    for (; r + 4 <= rows; r += 4) {
      const In* r0 = in + r * stride;
      const In* r1 = r0 + stride;
      const In* r2 = r1 + stride;
      const In* r3 = r2 + stride;
      for (int64_t c = 0; c < columns; ++c) {
        const Acc low =
            Combiner::Combine(Loader::Load(r0[c]), Loader::Load(r1[c]));
        const Acc high =
            Combiner::Combine(Loader::Load(r2[c]), Loader::Load(r3[c]));
        out[c] = Combiner::Combine(out[c], Combiner::Combine(low, high));
      }
    }
    for (; r < rows; ++r) {
      const In* row = in + r * stride;
      for (int64_t c = 0; c < columns; ++c) {
        out[c] = Combiner::Combine(out[c], Loader::Load(row[c]));
      }
    }
  }
};

// The reduction of Reducer, which is stateless:
//   using Combiner, Loader;
//   static T Finish(Acc, int64_t count);  // count elements went in
template <typename Reducer, typename T>
constexpr Reduction ReductionOf() {
  using Combiner = typename Reducer::Combiner;
  using Loader = typename Reducer::Loader;
  using Acc = typename Combiner::Acc;
  return {
      kDataType<Acc>,
      CombineLoops<Combiner, Loader>::Loops(),
      CombineLoops<Combiner, ValueLoader<Acc, Acc>>::Loops(),
      [](const void* acc, void* out, int64_t n, int64_t count) {
        for (int64_t i = 0; i < n; ++i) {
          static_cast<T*>(out)[i] =
              Reducer::Finish(static_cast<const Acc*>(acc)[i], count);
        }
      },
      [](const void* in, void* out, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
          static_cast<T*>(out)[i] =
              Reducer::Finish(Loader::Load(static_cast<const T*>(in)[i]), 1);
        }
      },
      [](void* out, int64_t n) {
        std::fill_n(static_cast<T*>(out), n,
                    Reducer::Finish(Combiner::Identity(), 0));
      },
  };
}

// The kernel of an op "input, reduction_indices -> output".
template <typename Reducer, typename T>
class ReductionKernel final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(keep_dims_, construction.Attr<bool>("keep_dims"));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    static constexpr Reduction kReduction = ReductionOf<Reducer, T>();
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(
        const ReductionPlan plan,
        ReductionPlan::Make(input.shape(), ctx.input(1), keep_dims_));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, plan.output));
    return Reduce(ctx, input, plan, kReduction, output);
  }

 private:
  bool keep_dims_ = false;
};

// half and bfloat16 accumulate in float.
template <typename T>
using AccumulatorType = std::conditional_t<kIsSmallFloat<T>, float, T>;

}  // namespace metagraph
