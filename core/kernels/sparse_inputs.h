#pragma once

// Sparse tensors as ops get them: indices [n, rank], values [n], shape [rank].

#include <string>

#include "absl/status/statusor.h"
#include "core/op/kernel_context.h"
#include "core/op/shape_context.h"
#include "core/tensor/scratch.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// A sparse tensor whose parts fit each other; it refers to them. What the
// indices are is not checked.
class SparseInput {
 public:
  SparseInput(const Tensor& indices, const Tensor& values, const Tensor& shape)
      : indices_(&indices), values_(&values), shape_(&shape) {}

  int64_t count() const { return indices_->dim(0); }
  int rank() const { return static_cast<int>(indices_->dim(1)); }
  const int64_t* index(int64_t i) const {
    return indices_->data<int64_t>() + i * rank();
  }
  const Tensor& indices() const { return *indices_; }
  const Tensor& values() const { return *values_; }
  absl::Span<const int64_t> shape() const { return shape_->values<int64_t>(); }
  const Tensor& shape_tensor() const { return *shape_; }

 private:
  const Tensor* indices_;
  const Tensor* values_;
  const Tensor* shape_;
};

// Inputs [first, first + 3), checked in the words of TensorFlow's
// ValidateSparseTensor. INVALID_ARGUMENT.
absl::StatusOr<SparseInput> ReadSparse(const KernelContext& ctx, int first);

// How many rows and columns the indices have, by values and shape.
// INVALID_ARGUMENT.
absl::Status CheckEntryCounts(const Tensor& indices, const Tensor& values,
                              const Tensor& shape);
// INVALID_ARGUMENT: an index is outside of the shape.
absl::Status CheckInside(const KernelContext& ctx, const SparseInput& sparse);

// Negative, zero or positive, as a comes before b in row-major order.
inline int CompareIndices(const int64_t* a, const int64_t* b, int rank) {
  for (int d = 0; d < rank; ++d) {
    if (a[d] != b[d]) return a[d] < b[d] ? -1 : 1;
  }
  return 0;
}

// Which entry comes first, second … in row-major order of the dimensions
// `order`; equal ones stay in theirs. CANCELLED, DEADLINE_EXCEEDED.
absl::StatusOr<Scratch<int64_t>> SortedEntries(const KernelContext& ctx,
                                               const SparseInput& sparse,
                                               absl::Span<const int> order);
// The same by all dimensions.
absl::StatusOr<Scratch<int64_t>> SortedEntries(const KernelContext& ctx,
                                               const SparseInput& sparse);

// INVALID_ARGUMENT: a size is negative, the product of all over int64.
absl::StatusOr<TensorShape> DenseShapeOf(absl::Span<const int64_t> sizes);

// A shape tensor as output i.
absl::Status SetShapeOutput(KernelContext& ctx, int i,
                            absl::Span<const int64_t> sizes);
// indices [entries, rank] and values [entries] as outputs i and i + 1: the
// entries of `sparse` that `entries` names.
absl::Status SetEntries(KernelContext& ctx, int i, const SparseInput& sparse,
                        absl::Span<const int64_t> entries);

// "[1, 2]" and "[1,2]".
std::string SpacedIndex(const int64_t* index, int rank);
std::string PlainIndex(absl::Span<const int64_t> index);

// --- Shape rules ---

// Checks the ranks of inputs [first, first + 3), and that they fit.
absl::Status CheckSparseShapes(ShapeContext& ctx, int first);
// The rank of a sparse input, by its indices or its shape.
int64_t SparseRank(ShapeContext& ctx, int indices, int shape);

}  // namespace metagraph
