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
  static constexpr int64_t kLanes = 32;  // independent accumulators

  // Lanes side by side are vectorised and add short columns of terms; the
  // parts of long runs are reduced apart: both keep float errors small.
  static Acc Run(const In* in, int64_t n) {
    constexpr int64_t kRun = 64 * kLanes;
    if (n > kRun) {
      const int64_t split = (n / 2 + kRun - 1) / kRun * kRun;
      return Combiner::Combine(Run(in, split), Run(in + split, n - split));
    }
    Acc total = Combiner::Identity();
    if (n >= kLanes) {
      Acc lanes[kLanes];
      for (int64_t k = 0; k < kLanes; ++k) lanes[k] = Loader::Load(in[k]);
      const In* const end = in + n / kLanes * kLanes;
      for (in += kLanes; in != end; in += kLanes) {
        for (int64_t k = 0; k < kLanes; ++k) {
          lanes[k] = Combiner::Combine(lanes[k], Loader::Load(in[k]));
        }
      }
      for (const Acc lane : lanes) total = Combiner::Combine(total, lane);
      n %= kLanes;
    }
    for (int64_t i = 0; i < n; ++i) {
      total = Combiner::Combine(total, Loader::Load(in[i]));
    }
    return total;
  }

  static void Columns(const void* in_data, int64_t rows, int64_t stride,
                      int64_t columns, void* out_data) {
    const In* in = static_cast<const In*>(in_data);
    Acc* out = static_cast<Acc*>(out_data);
    for (int64_t c = 0; c < columns; ++c) out[c] = Loader::Load(in[c]);
    for (int64_t r = 1; r < rows; ++r) {
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
