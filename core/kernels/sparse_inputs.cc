#include "core/kernels/sparse_inputs.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/kernels/block_sort.h"
#include "core/kernels/elements.h"
#include "core/kernels/looks.h"
#include "core/kernels/rank_checks.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

absl::Status RequireSparseRank(const Tensor& tensor, int rank,
                               absl::string_view what) {
  if (tensor.rank() == rank) return absl::OkStatus();
  return InvalidArgument("Sparse ", what, " must be rank ", rank,
                         " but is rank ", tensor.rank());
}

}  // namespace

absl::StatusOr<SparseInput> ReadSparse(const KernelContext& ctx, int first) {
  const Tensor& indices = ctx.input(first);
  const Tensor& values = ctx.input(first + 1);
  const Tensor& shape = ctx.input(first + 2);
  RETURN_IF_ERROR(RequireSparseRank(indices, 2, "indices"));
  RETURN_IF_ERROR(RequireSparseRank(values, 1, "values"));
  RETURN_IF_ERROR(RequireSparseRank(shape, 1, "shape"));
  if (indices.dim(0) != values.dim(0)) {
    return InvalidArgument("Number of elements in indices (", indices.dim(0),
                           ") and values (", values.dim(0), ") do not match");
  }
  if (indices.dim(1) != shape.dim(0)) {
    return InvalidArgument("Index rank (", indices.dim(1), ") and shape rank (",
                           shape.dim(0), ") do not match");
  }
  return SparseInput(indices, values, shape);
}

absl::Status CheckEntryCounts(const Tensor& indices, const Tensor& values,
                              const Tensor& shape) {
  if (indices.dim(0) != values.dim(0)) {
    return InvalidArgument(
        "indices and values rows (indexing dimension) must "
        "match. (indices = ",
        indices.dim(0), ", values = ", values.dim(0), ")");
  }
  if (indices.dim(1) != shape.dim(0)) {
    return InvalidArgument("Order length must be SparseTensor rank.");
  }
  return absl::OkStatus();
}

absl::Status CheckInside(const KernelContext& ctx, const SparseInput& sparse) {
  Looks looks(ctx);
  for (int64_t i = 0; i < sparse.count(); ++i) {
    RETURN_IF_ERROR(looks.After());
    for (int d = 0; d < sparse.rank(); ++d) {
      const int64_t at = sparse.index(i)[d];
      if (at < 0 || at >= sparse.shape()[d]) {
        return InvalidArgument("Sparse index tuple indices[", i, ", :] = ",
                               SpacedIndex(sparse.index(i), sparse.rank()),
                               " is out of bounds");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Scratch<int64_t>> SortedEntries(const KernelContext& ctx,
                                               const SparseInput& sparse,
                                               absl::Span<const int> order) {
  const auto before = [&](int64_t a, int64_t b) {
    const int64_t* x = sparse.index(a);
    const int64_t* y = sparse.index(b);
    for (const int d : order) {
      if (x[d] != y[d]) return x[d] < y[d];
    }
    return false;
  };
  const int64_t count = sparse.count();
  Looks looks(ctx);
  Scratch<int64_t> entries(count);
  std::iota(entries.begin(), entries.end(), 0);
  // Mostly they are in order.
  int64_t sorted = std::min<int64_t>(count, 1);
  for (; sorted < count && !before(sorted, sorted - 1); ++sorted) {
    RETURN_IF_ERROR(looks.After());
  }
  if (sorted == count) return entries;
  // As std::stable_sort, but for the memory that it takes by itself.
  RETURN_IF_ERROR(SortInBlocks(ctx, entries, [&](int64_t a, int64_t b) {
    if (before(a, b)) return true;
    return a < b && !before(b, a);
  }));
  return entries;
}

absl::StatusOr<Scratch<int64_t>> SortedEntries(const KernelContext& ctx,
                                               const SparseInput& sparse) {
  std::vector<int> order(sparse.rank());
  std::iota(order.begin(), order.end(), 0);
  return SortedEntries(ctx, sparse, order);
}

absl::StatusOr<TensorShape> DenseShapeOf(absl::Span<const int64_t> sizes) {
  for (const int64_t size : sizes) {
    if (size < 0) {
      return InvalidArgument(
          "Expected shape dimensions to be non-negative, "
          "got ",
          size);
    }
  }
  return TensorShape::Build(sizes);
}

absl::Status SetShapeOutput(KernelContext& ctx, int i,
                            absl::Span<const int64_t> sizes) {
  ASSIGN_OR_RETURN(Tensor * shape,
                   ctx.AllocateOutput(i, {static_cast<int64_t>(sizes.size())}));
  std::copy(sizes.begin(), sizes.end(), shape->mutable_data<int64_t>());
  return absl::OkStatus();
}

absl::Status SetEntries(KernelContext& ctx, int i, const SparseInput& sparse,
                        absl::Span<const int64_t> entries) {
  const auto count = static_cast<int64_t>(entries.size());
  const int rank = sparse.rank();
  ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(i, {count, rank}));
  ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(i + 1, {count}));
  RETURN_IF_ERROR(ChargeStrings(sparse.values(), 1, values));
  const ElementCopier copier(values->dtype());
  int64_t* index = indices->mutable_data<int64_t>();
  Looks looks(ctx);
  for (int64_t k = 0; k < count; ++k, index += rank) {
    RETURN_IF_ERROR(looks.After());
    std::copy_n(sparse.index(entries[k]), rank, index);
    copier.Copy(sparse.values().raw_data(), entries[k],
                values->mutable_raw_data(), k, 1);
  }
  return absl::OkStatus();
}

std::string SpacedIndex(const int64_t* index, int rank) {
  return absl::StrCat("[", absl::StrJoin(index, index + rank, ", "), "]");
}

std::string PlainIndex(absl::Span<const int64_t> index) {
  return absl::StrCat("[", absl::StrJoin(index, ","), "]");
}

absl::Status CheckSparseShapes(ShapeContext& ctx, int first) {
  ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(first), 2));
  ASSIGN_OR_RETURN(const PartialShape values,
                   WithRank(ctx.input(first + 1), 1));
  ASSIGN_OR_RETURN(const PartialShape shape, WithRank(ctx.input(first + 2), 1));
  RETURN_IF_ERROR(MergeDims(DimOf(indices, 0), DimOf(values, 0)).status());
  return MergeDims(DimOf(indices, 1), DimOf(shape, 0)).status();
}

int64_t SparseRank(ShapeContext& ctx, int indices, int shape) {
  const PartialShape& matrix = ctx.input(indices);
  if (matrix.rank() == 2 && matrix.dim(1) >= 0) return matrix.dim(1);
  const PartialShape& vector = ctx.input(shape);
  return vector.rank() == 1 ? vector.dim(0) : kUnknownDim;
}

}  // namespace metagraph
