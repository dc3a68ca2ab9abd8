// Two sparse tensors into one: SparseAdd and its gradient, SparseSparseMaximum,
// SparseSparseMinimum. Entries are in row-major order, or come out as a merge
// of what is in no order.

#include <algorithm>
#include <cmath>
#include <complex>
#include <type_traits>

#include "absl/strings/str_join.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/sparse_inputs.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// An entry of one tensor, or of both at the same place.
struct MergedEntry {
  int64_t a = -1;  // -1: none
  int64_t b = -1;
};

absl::StatusOr<Scratch<MergedEntry>> MergeEntries(const KernelContext& ctx,
                                                  const SparseInput& a,
                                                  const SparseInput& b) {
  Scratch<MergedEntry> merged;
  merged.reserve(std::max(a.count(), b.count()));
  int64_t i = 0, j = 0;
  Looks looks(ctx);
  while (i < a.count() || j < b.count()) {
    RETURN_IF_ERROR(looks.After());
    const int order = i == a.count() ? 1
                      : j == b.count()
                          ? -1
                          : CompareIndices(a.index(i), b.index(j), a.rank());
    MergedEntry& entry = merged.emplace_back();
    if (order <= 0) entry.a = i++;
    if (order >= 0) entry.b = j++;
  }
  return merged;
}

template <typename T>
auto Magnitude(T value) {
  if constexpr (std::is_integral_v<T>) {
    return value < 0 ? Subtract(T(0), value) : value;
  } else {
    return std::abs(value);
  }
}

// indices and values of the merged entries as outputs 0 and 1.
template <typename T>
absl::Status SetMerged(KernelContext& ctx, const SparseInput& a,
                       const SparseInput& b, const Scratch<MergedEntry>& merged,
                       const Scratch<T>& results) {
  const auto count = static_cast<int64_t>(merged.size());
  const int rank = a.rank();
  ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {count, rank}));
  ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {count}));
  int64_t* index = indices->mutable_data<int64_t>();
  Looks looks(ctx);
  for (const MergedEntry& entry : merged) {
    RETURN_IF_ERROR(looks.After());
    const int64_t* from = entry.a >= 0 ? a.index(entry.a) : b.index(entry.b);
    index = std::copy_n(from, rank, index);
  }
  std::copy(results.begin(), results.end(), values->mutable_data<T>());
  return absl::OkStatus();
}

// Two sparse tensors and a threshold: a sum that is smaller is left out, but
// not an entry of one tensor alone.
template <typename T>
class SparseAdd final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx));
    const SparseInput a(ctx.input(0), ctx.input(1), ctx.input(2));
    const SparseInput b(ctx.input(3), ctx.input(4), ctx.input(5));
    using Real = decltype(Magnitude(T(0)));
    const Real threshold = ctx.input(6).scalar<Real>();
    const T* x = a.values().data<T>();
    const T* y = b.values().data<T>();
    Scratch<MergedEntry> kept;
    Scratch<T> sums;
    ASSIGN_OR_RETURN(const Scratch<MergedEntry> merged,
                     MergeEntries(ctx, a, b));
    Looks looks(ctx);
    for (const MergedEntry& entry : merged) {
      RETURN_IF_ERROR(looks.After());
      if (entry.a >= 0 && entry.b >= 0) {
        const T sum = Add(x[entry.a], y[entry.b]);
        if (!(threshold <= Magnitude(sum))) continue;
        sums.push_back(sum);
      } else {
        sums.push_back(entry.a >= 0 ? x[entry.a] : y[entry.b]);
      }
      kept.push_back(entry);
    }
    RETURN_IF_ERROR(SetMerged(ctx, a, b, kept, sums));
    return SetShapeOutput(ctx, 2, a.shape());
  }

 private:
  static absl::Status CheckInputs(const KernelContext& ctx) {
    const auto shapes = [&](int i, int j) {
      return absl::StrCat(ctx.input(i).shape().ToString(), " and ",
                          ctx.input(j).shape().ToString());
    };
    const auto rank = [&](int i) { return ctx.input(i).rank(); };
    if (rank(0) != 2 || rank(3) != 2) {
      return InvalidArgument(
          "Input indices should be matrices but received shapes: ",
          shapes(0, 3));
    }
    if (rank(1) != 1 || rank(4) != 1) {
      return InvalidArgument(
          "Input values should be vectors but received shapes: ", shapes(1, 4));
    }
    const int64_t a_count = ctx.input(0).dim(0), b_count = ctx.input(3).dim(0);
    if (ctx.input(1).dim(0) != a_count || ctx.input(4).dim(0) != b_count) {
      return InvalidArgument("Expected ", a_count, " and ", b_count,
                             " non-empty input values, got ",
                             ctx.input(1).dim(0), " and ", ctx.input(4).dim(0));
    }
    if (ctx.input(0).dim(1) != ctx.input(3).dim(1)) {
      return InvalidArgument("Input indices must have the same dimension, got ",
                             ctx.input(0).dim(1), " and ", ctx.input(3).dim(1));
    }
    if (rank(2) != 1 || rank(5) != 1) {
      return InvalidArgument(
          "Input shapes should be a vector but received shapes ", shapes(2, 5));
    }
    const auto a_shape = ctx.input(2).values<int64_t>();
    const auto b_shape = ctx.input(5).values<int64_t>();
    if (a_shape.size() != b_shape.size()) {
      return InvalidArgument(
          "Operands do not have the same ranks; got shapes: ",
          PlainIndex(a_shape), " and ", PlainIndex(b_shape));
    }
    if (static_cast<int64_t>(a_shape.size()) != ctx.input(0).dim(1)) {
      return InvalidArgument("Input shapes must have ", ctx.input(0).dim(1),
                             " sizes, as indices have, got ", a_shape.size());
    }
    if (a_shape.empty()) return InvalidArgument("Tesors must not be empty");
    for (size_t d = 0; d < a_shape.size(); ++d) {
      if (a_shape[d] != b_shape[d]) {
        return InvalidArgument("Operands' shapes do not match: got ",
                               a_shape[d], " and ", b_shape[d],
                               " for dimension ", d);
      }
    }
    if (rank(6) != 0) {
      return InvalidArgument(
          "The magnitude threshold must be a scalar: got shape ",
          ctx.input(6).shape().ToString());
    }
    return absl::OkStatus();
  }
};

// backprop_val_grad, a_indices, b_indices, sum_indices, all in order.
template <typename T>
class SparseAddGrad final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& grad = ctx.input(0);
    if (!grad.shape().IsVector()) {
      return InvalidArgument(
          "Input backprop_val_grad should be a vector but received shape: ",
          grad.shape().ToString());
    }
    for (int i = 1; i <= 3; ++i) {
      if (ctx.input(i).shape().IsMatrix()) continue;
      return InvalidArgument(
          "Input indices should be matrices but received shapes: ",
          ctx.input(1).shape().ToString(), " and ",
          ctx.input(2).shape().ToString(), " and ",
          ctx.input(3).shape().ToString());
    }
    const int64_t rank = ctx.input(1).dim(1);
    if (ctx.input(2).dim(1) != rank || ctx.input(3).dim(1) != rank) {
      return InvalidArgument(
          "The densified operands should have the same ndims; for A, B, sum "
          "got: ",
          rank, ctx.input(2).dim(1), ctx.input(3).dim(1));
    }
    if (grad.dim(0) != ctx.input(3).dim(0)) {
      return InvalidArgument(
          "# elements of backprop_val_grad and # rows of "
          "sum_indices should match (#nnz of sum): got ",
          grad.dim(0), " and ", ctx.input(3).dim(0));
    }
    Side a, b;
    RETURN_IF_ERROR(a.Init(ctx, 0));
    RETURN_IF_ERROR(b.Init(ctx, 1));
    // All three go forward together: an entry of a or b is given what the sum
    // of its place got, one of several at a place alone.
    const int64_t sums = grad.dim(0);
    const int64_t* sum = ctx.input(3).data<int64_t>();
    Looks looks(ctx);
    for (int64_t k = 0; k < sums && (!a.done() || !b.done());) {
      RETURN_IF_ERROR(looks.After());
      const int64_t* index = sum + k * rank;
      const bool a_behind = a.Step(index, rank, grad.data<T>()[k]);
      const bool b_behind = b.Step(index, rank, grad.data<T>()[k]);
      if (!a_behind && !b_behind) ++k;
    }
    return absl::OkStatus();
  }

 private:
  // One of the tensors that were added. What no sum is of gets 0.
  struct Side {
    const int64_t* indices = nullptr;
    T* out = nullptr;
    int64_t count = 0;
    int64_t next = 0;

    absl::Status Init(KernelContext& ctx, int i) {
      const Tensor& matrix = ctx.input(i + 1);
      count = matrix.dim(0);
      indices = matrix.data<int64_t>();
      ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(i, {count}));
      out = output->mutable_data<T>();
      std::fill_n(out, count, T(0));
      return absl::OkStatus();
    }
    bool done() const { return next == count; }
    // Whether the next entry was before the sum's place.
    bool Step(const int64_t* sum, int64_t rank, T grad) {
      if (done()) return false;
      const int order =
          CompareIndices(indices + next * rank, sum, static_cast<int>(rank));
      if (order > 0) return false;
      if (order == 0) out[next] = grad;
      ++next;
      return order < 0;
    }
  };
};

// What is not there counts as 0. NaN wins.
template <typename T, bool kMaximum>
class SparseSparseExtreme final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const SparseInput a, ReadSparse(ctx, 0));
    ASSIGN_OR_RETURN(const SparseInput b, ReadSparse(ctx, 3));
    if (a.rank() != b.rank()) {
      return InvalidArgument(
          "Operands do not have the same ranks; got shapes: ",
          absl::StrJoin(a.shape(), " "), " and ",
          absl::StrJoin(b.shape(), " "));
    }
    for (int d = 0; d < a.rank(); ++d) {
      if (a.shape()[d] != b.shape()[d]) {
        return InvalidArgument("Operands' shapes do not match: got ",
                               a.shape()[d], " and ", b.shape()[d],
                               " for dimension ", d);
      }
    }
    RETURN_IF_ERROR(CheckInside(ctx, a));
    RETURN_IF_ERROR(CheckInside(ctx, b));
    const T* x = a.values().data<T>();
    const T* y = b.values().data<T>();
    ASSIGN_OR_RETURN(const Scratch<MergedEntry> merged,
                     MergeEntries(ctx, a, b));
    Scratch<T> results;
    results.reserve(merged.size());
    Looks looks(ctx);
    for (const MergedEntry& entry : merged) {
      RETURN_IF_ERROR(looks.After());
      results.push_back(Pick(entry.a >= 0 ? x[entry.a] : T(0),
                             entry.b >= 0 ? y[entry.b] : T(0)));
    }
    return SetMerged(ctx, a, b, merged, results);
  }

 private:
  static T Pick(T a, T b) {
    if (a != a) return a;
    if (b != b) return b;
    return kMaximum ? Larger(a, b) : Smaller(a, b);
  }
};

template <typename T>
using SparseMaximum = SparseSparseExtreme<T, true>;
template <typename T>
using SparseMinimum = SparseSparseExtreme<T, false>;

absl::Status SparseMergeRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 3));
  ASSIGN_OR_RETURN(const int64_t rank,
                   MergeDims(SparseRank(ctx, 0, 2), SparseRank(ctx, 3, 5)));
  ctx.SetOutput(0, PartialShape({kUnknownDim, rank}));
  ctx.SetOutput(1, UnknownDims(1));
  if (ctx.num_outputs() > 2) ctx.SetOutput(2, PartialShape({rank}));
  return absl::OkStatus();
}

absl::Status SparseAddGradRule(ShapeContext& ctx) {
  for (int i = 1; i <= 2; ++i) {
    ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(i), 2));
    ctx.SetOutput(i - 1, PartialShape({DimOf(indices, 0)}));
  }
  return absl::OkStatus();
}

void DescribePair(OpBuilder& op) {
  op.Input("a_indices: int64").Input("a_values: T").Input("a_shape: int64");
  op.Input("b_indices: int64").Input("b_values: T").Input("b_shape: int64");
  op.Attr("T: type");
  op.Shape(SparseMergeRule);
}

template <typename T>
void AddSumKernel(OpBuilder& op) {
  using Real = decltype(Magnitude(T(0)));
  op.KernelWhere<SparseAdd<T>>(
      {{"T", kDataType<T>}, {"Treal", kDataType<Real>}});
}

REGISTER_OP("SparseAdd", [](OpBuilder& op) {
  DescribePair(op);
  op.Input("thresh: Treal").Attr("Treal: type");
  op.Output("sum_indices: int64").Output("sum_values: T");
  op.Output("sum_shape: int64");
  AddSumKernel<float>(op);
  AddSumKernel<double>(op);
  AddSumKernel<int8_t>(op);
  AddSumKernel<int16_t>(op);
  AddSumKernel<int32_t>(op);
  AddSumKernel<int64_t>(op);
  AddSumKernel<complex64>(op);
  AddSumKernel<complex128>(op);
});
REGISTER_OP("SparseAddGrad", [](OpBuilder& op) {
  op.Input("backprop_val_grad: T").Input("a_indices: int64");
  op.Input("b_indices: int64").Input("sum_indices: int64");
  op.Output("a_val_grad: T").Output("b_val_grad: T").Attr("T: type");
  op.Shape(SparseAddGradRule);
  op.KernelFor<SparseAddGrad, float, double, int8_t, int16_t, int32_t, int64_t,
               complex64, complex128>("T");
});
REGISTER_OP("SparseSparseMaximum", [](OpBuilder& op) {
  DescribePair(op);
  op.Output("output_indices: int64").Output("output_values: T");
  op.KernelForEach<SparseMaximum, RealTypes>("T");
});
REGISTER_OP("SparseSparseMinimum", [](OpBuilder& op) {
  DescribePair(op);
  op.Output("output_indices: int64").Output("output_values: T");
  op.KernelForEach<SparseMinimum, RealTypes>("T");
});

}  // namespace
}  // namespace metagraph
