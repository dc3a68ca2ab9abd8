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

// One pass: input [outer, size, inner] to output [outer, chunks, inner], each
// chunk of the middle dimension reduced by itself.
struct ReductionPass {
  static bool Remains(const std::vector<ReductionPlan::Group>& groups);
  // The pass over the innermost reduced group; updates the groups to what it
  // leaves. REQUIRES: Remains(groups).
  static ReductionPass Next(std::vector<ReductionPlan::Group>& groups);

  int64_t outputs() const { return outer * chunks * inner; }

  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;
  int64_t chunk = 1;  // elements per chunk; the last may have fewer
  int64_t chunks = 1;
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

// One pass over the data. Kept apart from what an op does before and after,
// so that ops share the loops: Sum and Mean, first and later passes.
template <typename Combiner, typename Loader>
class ReductionLoops {
 public:
  using Acc = typename Combiner::Acc;
  using In = typename Loader::In;

  static absl::Status Run(KernelContext& ctx, const ReductionPass& pass,
                          const In* in, Acc* out) {
    if (pass.inner == 1) {
      return ctx.ParallelFor(pass.outer * pass.chunks, pass.chunk,
                             [&](int64_t begin, int64_t end) {
                               for (int64_t unit = begin; unit < end; ++unit) {
                                 const auto [from, rows] = ChunkOf(pass, unit);
                                 out[unit] = ReduceRun(in + from, rows);
                               }
                             });
    }
    const int64_t tiles = (pass.inner + kColumns - 1) / kColumns;
    return ctx.ParallelFor(
        pass.outer * pass.chunks * tiles,
        pass.chunk * std::min(pass.inner, kColumns),
        [&](int64_t begin, int64_t end) {
          for (int64_t unit = begin; unit < end; ++unit) {
            const auto [from, rows] = ChunkOf(pass, unit / tiles);
            const int64_t column = unit % tiles * kColumns;
            ReduceColumns(in + from * pass.inner + column, rows, pass.inner,
                          std::min(kColumns, pass.inner - column),
                          out + unit / tiles * pass.inner + column);
          }
        });
  }

 private:
  static constexpr int64_t kLanes = 32;      // independent accumulators
  static constexpr int64_t kColumns = 1024;  // of one unit of work

  // First row of a chunk, counted over all of [outer, size], and their number.
  static std::pair<int64_t, int64_t> ChunkOf(const ReductionPass& pass,
                                             int64_t index) {
    if (pass.chunks == 1) return {index * pass.size, pass.size};
    const int64_t start = index % pass.chunks * pass.chunk;
    return {index / pass.chunks * pass.size + start,
            std::min(pass.chunk, pass.size - start)};
  }

  // Lanes side by side are vectorised and add short columns of terms; the
  // parts of long runs are reduced apart: both keep float errors small.
  static Acc ReduceRun(const In* in, int64_t n) {
    constexpr int64_t kRun = 64 * kLanes;
    if (n > kRun) {
      const int64_t split = (n / 2 + kRun - 1) / kRun * kRun;
      return Combiner::Combine(ReduceRun(in, split),
                               ReduceRun(in + split, n - split));
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

  static void ReduceColumns(const In* in, int64_t rows, int64_t stride,
                            int64_t columns, Acc* out) {
    for (int64_t c = 0; c < columns; ++c) out[c] = Loader::Load(in[c]);
    for (int64_t r = 1; r < rows; ++r) {
      const In* row = in + r * stride;
      for (int64_t c = 0; c < columns; ++c) {
        out[c] = Combiner::Combine(out[c], Loader::Load(row[c]));
      }
    }
  }
};

// Reducer is stateless:
//   using Combiner, Loader;
//   static T Finish(Acc, int64_t count);  // count elements went in
template <typename Reducer, typename T>
absl::Status Reduce(KernelContext& ctx, const Tensor& input,
                    const ReductionPlan& plan, Tensor* output) {
  using Combiner = typename Reducer::Combiner;
  using Loader = typename Reducer::Loader;
  using Acc = typename Combiner::Acc;
  const T* in = input.data<T>();
  T* out = output->mutable_data<T>();
  const int64_t count = plan.reduced_elements;
  const int64_t outputs = output->num_elements();
  if (outputs == 0) return absl::OkStatus();
  if (input.num_elements() == 0) {
    std::fill_n(out, outputs, Reducer::Finish(Combiner::Identity(), count));
    return absl::OkStatus();
  }
  std::vector<ReductionPlan::Group> groups = plan.groups;
  if (!ReductionPass::Remains(groups)) {
    for (int64_t i = 0; i < outputs; ++i) {
      out[i] = Reducer::Finish(Loader::Load(in[i]), count);
    }
    return absl::OkStatus();
  }
  // The first pass loads the input, each later one combines what the one
  // before it accumulated.
  ReductionPass pass = ReductionPass::Next(groups);
  ASSIGN_OR_RETURN(Tensor temp,
                   ctx.AllocateTemp(kDataType<Acc>, {pass.outputs()}));
  RETURN_IF_ERROR((ReductionLoops<Combiner, Loader>::Run(
      ctx, pass, in, temp.template mutable_data<Acc>())));
  while (ReductionPass::Remains(groups)) {
    const Tensor previous = std::move(temp);
    pass = ReductionPass::Next(groups);
    ASSIGN_OR_RETURN(temp, ctx.AllocateTemp(kDataType<Acc>, {pass.outputs()}));
    RETURN_IF_ERROR((ReductionLoops<Combiner, ValueLoader<Acc, Acc>>::Run(
        ctx, pass, previous.template data<Acc>(),
        temp.template mutable_data<Acc>())));
  }
  const Acc* acc = temp.template data<Acc>();
  for (int64_t i = 0; i < outputs; ++i) {
    out[i] = Reducer::Finish(acc[i], count);
  }
  return absl::OkStatus();
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
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(
        const ReductionPlan plan,
        ReductionPlan::Make(input.shape(), ctx.input(1), keep_dims_));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, plan.output));
    return Reduce<Reducer, T>(ctx, input, plan, output);
  }

 private:
  bool keep_dims_ = false;
};

// half and bfloat16 accumulate in float.
template <typename T>
using AccumulatorType = std::conditional_t<kIsSmallFloat<T>, float, T>;

}  // namespace metagraph
