// SparseReorder, SparseReshape, SparseFillEmptyRows and its gradient.

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/checked_math.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/rank_checks.h"
#include "core/kernels/sparse_inputs.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class SparseReorder final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const SparseInput sparse, ReadSparse(ctx, 0));
    ASSIGN_OR_RETURN(const Scratch<int64_t> entries,
                     SortedEntries(ctx, sparse));
    return SetEntries(ctx, 0, sparse, entries);
  }
};

// What a reshape makes of `wanted`, in which one size may be -1.
absl::StatusOr<TensorShape> ReshapedShape(const TensorShape& from,
                                          absl::Span<const int64_t> wanted) {
  Ints dims(wanted.begin(), wanted.end());
  int unknown = -1;
  std::optional<int64_t> product = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == -1) {
      if (unknown >= 0) {
        return InvalidArgument("only one output dimension may be -1, not both ",
                               unknown, " and ", d);
      }
      unknown = static_cast<int>(d);
      continue;
    }
    if (dims[d] < 0) {
      return InvalidArgument("size ", d, " must be non-negative, not ",
                             dims[d]);
    }
    const int64_t before = *product;
    product = CheckedMul(before, dims[d]);
    if (!product) {
      return InvalidArgument("Encountered overflow when multiplying ", before,
                             " with ", dims[d], ", result: -1");
    }
  }
  const int64_t elements = from.num_elements();
  if (unknown >= 0) {
    if (*product == 0) {
      return InvalidArgument(
          "reshape cannot infer the missing input size for an empty tensor "
          "unless all specified input sizes are non-zero");
    }
    dims[unknown] = elements / *product;
    if (dims[unknown] * *product != elements) {
      dims[unknown] = 1;
      return InvalidArgument("Input to reshape is a SparseTensor with ",
                             elements,
                             " dense values, but the requested shape requires "
                             "a multiple of ",
                             *product, ". input_shape=", from.ToString(),
                             " output_shape=", PlainIndex(dims));
    }
  } else if (*product != elements) {
    return InvalidArgument("Input to reshape is a tensor with ", elements,
                           " dense values, but the requested shape has ",
                           *product, ". input_shape=", from.ToString(),
                           " output_shape=", PlainIndex(dims));
  }
  return TensorShape::Build(dims);
}

// Indices of a dense tensor of one shape become those of another.
class SparseReshape final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(0);
    if (!indices.shape().IsMatrix()) {
      return InvalidArgument("Input must be a matrix.");
    }
    if (!ctx.input(1).shape().IsVector()) {
      return InvalidArgument("Input shape must be a vector.");
    }
    RETURN_IF_ERROR(RequireVector(
        ctx.input(2), "Target shape should be a vector but received shape "));
    if (indices.dim(1) != ctx.input(1).dim(0)) {
      return InvalidArgument(
          "Input tensor rank must match input shape length.");
    }
    ASSIGN_OR_RETURN(const TensorShape from,
                     SizesOf(ctx.input(1).values<int64_t>()));
    ASSIGN_OR_RETURN(const TensorShape to,
                     ReshapedShape(from, ctx.input(2).values<int64_t>()));
    RETURN_IF_ERROR(SetShapeOutput(ctx, 1, to.dims()));
    if (from == to) {
      ctx.SetOutput(0, indices);
      return absl::OkStatus();
    }
    const int64_t count = indices.dim(0);
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.AllocateOutput(0, {count, to.rank()}));
    const Ints from_strides = ElementStrides(from);
    const Ints to_strides = ElementStrides(to);
    // Indices may be outside, and then give some place or other: they wrap.
    const int64_t* in = indices.data<int64_t>();
    int64_t* out = output->mutable_data<int64_t>();
    Looks looks(ctx);
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(looks.After());
      int64_t place = 0;
      for (int d = 0; d < from.rank(); ++d) {
        place = Add(place, Multiply(*in++, from_strides[d]));
      }
      for (int d = 0; d < to.rank(); ++d) {
        const int64_t stride = to_strides[d];
        *out++ = stride == 0 ? 0 : place / stride;
        if (stride != 0) place %= stride;
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<TensorShape> SizesOf(absl::Span<const int64_t> sizes) {
    int64_t product = 1;
    for (const int64_t size : sizes) {
      if (size < 0) break;
      const std::optional<int64_t> next = CheckedMul(product, size);
      if (!next) {
        return InvalidArgument("Encountered overflow when multiplying ",
                               product, " with ", size, ", result: -1");
      }
      product = *next;
    }
    return DenseShapeOf(sizes);
  }
};

// indices, values, dense_shape, default_value. A row of which there is nothing
// gets the default at column 0.
class SparseFillEmptyRows final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx));
    const SparseInput sparse(ctx.input(0), ctx.input(1), ctx.input(2));
    const int rank = sparse.rank();
    const int64_t count = sparse.count();
    const int64_t rows = sparse.shape()[0];
    if (rows == 0 && count > 0) {
      return InvalidArgument(
          "Received SparseTensor with dense_shape[0] = 0 "
          "but indices.shape[0] = ",
          count);
    }
    ASSIGN_OR_RETURN(Tensor * empty, ctx.AllocateOutput(2, {rows}));
    ASSIGN_OR_RETURN(Tensor * reverse, ctx.AllocateOutput(3, {count}));
    // First how many each row has, then where the next of each goes.
    Scratch<int64_t> next(rows);
    Looks looks(ctx);
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(looks.After());
      const int64_t row = sparse.index(i)[0];
      if (row < 0 || row >= rows) {
        return InvalidArgument("indices(", i, ", 0) is invalid: ", row,
                               " >= ", rows);
      }
      ++next[row];
    }
    int64_t total = 0;
    bool* is_empty = empty->mutable_data<bool>();
    for (int64_t row = 0; row < rows; ++row) {
      RETURN_IF_ERROR(looks.After());
      is_empty[row] = next[row] == 0;
      const int64_t begin = total;
      total += std::max<int64_t>(next[row], 1);
      next[row] = begin;
    }
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {total, rank}));
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {total}));
    RETURN_IF_ERROR(ChargeStrings(ctx.input(1), 1, values));
    RETURN_IF_ERROR(ChargeStrings(ctx.input(3), total - count, values));
    const ElementCopier copier(values->dtype());
    int64_t* index = indices->mutable_data<int64_t>();
    int64_t* place = reverse->mutable_data<int64_t>();
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(looks.After());
      const int64_t to = next[sparse.index(i)[0]]++;
      place[i] = to;
      std::copy_n(sparse.index(i), rank, index + to * rank);
      copier.Copy(ctx.input(1).raw_data(), i, values->mutable_raw_data(), to,
                  1);
    }
    for (int64_t row = 0; row < rows; ++row) {
      RETURN_IF_ERROR(looks.After());
      if (!is_empty[row]) continue;
      const int64_t to = next[row];
      std::fill_n(index + to * rank, rank, 0);
      index[to * rank] = row;
      copier.Copy(ctx.input(3).raw_data(), 0, values->mutable_raw_data(), to,
                  1);
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckInputs(const KernelContext& ctx) {
    const Tensor& indices = ctx.input(0);
    const Tensor& values = ctx.input(1);
    const Tensor& shape = ctx.input(2);
    RETURN_IF_ERROR(
        RequireVector(shape, "dense_shape must be a vector, saw: "));
    RETURN_IF_ERROR(RequireRank(indices, 2, "indices must be a matrix, saw: "));
    RETURN_IF_ERROR(RequireVector(values, "values must be a vector, saw: "));
    RETURN_IF_ERROR(
        RequireScalar(ctx.input(3), "default_value must be a scalar, saw: "));
    if (indices.dim(0) != values.dim(0)) {
      return InvalidArgument("The length of `values` (", values.dim(0),
                             ") must match the first dimension of `indices` (",
                             indices.dim(0), ").");
    }
    if (indices.dim(1) != shape.dim(0)) {
      return InvalidArgument("The length of `dense_shape` (", shape.dim(0),
                             ") must match the second dimension of `indices` (",
                             indices.dim(1), ").");
    }
    if (shape.num_elements() == 0) {
      return InvalidArgument("Dense shape cannot be empty.");
    }
    return DenseShapeOf(shape.values<int64_t>()).status();
  }
};

// What flows back to the values, and the sum of what flows back to defaults.
template <typename T>
class SparseFillEmptyRowsGrad final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& reverse = ctx.input(0);
    const Tensor& grad = ctx.input(1);
    RETURN_IF_ERROR(
        RequireVector(reverse, "reverse_index_map must be a vector, saw: "));
    RETURN_IF_ERROR(RequireVector(grad, "grad_values must be a vector, saw: "));
    const int64_t size = grad.dim(0);
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(0, reverse.shape()));
    ASSIGN_OR_RETURN(Tensor * value, ctx.AllocateOutput(1, {}));
    Scratch<char> used(size);
    T* out = values->mutable_data<T>();
    Looks looks(ctx);
    for (const int64_t i : reverse.values<int64_t>()) {
      RETURN_IF_ERROR(looks.After());
      if (i < 0 || i >= size) {
        return InvalidArgument("Elements in reverse index must be in [0, ",
                               size, ") but got ", i);
      }
      *out++ = grad.data<T>()[i];
      used[i] = 1;
    }
    T sum = T(0);
    for (int64_t i = 0; i < size; ++i) {
      RETURN_IF_ERROR(looks.After());
      if (!used[i]) sum = Add(sum, grad.data<T>()[i]);
    }
    *value->mutable_data<T>() = sum;
    return absl::OkStatus();
  }
};

absl::Status SparseReorderRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  ctx.SetOutput(0, ctx.input(0));
  ctx.SetOutput(1, ctx.input(1));
  return absl::OkStatus();
}

absl::Status SparseReshapeRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(0), 2));
  RETURN_IF_ERROR(WithRank(ctx.input(1), 1).status());
  ASSIGN_OR_RETURN(const PartialShape shape, WithRank(ctx.input(2), 1));
  ctx.SetOutput(0, PartialShape({DimOf(indices, 0), DimOf(shape, 0)}));
  ctx.SetOutput(1, shape);
  return absl::OkStatus();
}

absl::Status SparseFillEmptyRowsRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  RETURN_IF_ERROR(WithRank(ctx.input(3), 0).status());
  const std::optional<KnownInts> shape = ctx.Ints(2);
  const int64_t rows = shape.has_value() && !shape->empty() &&
                               (*shape)[0] != kUnknownInt && (*shape)[0] >= 0
                           ? (*shape)[0]
                           : kUnknownDim;
  ctx.SetOutput(0, PartialShape({kUnknownDim, SparseRank(ctx, 0, 2)}));
  ctx.SetOutput(1, UnknownDims(1));
  ctx.SetOutput(2, PartialShape({rows}));
  ctx.SetOutput(3, PartialShape({DimOf(ctx.input(0), 0)}));
  return absl::OkStatus();
}

absl::Status SparseFillEmptyRowsGradRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 1).status());
  RETURN_IF_ERROR(WithRank(ctx.input(1), 1).status());
  ctx.SetOutput(0, ctx.input(0));
  ctx.SetOutput(1, PartialShape({}));
  return absl::OkStatus();
}

REGISTER_OP("SparseReorder", [](OpBuilder& op) {
  op.Input("input_indices: int64").Input("input_values: T");
  op.Input("input_shape: int64");
  op.Output("output_indices: int64").Output("output_values: T");
  op.Attr("T: type");
  op.Shape(SparseReorderRule);
  op.KernelForEach<Always<SparseReorder>::For, PlainAndStringTypes>("T");
});
REGISTER_OP("SparseReshape", [](OpBuilder& op) {
  op.Input("input_indices: int64").Input("input_shape: int64");
  op.Input("new_shape: int64");
  op.Output("output_indices: int64").Output("output_shape: int64");
  op.Shape(SparseReshapeRule);
  op.Kernel<SparseReshape>();
});
REGISTER_OP("SparseFillEmptyRows", [](OpBuilder& op) {
  op.Input("indices: int64").Input("values: T").Input("dense_shape: int64");
  op.Input("default_value: T");
  op.Output("output_indices: int64").Output("output_values: T");
  op.Output("empty_row_indicator: bool").Output("reverse_index_map: int64");
  op.Attr("T: type");
  op.Shape(SparseFillEmptyRowsRule);
  op.KernelForEach<Always<SparseFillEmptyRows>::For, PlainAndStringTypes>("T");
});
REGISTER_OP("SparseFillEmptyRowsGrad", [](OpBuilder& op) {
  op.Input("reverse_index_map: int64").Input("grad_values: T");
  op.Output("d_values: T").Output("d_default_value: T").Attr("T: type");
  op.Shape(SparseFillEmptyRowsGradRule);
  op.KernelForEach<SparseFillEmptyRowsGrad, NumberTypes>("T");
});

}  // namespace
}  // namespace metagraph
