// TopK, TopKV2, InTopK, InTopKV2, NthElement.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/kernels/block_sort.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// A strict weak order also with NaN, which counts as greater than all.
template <typename T>
bool Greater(const T& a, const T& b) {
  return b < a || (a != a && b == b);
}

template <typename T>
class TopK final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if (construction.num_inputs() == 1) {
      ASSIGN_OR_RETURN(k_, construction.Attr<int64_t>("k"));
    }
    return construction.Bind("sorted", &sorted_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    int64_t k = k_;
    if (ctx.num_inputs() == 2) {
      RETURN_IF_ERROR(
          RequireScalar(ctx.input(1), "k must be scalar, got shape "));
      ASSIGN_OR_RETURN(k, ReadInt(ctx.input(1), "k"));
    }
    if (k < 0) return InvalidArgument("Need k >= 0, got ", k);
    RETURN_IF_ERROR(
        RequireNotScalar(input, "input must be >= 1-D, got shape "));
    const int last = input.rank() - 1;
    const int64_t columns = input.dim(last);
    if (columns < k) {
      return InvalidArgument("input must have at least k columns. Had ",
                             columns, ", needed ", k);
    }
    TensorShape shape = input.shape();
    shape.SetDim(last, k);
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(0, shape));
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(1, shape));
    if (shape.num_elements() == 0) return absl::OkStatus();
    return RunForType<Types<int32_t, int64_t, int16_t>>(
        "index_type", indices->dtype(), [&]<typename Index>() {
          return Run<Index>(ctx, input, k, values, indices);
        });
  }

 private:
  template <typename Index>
  absl::Status Run(const KernelContext& ctx, const Tensor& input, int64_t k,
                   Tensor* values, Tensor* places) const {
    const int64_t columns = input.dim(input.rank() - 1);
    if (columns > std::numeric_limits<Index>::max()) {
      return InvalidArgument("Second dimension of flattened input must be <= ",
                             std::numeric_limits<Index>::max(), ", got ",
                             columns);
    }
    Index* indices = places->mutable_data<Index>();
    const T* in = input.data<T>();
    T* out = values->mutable_data<T>();
    RETURN_IF_ERROR(
        ctx.ParallelFor(values->num_elements() / k, 10 * columns,
                        [&](int64_t begin, int64_t end) {
                          Scratch<int64_t> best;
                          for (int64_t r = begin; r < end; ++r) {
                            const T* row = in + r * columns;
                            if (!FindBest(ctx, row, columns, k, best).ok())
                              return;
                            for (int64_t i = 0; i < k; ++i) {
                              out[r * k + i] = row[best[i]];
                              indices[r * k + i] = static_cast<Index>(best[i]);
                            }
                          }
                        }));
    return ctx.CheckCancelled();
  }

  // The columns of the k largest, in best[0, k). CANCELLED, DEADLINE_EXCEEDED.
  absl::Status FindBest(const KernelContext& ctx, const T* row, int64_t columns,
                        int64_t k, Scratch<int64_t>& best) const {
    Looks looks(ctx);
    if (k == columns) {
      // The rows that a heap cannot be short of: sorted in any case. std::sort
      // needs an order that NaN does not break.
      best.resize(k);
      std::iota(best.begin(), best.end(), int64_t{0});
      const auto greater = [row](int64_t a, int64_t b) {
        if (Greater(row[a], row[b])) return true;
        if (Greater(row[b], row[a])) return false;
        return a < b;
      };
      if (columns > Looks::kEvery) return SortInBlocks(ctx, best, greater);
      std::sort(best.begin(), best.end(), greater);
      return absl::OkStatus();
    }
    // NaN is neither greater nor smaller than anything: TensorFlow's order.
    const auto before = [row](int64_t a, int64_t b) {
      if (row[a] > row[b]) return true;
      if (row[a] < row[b]) return false;
      return a < b;
    };
    if (k == 1) {
      best.assign(1, 0);
      for (int64_t begin = 1; begin < columns; begin += Looks::kEvery) {
        const int64_t end = std::min(columns, begin + Looks::kEvery);
        RETURN_IF_ERROR(looks.After(end - begin));
        for (int64_t c = begin; c < end; ++c) {
          if (row[c] > row[best[0]]) best[0] = c;
        }
      }
      return absl::OkStatus();
    }
    // A heap of the best k so far, the worst of them at its front; at first of
    // one more. What is not to be sorted comes in the order that this leaves,
    // as from TensorFlow: so each step counts.
    best.resize(k + 1);
    std::iota(best.begin(), best.end(), int64_t{0});
    std::make_heap(best.begin(), best.end(), before);
    std::pop_heap(best.begin(), best.end(), before);
    best.pop_back();
    for (int64_t begin = k + 1; begin < columns; begin += Looks::kEvery) {
      const int64_t end = std::min(columns, begin + Looks::kEvery);
      RETURN_IF_ERROR(looks.After(end - begin));
      for (int64_t c = begin; c < end; ++c) {
        if (!before(c, best[0])) continue;
        std::pop_heap(best.begin(), best.end(), before);
        best.back() = c;
        std::push_heap(best.begin(), best.end(), before);
      }
    }
    if (!sorted_) return absl::OkStatus();
    // As std::sort_heap.
    for (auto end = best.end(); end - best.begin() > 1; --end) {
      RETURN_IF_ERROR(looks.After());
      std::pop_heap(best.begin(), end, before);
    }
    return absl::OkStatus();
  }

  bool sorted_ = true;
  int64_t k_ = 0;
};

// Whether the target class is among the k most probable ones.
class InTopK final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if (construction.num_inputs() == 2) {
      ASSIGN_OR_RETURN(k_, construction.Attr<int64_t>("k"));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& predictions = ctx.input(0);
    int64_t k = k_;
    if (ctx.num_inputs() == 3) {
      RETURN_IF_ERROR(RequireScalar(ctx.input(2), "k must be 0-D, got shape "));
      ASSIGN_OR_RETURN(k, ReadInt(ctx.input(2), "k"));
    }
    if (!predictions.shape().IsMatrix()) {
      return InvalidArgument("predictions must be 2-dimensional");
    }
    if (!ctx.input(1).shape().IsVector()) {
      return InvalidArgument("targets must be 1-dimensional");
    }
    const int64_t rows = predictions.dim(0);
    const int64_t classes = predictions.dim(1);
    if (rows != ctx.input(1).dim(0)) {
      return InvalidArgument("First dimension of predictions ", rows,
                             " must match length of targets ",
                             ctx.input(1).dim(0));
    }
    ASSIGN_OR_RETURN(const Ints targets, ReadInts(ctx.input(1)));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {rows}));
    bool* out = output->mutable_data<bool>();
    return ctx.ParallelFor(rows, 5 + classes, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const float* row = predictions.data<float>() + r * classes;
        out[r] = IsAmong(row, classes, targets[r], k);
      }
    });
  }

 private:
  static bool IsAmong(const float* row, int64_t classes, int64_t target,
                      int64_t k) {
    if (target < 0 || target >= classes) return false;
    int64_t better = 0;
    // Nothing can be said if any prediction is not finite.
    for (int64_t c = 0; c < classes && better <= k; ++c) {
      if (!std::isfinite(row[c])) return false;
      if (row[c] > row[target]) ++better;
    }
    return std::isfinite(row[target]) && better < k;
  }

  int64_t k_ = 0;
};

// The n-th smallest (largest if `reverse`) of each row.
template <typename T>
class NthElement final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("reverse", &reverse_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (ctx.input(1).rank() != 0) {
      return InvalidArgument("N must be scalar but has rank ",
                             ctx.input(1).rank());
    }
    ASSIGN_OR_RETURN(int64_t n, ReadInt(ctx.input(1), "n"));
    if (n < 0) return InvalidArgument("n must be non-negative but is ", n);
    if (input.rank() < 1) {
      return InvalidArgument("Input must be at least rank 1 but is rank ",
                             input.rank());
    }
    const int last = input.rank() - 1;
    const int64_t columns = input.dim(last);
    if (n >= columns) {
      return InvalidArgument("Input must have last dimension > n = ", n,
                             " but is ", columns);
    }
    TensorShape shape = input.shape();
    shape.RemoveDim(last);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    const int64_t at = reverse_ ? columns - 1 - n : n;
    T* out = output->mutable_data<T>();
    return ctx.ParallelFor(
        shape.num_elements(), 5 * columns, [&](int64_t begin, int64_t end) {
          Scratch<T> row(columns);
          for (int64_t r = begin; r < end; ++r) {
            std::copy_n(input.data<T>() + r * columns, columns, row.begin());
            std::nth_element(
                row.begin(), row.begin() + at, row.end(),
                [](const T& a, const T& b) { return Greater(b, a); });
            out[r] = row[at];
          }
        });
  }

 private:
  bool reverse_ = false;
};

absl::Status TopKRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  int64_t k = ctx.Int(1).value_or(kUnknownDim);
  if (ctx.num_inputs() == 1) {
    RETURN_IF_ERROR(ctx.Bind("k", &k));
  } else {
    RETURN_IF_ERROR(WithRank(ctx.input(1), 0).status());
  }
  RETURN_IF_ERROR(CheckRankAtLeast(input, 1));
  if (!input.known_rank()) return absl::OkStatus();
  if (k < 0) k = kUnknownDim;
  if (k >= 0 && DimOf(input, -1) >= 0 && DimOf(input, -1) < k) {
    return InvalidArgument("input must have last dimension >= k = ", k,
                           " but is ", DimOf(input, -1));
  }
  const PartialShape shape = ReplaceDim(input, -1, k);
  ctx.SetOutput(0, shape);
  ctx.SetOutput(1, shape);
  return absl::OkStatus();
}

absl::Status InTopKRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape predictions, WithRank(ctx.input(0), 2));
  ASSIGN_OR_RETURN(const PartialShape targets, WithRank(ctx.input(1), 1));
  ASSIGN_OR_RETURN(const int64_t rows,
                   MergeDims(predictions.dim(0), targets.dim(0)));
  ctx.SetOutput(0, PartialShape({rows}));
  return absl::OkStatus();
}

absl::Status NthElementRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(1), 0).status());
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 1));
  ctx.SetOutput(0, Subshape(ctx.input(0), 0, -1));
  return absl::OkStatus();
}

REGISTER_OP("TopK", [](OpBuilder& op) {
  op.Input("input: T").Output("values: T").Output("indices: int32");
  op.Attr("k: int >= 0").Attr("sorted: bool = true").Attr("T: type");
  op.Shape(TopKRule);
  op.KernelForEach<TopK, RealTypes>("T");
});
REGISTER_OP("TopKV2", [](OpBuilder& op) {
  op.Input("input: T").Input("k: Tk");
  op.Output("values: T").Output("indices: index_type");
  op.Attr("sorted: bool = true").Attr("T: type");
  op.Attr("Tk: type = DT_INT32").Attr("index_type: type = DT_INT32");
  op.Shape(TopKRule);
  op.KernelForEach<TopK, RealTypes>("T");
});
REGISTER_OP("InTopK", [](OpBuilder& op) {
  op.Input("predictions: float").Input("targets: T").Output("precision: bool");
  op.Attr("k: int").Attr("T: type = DT_INT32");
  op.Shape(InTopKRule);
  op.Kernel<InTopK>();
});
REGISTER_OP("InTopKV2", [](OpBuilder& op) {
  op.Input("predictions: float").Input("targets: T").Input("k: T");
  op.Output("precision: bool").Attr("T: type = DT_INT32");
  op.Shape(InTopKRule);
  op.Kernel<InTopK>();
});
REGISTER_OP("NthElement", [](OpBuilder& op) {
  op.Input("input: T").Input("n: int32").Output("values: T");
  op.Attr("reverse: bool = false").Attr("T: type");
  op.Shape(NthElementRule);
  op.KernelForEach<NthElement, RealTypes>("T");
});

}  // namespace
}  // namespace metagraph
