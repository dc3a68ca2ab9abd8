// Rows that indices pick, reduced by segment, and the gradients of that:
// SparseSegmentSum, -Mean, -SqrtN.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <type_traits>

#include "core/base/checked_math.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

enum class SegmentScale { kSum, kMean, kSqrtN };

// What sums of T are made in: small floats would lose too much.
template <typename T>
using SegmentSum = std::conditional_t<kIsSmallFloat<T>, float, T>;

double DivisorOf(SegmentScale scale, int64_t count) {
  const auto n = static_cast<double>(count);
  return scale == SegmentScale::kMean ? n : std::sqrt(n);
}

absl::Status CheckPicks(const KernelContext& ctx) {
  if (!ctx.input(1).shape().IsVector()) {
    return InvalidArgument("indices should be a vector.");
  }
  if (!ctx.input(2).shape().IsVector()) {
    return InvalidArgument("segment_ids should be a vector.");
  }
  if (ctx.input(1).dim(0) != ctx.input(2).dim(0)) {
    return InvalidArgument("segment_ids and indices should have same size.");
  }
  return absl::OkStatus();
}

// How many rows the output has; `wanted` is num_segments, if there is
// such an input. Also checks the order of the ids.
absl::StatusOr<int64_t> CountPickedSegments(const Ints& ids,
                                            std::optional<int64_t> wanted) {
  const std::optional<int64_t> needed =
      ids.empty() ? 0 : CheckedAdd(ids.back(), 1);
  if (!needed) return InvalidArgument("segment ids must be >= 0");
  if (wanted && *wanted < 0) return InvalidArgument("segment ids must be >= 0");
  if (wanted && *wanted < *needed) {
    return InvalidArgument("segment ids must be < num_segments");
  }
  const int64_t count = wanted.value_or(*needed);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] < ids[i - 1]) {
      return InvalidArgument("segment ids are not increasing");
    }
    if (ids[i] < 0) {
      return InvalidArgument(
          "Segment id ", ids[i], " out of range [0, ", count,
          "), possibly because 'segment_ids' input is not sorted.");
    }
  }
  return count;
}

// data, indices, segment_ids and maybe num_segments.
template <typename T, SegmentScale kScale>
class SparseSegment final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& data = ctx.input(0);
    std::optional<int64_t> wanted;
    if (ctx.num_inputs() > 3) {
      if (!ctx.input(3).shape().IsScalar()) {
        return InvalidArgument("num_segments should be a scalar, not shape ",
                               ctx.input(3).shape().ToString());
      }
      ASSIGN_OR_RETURN(wanted, ReadInt(ctx.input(3), "num_segments"));
    }
    RETURN_IF_ERROR(CheckPicks(ctx));
    if (data.rank() < 1)
      return InvalidArgument("Shape must be at least rank 1");
    ASSIGN_OR_RETURN(const Ints indices, ReadInts(ctx.input(1)));
    ASSIGN_OR_RETURN(const Ints ids, ReadInts(ctx.input(2)));
    Ints dims(data.shape().dims().begin(), data.shape().dims().end());
    ASSIGN_OR_RETURN(dims[0], CountPickedSegments(ids, wanted));
    for (size_t i = 0; i < indices.size(); ++i) {
      if (indices[i] < 0 || indices[i] >= data.dim(0)) {
        return InvalidArgument("Bad: indices[", i, "] == ", indices[i],
                               " out of range [0, ", data.dim(0), ")");
      }
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    std::fill_n(output->mutable_data<T>(), output->num_elements(), T(0));
    const int64_t row = ProductOf(data.shape(), 1, data.rank());
    if (row == 0) return absl::OkStatus();
    return Reduce(ctx, data, row, indices, ids, output);
  }

 private:
  // Runs of equal ids, in parallel: no two blocks share one.
  static absl::Status Reduce(KernelContext& ctx, const Tensor& data,
                             int64_t row, const Ints& indices, const Ints& ids,
                             Tensor* output) {
    const auto count = static_cast<int64_t>(ids.size());
    const T* in = data.data<T>();
    T* out = output->mutable_data<T>();
    RETURN_IF_ERROR(
        ctx.ParallelFor(count, 10 + row / 2, [&](int64_t begin, int64_t end) {
          while (begin > 0 && begin < end && ids[begin] == ids[begin - 1]) {
            ++begin;
          }
          if (begin == end) return;  // all of it belongs to a block before
          Looks looks(ctx);
          while (end < count && ids[end] == ids[end - 1]) ++end;
          Scratch<SegmentSum<T>> sums(row);
          for (int64_t i = begin; i < end;) {
            int64_t next = i;
            std::fill(sums.begin(), sums.end(), SegmentSum<T>(0));
            for (; next < end && ids[next] == ids[i]; ++next) {
              if (!looks.After(1 + row / 4).ok()) return;
              const T* from = in + indices[next] * row;
              for (int64_t k = 0; k < row; ++k) {
                sums[k] = Add(sums[k], static_cast<SegmentSum<T>>(from[k]));
              }
            }
            T* to = out + ids[i] * row;
            if constexpr (kScale == SegmentScale::kSum) {
              for (int64_t k = 0; k < row; ++k) to[k] = static_cast<T>(sums[k]);
            } else {
              const auto divisor =
                  static_cast<SegmentSum<T>>(DivisorOf(kScale, next - i));
              for (int64_t k = 0; k < row; ++k) {
                to[k] = static_cast<T>(sums[k] / divisor);
              }
            }
            i = next;
          }
        }));
    return ctx.CheckCancelled();
  }
};

// grad, indices, segment_ids, rows of the output. V2 gives only the rows that
// indices name, and which those are.
template <typename T, SegmentScale kScale, bool kIsV2>
class SparseSegmentGrad final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& grad = ctx.input(0);
    RETURN_IF_ERROR(CheckPicks(ctx));
    if (!ctx.input(3).shape().IsScalar()) {
      return InvalidArgument(kIsV2 ? "dense_" : "",
                             "output_dim0 should be a scalar.");
    }
    if (grad.rank() < 1)
      return InvalidArgument("Shape must be at least rank 1");
    const int64_t rows = ctx.input(3).scalar<int32_t>();
    if (rows < 0) {
      return InvalidArgument("Expected a non-negative size, got ", rows);
    }
    ASSIGN_OR_RETURN(Ints indices, ReadInts(ctx.input(1)));
    ASSIGN_OR_RETURN(const Ints ids, ReadInts(ctx.input(2)));
    RETURN_IF_ERROR(CheckRanges(indices, ids, rows, grad.dim(0)));
    Scratch<int64_t> counts(kScale == SegmentScale::kSum ? 0 : grad.dim(0));
    if constexpr (kScale != SegmentScale::kSum) {
      for (const int64_t id : ids) ++counts[id];
    }
    Ints dims(grad.shape().dims().begin(), grad.shape().dims().end());
    dims[0] = rows;
    if constexpr (kIsV2) {
      ASSIGN_OR_RETURN(dims[0], CompressIndices(ctx, &indices));
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    // Of small floats the sums are made beside the output.
    using Acc = SegmentSum<T>;
    constexpr bool kBeside = !std::is_same_v<Acc, T>;
    Scratch<Acc> sums(kBeside ? output->num_elements() : 0);
    Acc* out = sums.data();
    if constexpr (!kBeside) {
      out = output->mutable_data<T>();
      std::fill_n(out, output->num_elements(), T(0));
    }
    const int64_t row = ProductOf(grad.shape(), 1, grad.rank());
    const T* in = grad.data<T>();
    Looks looks(ctx);
    for (size_t i = 0; i < ids.size(); ++i) {
      RETURN_IF_ERROR(looks.After(1 + row / 4));
      auto scale = Acc(1);
      if constexpr (kScale != SegmentScale::kSum) {
        scale = static_cast<Acc>(1.0 / DivisorOf(kScale, counts[ids[i]]));
      }
      const T* from = in + ids[i] * row;
      Acc* to = out + indices[i] * row;
      for (int64_t k = 0; k < row; ++k) {
        to[k] += static_cast<Acc>(from[k]) * scale;
      }
    }
    if constexpr (kBeside) {
      std::transform(sums.begin(), sums.end(), output->mutable_data<T>(),
                     [](Acc sum) { return static_cast<T>(sum); });
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckRanges(const Ints& indices, const Ints& ids,
                                  int64_t rows, int64_t segments) {
    if (!ids.empty() && ids.back() >= segments) {
      return InvalidArgument("Invalid number of segments");
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || ids[i] >= segments) {
        return InvalidArgument("Segment id ", ids[i], " out of range [0, ",
                               segments, ").");
      }
      if (indices[i] < 0 || indices[i] >= rows) {
        return InvalidArgument("Index ", indices[i], " out of range [0, ", rows,
                               ").");
      }
    }
    return absl::OkStatus();
  }

  // Replaces indices by their places among the different ones, sorted, which
  // become output 1. Returns how many these are.
  static absl::StatusOr<int64_t> CompressIndices(KernelContext& ctx,
                                                 Ints* indices) {
    Ints unique = *indices;
    std::sort(unique.begin(), unique.end());
    unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
    for (int64_t& index : *indices) {
      index = std::lower_bound(unique.begin(), unique.end(), index) -
              unique.begin();
    }
    const auto count = static_cast<int64_t>(unique.size());
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(1, {count}));
    if (output->dtype() == DT_INT32) {
      std::copy(unique.begin(), unique.end(), output->mutable_data<int32_t>());
    } else {
      std::copy(unique.begin(), unique.end(), output->mutable_data<int64_t>());
    }
    return count;
  }
};

template <SegmentScale kScale>
struct SparseSegments {
  template <typename T>
  using Forward = SparseSegment<T, kScale>;
  template <typename T>
  using Grad = SparseSegmentGrad<T, kScale, false>;
  template <typename T>
  using GradV2 = SparseSegmentGrad<T, kScale, true>;
};

absl::Status CheckPickShapes(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 1));
  ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(1), 1));
  ASSIGN_OR_RETURN(const PartialShape ids, WithRank(ctx.input(2), 1));
  return MergeShapes(indices, ids).status();
}

absl::Status SparseSegmentRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckPickShapes(ctx));
  int64_t rows = kUnknownDim;
  if (ctx.num_inputs() > 3) {
    RETURN_IF_ERROR(WithRank(ctx.input(3), 0).status());
    const std::optional<int64_t> count = ctx.Int(3);
    if (count.has_value() && *count < 0) {
      return InvalidArgument("segment ids must be >= 0");
    }
    rows = count.value_or(kUnknownDim);
  }
  ctx.SetOutput(0, Concatenated({rows}, Subshape(ctx.input(0), 1)));
  return absl::OkStatus();
}

template <bool kIsV2>
absl::Status SparseSegmentGradRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckPickShapes(ctx));
  RETURN_IF_ERROR(WithRank(ctx.input(3), 0).status());
  const std::optional<int64_t> rows = ctx.Int(3);
  if (rows.has_value() && *rows < 0) {
    return InvalidArgument("Expected a non-negative size, got ", *rows);
  }
  ctx.SetOutput(0,
                Concatenated({kIsV2 ? kUnknownDim : rows.value_or(kUnknownDim)},
                             Subshape(ctx.input(0), 1)));
  if (kIsV2) ctx.SetOutput(1, UnknownDims(1));
  return absl::OkStatus();
}

void DescribeForward(OpBuilder& op, bool has_count) {
  op.Input("data: T").Input("indices: Tidx").Input("segment_ids: Tsegmentids");
  if (has_count) op.Input("num_segments: Tnumsegments");
  op.Output("output: T").Attr("T: type").Attr("Tidx: type = DT_INT32");
  op.Attr("Tsegmentids: type = DT_INT32");
  if (has_count) op.Attr("Tnumsegments: type = DT_INT32");
  op.Shape(SparseSegmentRule);
}
void DescribeGrad(OpBuilder& op, bool is_v2) {
  op.Input("grad: T").Input("indices: Tidx").Input("segment_ids: Tsegmentids");
  op.Input(is_v2 ? "dense_output_dim0: int32" : "output_dim0: int32");
  op.Output("output: T");
  if (is_v2) op.Output("sorted_unique_indices: Tidx");
  op.Attr("T: type").Attr("Tidx: type = DT_INT32");
  op.Attr("Tsegmentids: type = DT_INT32");
  op.Shape(is_v2 ? SparseSegmentGradRule<true> : SparseSegmentGradRule<false>);
}

template <SegmentScale kScale, typename List>
void ForwardOp(OpBuilder& op, bool has_count) {
  DescribeForward(op, has_count);
  op.KernelForEach<SparseSegments<kScale>::template Forward, List>("T");
}
template <SegmentScale kScale>
void GradOp(OpBuilder& op) {
  DescribeGrad(op, false);
  op.KernelForEach<SparseSegments<kScale>::template Grad, FloatTypes>("T");
}
template <SegmentScale kScale>
void GradV2Op(OpBuilder& op) {
  DescribeGrad(op, true);
  op.KernelForEach<SparseSegments<kScale>::template GradV2, FloatTypes>("T");
}

REGISTER_OP("SparseSegmentSum", [](OpBuilder& op) {
  ForwardOp<SegmentScale::kSum, RealTypes>(op, false);
});
REGISTER_OP("SparseSegmentMean", [](OpBuilder& op) {
  ForwardOp<SegmentScale::kMean, FloatTypes>(op, false);
});
REGISTER_OP("SparseSegmentSqrtN", [](OpBuilder& op) {
  ForwardOp<SegmentScale::kSqrtN, FloatTypes>(op, false);
});
REGISTER_OP("SparseSegmentSumWithNumSegments", [](OpBuilder& op) {
  ForwardOp<SegmentScale::kSum, RealTypes>(op, true);
});
REGISTER_OP("SparseSegmentMeanWithNumSegments", [](OpBuilder& op) {
  ForwardOp<SegmentScale::kMean, FloatTypes>(op, true);
});
REGISTER_OP("SparseSegmentSqrtNWithNumSegments", [](OpBuilder& op) {
  ForwardOp<SegmentScale::kSqrtN, FloatTypes>(op, true);
});
REGISTER_OP("SparseSegmentSumGrad", GradOp<SegmentScale::kSum>);
REGISTER_OP("SparseSegmentMeanGrad", GradOp<SegmentScale::kMean>);
REGISTER_OP("SparseSegmentSqrtNGrad", GradOp<SegmentScale::kSqrtN>);
REGISTER_OP("SparseSegmentSumGradV2", GradV2Op<SegmentScale::kSum>);
REGISTER_OP("SparseSegmentMeanGradV2", GradV2Op<SegmentScale::kMean>);
REGISTER_OP("SparseSegmentSqrtNGradV2", GradV2Op<SegmentScale::kSqrtN>);

}  // namespace
}  // namespace metagraph
