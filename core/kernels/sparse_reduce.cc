// Sparse tensors reduced along axes: SparseReduceSum, SparseReduceMax, the
// same with a sparse result, and SparseSoftmax.

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/sparse_inputs.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

struct SparseSumOf {
  template <typename T>
  static T Combine(T a, T b) {
    return Add(a, b);
  }
};
// Of NaN and what comes after it the result is what comes after it.
struct SparseMaxOf {
  template <typename T>
  static T Combine(T a, T b) {
    return a > b ? a : b;
  }
};

// input_indices, input_values, input_shape, reduction_axes.
template <typename T, typename Fn, bool kSparseResult>
class SparseReduce final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("keep_dims", &keep_dims_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx));
    const SparseInput sparse(ctx.input(0), ctx.input(1), ctx.input(2));
    const int rank = sparse.rank();
    std::vector<bool> reduced(rank, false);
    for (const int64_t axis : ctx.input(3).values<int32_t>()) {
      const int64_t at = CanonicalAxis(axis, rank);
      if (at < 0) {
        return InvalidArgument("Invalid reduction dimension ", axis,
                               ", for input with ", rank, " dimensions.");
      }
      reduced[at] = true;
    }
    // Those that stay come first: the entries of a group follow each other.
    std::vector<int> order, kept;
    Ints sizes;
    for (int d = 0; d < rank; ++d) {
      if (!reduced[d]) {
        kept.push_back(d);
        sizes.push_back(sparse.shape()[d]);
      } else if (keep_dims_) {
        sizes.push_back(1);
      }
    }
    order = kept;
    for (int d = 0; d < rank; ++d) {
      if (reduced[d]) order.push_back(d);
    }
    ASSIGN_OR_RETURN(const Scratch<int64_t> entries,
                     SortedEntries(ctx, sparse, order));
    if constexpr (kSparseResult) {
      return SetSparse(ctx, sparse, entries, kept, sizes);
    } else {
      return SetDense(ctx, sparse, entries, kept, sizes);
    }
  }

 private:
  static absl::Status CheckInputs(const KernelContext& ctx) {
    if (!ctx.input(2).shape().IsVector()) {
      return InvalidArgument("Expected input_shape to be a vector; got shape: ",
                             ctx.input(2).shape().ToString());
    }
    if (ctx.input(3).rank() > 1) {
      return InvalidArgument(
          "Expected reduction_axes to be a scalar or a vector; got shape: ",
          ctx.input(3).shape().ToString());
    }
    RETURN_IF_ERROR(DenseShapeOf(ctx.input(2).values<int64_t>()).status());
    if (!ctx.input(0).shape().IsMatrix()) {
      return InvalidArgument("indices must be a matrix, but got: ",
                             ctx.input(0).shape().ToString());
    }
    if (!ctx.input(1).shape().IsVector()) {
      return InvalidArgument("vals must be a vec, but got: ",
                             ctx.input(1).shape().ToString());
    }
    return CheckEntryCounts(ctx.input(0), ctx.input(1), ctx.input(2));
  }

  // Calls fn(entry, value), a status, for the first entry of each group and
  // the value that all of it give.
  template <typename Emit>
  static absl::Status ForEachGroup(const KernelContext& ctx,
                                   const SparseInput& sparse,
                                   const Scratch<int64_t>& entries,
                                   const std::vector<int>& kept, Emit&& emit) {
    const T* values = sparse.values().template data<T>();
    Looks looks(ctx);
    for (size_t i = 0; i < entries.size();) {
      const int64_t* first = sparse.index(entries[i]);
      T value = values[entries[i]];
      size_t next = i + 1;
      RETURN_IF_ERROR(looks.After());
      for (; next < entries.size(); ++next) {
        RETURN_IF_ERROR(looks.After());
        const int64_t* index = sparse.index(entries[next]);
        if (std::any_of(kept.begin(), kept.end(),
                        [&](int d) { return index[d] != first[d]; })) {
          break;
        }
        value = Fn::template Combine<T>(value, values[entries[next]]);
      }
      RETURN_IF_ERROR(emit(entries[i], value));
      i = next;
    }
    return absl::OkStatus();
  }

  absl::Status SetDense(KernelContext& ctx, const SparseInput& sparse,
                        const Scratch<int64_t>& entries,
                        const std::vector<int>& kept, const Ints& sizes) const {
    ASSIGN_OR_RETURN(const TensorShape shape, TensorShape::Build(sizes));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    T* out = output->mutable_data<T>();
    std::fill_n(out, output->num_elements(), T(0));
    return ForEachGroup(
        ctx, sparse, entries, kept,
        [&](int64_t entry, T value) -> absl::Status {
          int64_t place = 0;
          for (const int d : kept) {
            place =
                Add(Multiply(place, sparse.shape()[d]), sparse.index(entry)[d]);
          }
          if (place < 0 || place >= output->num_elements()) {
            return Internal("Obtained a write index of ", place,
                            " which is outside of bounds of [0, ",
                            output->num_elements(), ")");
          }
          out[place] = value;
          return absl::OkStatus();
        });
  }

  absl::Status SetSparse(KernelContext& ctx, const SparseInput& sparse,
                         const Scratch<int64_t>& entries,
                         const std::vector<int>& kept,
                         const Ints& sizes) const {
    int64_t groups = 0;
    RETURN_IF_ERROR(ForEachGroup(ctx, sparse, entries, kept, [&](int64_t, T) {
      ++groups;
      return absl::OkStatus();
    }));
    const auto rank = static_cast<int64_t>(sizes.size());
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {groups, rank}));
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {groups}));
    int64_t* index = indices->mutable_data<int64_t>();
    T* out = values->mutable_data<T>();
    std::fill_n(index, groups * rank, 0);
    RETURN_IF_ERROR(
        ForEachGroup(ctx, sparse, entries, kept, [&](int64_t entry, T value) {
          int at = 0;
          for (const int d : kept) {
            index[keep_dims_ ? d : at] = sparse.index(entry)[d];
            ++at;
          }
          index += rank;
          *out++ = value;
          return absl::OkStatus();
        }));
    return SetShapeOutput(ctx, 2, sizes);
  }

  bool keep_dims_ = false;
};

template <typename Fn, bool kSparseResult>
struct SparseReduction {
  template <typename T>
  using Kernel = SparseReduce<T, Fn, kSparseResult>;
};

// sp_indices, sp_values, sp_shape: over the entries of each row of the last
// dimension.
template <typename T>
class SparseSoftmax final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(0);
    const Tensor& values = ctx.input(1);
    const Tensor& shape = ctx.input(2);
    if (!indices.shape().IsMatrix()) {
      return InvalidArgument(
          "Input sp_indices should be a matrix but received shape: ",
          indices.shape().ToString());
    }
    if (!values.shape().IsVector() || !shape.shape().IsVector()) {
      return InvalidArgument(
          "Inputs sp_values and sp_shape should be vectors but received "
          "shapes: ",
          values.shape().ToString(), " and ", shape.shape().ToString());
    }
    if (shape.num_elements() < 2) {
      return InvalidArgument(
          "Input should have rank >= 2, but received "
          "shape: ",
          absl::StrJoin(shape.values<int64_t>(), ","));
    }
    RETURN_IF_ERROR(DenseShapeOf(shape.values<int64_t>()).status());
    RETURN_IF_ERROR(CheckEntryCounts(indices, values, shape));
    const SparseInput sparse(indices, values, shape);
    ASSIGN_OR_RETURN(const Scratch<int64_t> entries,
                     SortedEntries(ctx, sparse));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, values.shape()));
    // In row-major order, as TensorFlow gives them.
    const T* in = values.data<T>();
    T* out = output->mutable_data<T>();
    Looks looks(ctx);
    for (size_t i = 0; i < entries.size();) {
      size_t next = i;
      T largest = in[entries[i]];
      for (;
           next < entries.size() &&
           CompareIndices(sparse.index(entries[i]), sparse.index(entries[next]),
                          sparse.rank() - 1) == 0;
           ++next) {
        RETURN_IF_ERROR(looks.After());
        largest = Larger(largest, in[entries[next]]);
      }
      T sum = T(0);
      for (size_t k = i; k < next; ++k) {
        RETURN_IF_ERROR(looks.After());
        out[k] = Exp(in[entries[k]] - largest);
        sum = sum + out[k];
      }
      for (size_t k = i; k < next; ++k) out[k] = out[k] / sum;
      i = next;
    }
    return absl::OkStatus();
  }

 private:
  static T Exp(T x) {
    if constexpr (kIsSmallFloat<T>) {
      return static_cast<T>(std::exp(static_cast<float>(x)));
    } else {
      return std::exp(x);
    }
  }
};

absl::Status CheckReduceShapes(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  return CheckRankAtMost(ctx.input(3), 1);
}

absl::Status SparseReduceRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckReduceShapes(ctx));
  ASSIGN_OR_RETURN(const bool keep_dims, ctx.Attr<bool>("keep_dims"));
  const std::optional<KnownInts> sizes = ctx.Ints(2);
  const int64_t rank = SparseRank(ctx, 0, 2);
  if (rank < 0 || rank > TensorShape::kMaxRank) return absl::OkStatus();
  PartialShape shape = UnknownDims(static_cast<int>(rank));
  if (sizes.has_value() && static_cast<int64_t>(sizes->size()) == rank) {
    KnownInts dims = *sizes;
    for (int64_t& dim : dims) dim = dim < 0 ? kUnknownDim : dim;
    shape = PartialShape(dims);
  }
  ASSIGN_OR_RETURN(PartialShape reduced,
                   ReducedShape(shape, ctx.Ints(3), keep_dims));
  ctx.SetOutput(0, std::move(reduced));
  return absl::OkStatus();
}

absl::Status SparseReduceSparseRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckReduceShapes(ctx));
  ctx.SetOutput(0, UnknownDims(2));
  ctx.SetOutput(1, UnknownDims(1));
  ctx.SetOutput(2, UnknownDims(1));
  return absl::OkStatus();
}

absl::Status SparseSoftmaxRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  ctx.SetOutput(0, ctx.input(1));
  return absl::OkStatus();
}

void DescribeReduce(OpBuilder& op, bool is_sparse) {
  op.Input("input_indices: int64").Input("input_values: T");
  op.Input("input_shape: int64").Input("reduction_axes: int32");
  if (is_sparse) {
    op.Output("output_indices: int64").Output("output_values: T");
    op.Output("output_shape: int64");
  } else {
    op.Output("output: T");
  }
  op.Attr("keep_dims: bool = false").Attr("T: type");
  op.Shape(is_sparse ? SparseReduceSparseRule : SparseReduceRule);
}

template <typename Fn, bool kIsSparse, typename List>
void ReduceOp(OpBuilder& op) {
  DescribeReduce(op, kIsSparse);
  op.KernelForEach<SparseReduction<Fn, kIsSparse>::template Kernel, List>("T");
}

REGISTER_OP("SparseReduceSum", [](OpBuilder& op) {
  ReduceOp<SparseSumOf, false, NumberTypes>(op);
});
REGISTER_OP("SparseReduceSumSparse", [](OpBuilder& op) {
  ReduceOp<SparseSumOf, true, NumberTypes>(op);
});
REGISTER_OP("SparseReduceMax",
            [](OpBuilder& op) { ReduceOp<SparseMaxOf, false, RealTypes>(op); });
REGISTER_OP("SparseReduceMaxSparse",
            [](OpBuilder& op) { ReduceOp<SparseMaxOf, true, RealTypes>(op); });
REGISTER_OP("SparseSoftmax", [](OpBuilder& op) {
  op.Input("sp_indices: int64").Input("sp_values: T");
  op.Input("sp_shape: int64").Output("output: T").Attr("T: type");
  op.Shape(SparseSoftmaxRule);
  op.KernelFor<SparseSoftmax, float, double, half>("T");
});

}  // namespace
}  // namespace metagraph
