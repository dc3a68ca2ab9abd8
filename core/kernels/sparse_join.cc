// Sparse tensors put together and cut: SparseConcat, SparseSplit, SparseSlice
// and its gradient.

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "core/base/checked_math.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/sparse_inputs.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// N indices, N values, N shapes.
class SparseConcat final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("concat_dim", &axis_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const int n = ctx.num_inputs() / 3;
    RETURN_IF_ERROR(CheckInputs(ctx, n));
    const auto first = ctx.input(2 * n).values<int64_t>();
    const int64_t rank = static_cast<int64_t>(first.size());
    const int64_t axis = CanonicalAxis(axis_, rank);
    if (axis < 0) {
      return InvalidArgument("Concat dimension must be in range [", -rank, ", ",
                             rank, "), got ", axis_);
    }
    Ints shape(first.begin(), first.end());
    int64_t total = ctx.input(0).dim(0);
    for (int i = 1; i < n; ++i) {
      RETURN_IF_ERROR(AddShape(ctx.input(2 * n + i), i, axis, shape));
      total += ctx.input(i).dim(0);
    }
    RETURN_IF_ERROR(DenseShapeOf(shape).status());
    RETURN_IF_ERROR(SetShapeOutput(ctx, 2, shape));

    ASSIGN_OR_RETURN(Tensor indices, ctx.AllocateTemp(DT_INT64, {total, rank}));
    ASSIGN_OR_RETURN(Tensor values,
                     ctx.AllocateTemp(ctx.output_type(1), {total}));
    const ElementCopier copier(values.dtype());
    int64_t* index = indices.mutable_data<int64_t>();
    int64_t shift = 0, done = 0;
    Looks looks(ctx);
    for (int i = 0; i < n; ++i) {
      const int64_t count = ctx.input(i).dim(0);
      std::copy_n(ctx.input(i).data<int64_t>(), count * rank, index);
      for (int64_t k = 0; k < count; ++k, index += rank) {
        RETURN_IF_ERROR(looks.After());
        index[axis] = Add(index[axis], shift);
      }
      RETURN_IF_ERROR(ChargeStrings(ctx.input(n + i), 1, &values));
      copier.Copy(ctx.input(n + i).raw_data(), 0, values.mutable_raw_data(),
                  done, count);
      done += count;
      shift += ctx.input(2 * n + i).data<int64_t>()[axis];
    }
    const SparseInput joined(indices, values, ctx.input(2 * n));
    ASSIGN_OR_RETURN(const Scratch<int64_t> entries,
                     SortedEntries(ctx, joined));
    return SetEntries(ctx, 0, joined, entries);
  }

 private:
  static absl::Status CheckInputs(const KernelContext& ctx, int n) {
    const auto refuse = [](absl::string_view what, const Tensor& tensor,
                           int i) {
      return InvalidArgument("Input ", what, " but received shape ",
                             tensor.shape().ToString(), " at position ", i);
    };
    for (int i = 0; i < n; ++i) {
      const Tensor& indices = ctx.input(i);
      const Tensor& values = ctx.input(n + i);
      const Tensor& shape = ctx.input(2 * n + i);
      if (!indices.shape().IsMatrix()) {
        return refuse("indices should be a matrix", indices, i);
      }
      if (!values.shape().IsVector()) {
        return refuse("values should be a vector", values, i);
      }
      if (!shape.shape().IsVector()) {
        return refuse("shapes should be a vector", shape, i);
      }
      if (shape.dim(0) != ctx.input(2 * n).dim(0)) {
        return InvalidArgument(
            "Ranks of all input tensors must match: expected ",
            ctx.input(2 * n).dim(0), " but got ", shape.dim(0), " at position ",
            i);
      }
      RETURN_IF_ERROR(CheckEntryCounts(indices, values, shape));
      for (const int64_t size : shape.values<int64_t>()) {
        if (size < 0) {
          return InvalidArgument(
              "Expected shape dimensions to be non-negative, got ", size);
        }
      }
    }
    return absl::OkStatus();
  }

  static absl::Status AddShape(const Tensor& sizes, int i, int64_t axis,
                               Ints& shape) {
    const int64_t* size = sizes.data<int64_t>();
    for (size_t d = 0; d < shape.size(); ++d) {
      if (static_cast<int64_t>(d) == axis) {
        const std::optional<int64_t> sum = CheckedAdd(shape[d], size[d]);
        if (!sum) return InvalidArgument("the sizes to join are too large");
        shape[d] = *sum;
      } else if (shape[d] != size[d]) {
        return InvalidArgument("Input shapes must match: expected ", shape[d],
                               " for dimension ", d, " but got ", size[d],
                               " at position ", i);
      }
    }
    return absl::OkStatus();
  }

  int64_t axis_ = 0;
};

// split_dim, indices, values, shape.
class SparseSplit final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("num_split", &parts_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const auto refuse = [&](absl::string_view what, int i) {
      return InvalidArgument("Input ", what, " but received shape ",
                             ctx.input(i).shape().ToString());
    };
    if (ctx.input(0).rank() != 0) return refuse("axis should be a scalar", 0);
    if (ctx.input(1).rank() != 2) {
      return refuse("indices should be a matrix", 1);
    }
    if (ctx.input(2).rank() != 1) return refuse("values should be a vector", 2);
    if (ctx.input(3).rank() != 1) return refuse("shape should be a vector", 3);
    ASSIGN_OR_RETURN(const SparseInput sparse, ReadSparse(ctx, 1));
    const int64_t rank = sparse.rank();
    const int64_t axis = CanonicalAxis(ctx.input(0).scalar<int64_t>(), rank);
    if (axis < 0) {
      return InvalidArgument("Input axis should be in range [", -rank, ", ",
                             rank, "), got ", ctx.input(0).scalar<int64_t>());
    }
    ASSIGN_OR_RETURN(const TensorShape shape, DenseShapeOf(sparse.shape()));
    const int64_t size = shape.dim(static_cast<int>(axis));
    if (parts_ < 1 || parts_ > size) {
      return InvalidArgument(
          "Input num_split should be between 1 and the "
          "splitting dimension size (",
          size, "), got ", parts_);
    }
    // The first parts have one more if the size is no multiple.
    const int64_t width = size / parts_, longer = size % parts_;
    std::vector<Scratch<int64_t>> entries(parts_);
    RETURN_IF_ERROR(CheckInside(ctx, sparse));
    Looks looks(ctx);
    for (int64_t i = 0; i < sparse.count(); ++i) {
      RETURN_IF_ERROR(looks.After());
      entries[PartOf(sparse.index(i)[axis], width, longer)].push_back(i);
    }
    Ints sizes(sparse.shape().begin(), sparse.shape().end());
    for (int64_t part = 0; part < parts_; ++part) {
      sizes[axis] = width + (part < longer ? 1 : 0);
      const int64_t begin = part * width + std::min(part, longer);
      RETURN_IF_ERROR(
          SetPart(ctx, sparse, part, entries[part], axis, begin, sizes));
    }
    return absl::OkStatus();
  }

 private:
  static int64_t PartOf(int64_t at, int64_t width, int64_t longer) {
    if (at < (width + 1) * longer) return at / (width + 1);
    return (at - longer) / width;
  }

  absl::Status SetPart(KernelContext& ctx, const SparseInput& sparse,
                       int64_t part, absl::Span<const int64_t> entries,
                       int64_t axis, int64_t begin, const Ints& sizes) const {
    const auto count = static_cast<int64_t>(entries.size());
    const int rank = sparse.rank();
    const int output = static_cast<int>(part);
    const int parts = static_cast<int>(parts_);
    ASSIGN_OR_RETURN(Tensor * indices,
                     ctx.AllocateOutput(output, {count, rank}));
    ASSIGN_OR_RETURN(Tensor * values,
                     ctx.AllocateOutput(parts + output, {count}));
    RETURN_IF_ERROR(ChargeLongest(sparse.values(), count, values));
    RETURN_IF_ERROR(SetShapeOutput(ctx, 2 * parts + output, sizes));
    const ElementCopier copier(values->dtype());
    int64_t* index = indices->mutable_data<int64_t>();
    Looks looks(ctx);
    for (int64_t k = 0; k < count; ++k, index += rank) {
      RETURN_IF_ERROR(looks.After());
      std::copy_n(sparse.index(entries[k]), rank, index);
      index[axis] -= begin;
      copier.Copy(sparse.values().raw_data(), entries[k],
                  values->mutable_raw_data(), k, 1);
    }
    return absl::OkStatus();
  }

  int64_t parts_ = 1;
};

// indices, values, shape, start, size.
class SparseSlice final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const SparseInput sparse, ReadSparse(ctx, 0));
    const int rank = sparse.rank();
    for (const int i : {3, 4}) {
      const char* name = i == 3 ? "start" : "size";
      if (!ctx.input(i).shape().IsVector()) {
        return InvalidArgument("Input ", name,
                               " should be a vector but received shape ",
                               ctx.input(i).shape().ToString());
      }
      if (ctx.input(i).dim(0) != rank) {
        return InvalidArgument("Expected ", name, " to be a vector of length ",
                               rank, " but got length ", ctx.input(i).dim(0));
      }
    }
    const int64_t* start = ctx.input(3).data<int64_t>();
    const int64_t* size = ctx.input(4).data<int64_t>();
    RETURN_IF_ERROR(DenseShapeOf(sparse.shape()).status());
    Ints end(rank), sizes(rank);
    for (int d = 0; d < rank; ++d) {
      if (size[d] < 0) {
        return InvalidArgument("Expected a non-negative size, got ", size[d]);
      }
      // As TensorFlow has it: a start below 0 is one.
      end[d] = start[d] > std::numeric_limits<int64_t>::max() - size[d]
                   ? std::numeric_limits<int64_t>::max()
                   : start[d] + size[d];
      const int64_t whole = sparse.shape()[d];
      sizes[d] = start[d] >= whole ? 0
                 : end[d] < whole  ? size[d]
                                   : Subtract(whole, start[d]);
    }
    Scratch<int64_t> entries;
    Looks looks(ctx);
    for (int64_t i = 0; i < sparse.count(); ++i) {
      RETURN_IF_ERROR(looks.After());
      const int64_t* index = sparse.index(i);
      bool inside = true;
      for (int d = 0; d < rank && inside; ++d) {
        inside = index[d] >= start[d] && index[d] < end[d];
      }
      if (inside) entries.push_back(i);
    }
    RETURN_IF_ERROR(SetShapeOutput(ctx, 2, sizes));
    const auto count = static_cast<int64_t>(entries.size());
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {count, rank}));
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {count}));
    RETURN_IF_ERROR(ChargeStrings(sparse.values(), 1, values));
    const ElementCopier copier(values->dtype());
    int64_t* index = indices->mutable_data<int64_t>();
    for (int64_t k = 0; k < count; ++k) {
      RETURN_IF_ERROR(looks.After());
      for (int d = 0; d < rank; ++d) {
        *index++ = Subtract(sparse.index(entries[k])[d], start[d]);
      }
      copier.Copy(sparse.values().raw_data(), entries[k],
                  values->mutable_raw_data(), k, 1);
    }
    return absl::OkStatus();
  }
};

// backprop_val_grad, input_indices, input_start, output_indices.
template <typename T>
class SparseSliceGrad final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& grad = ctx.input(0);
    const Tensor& in = ctx.input(1);
    const Tensor& start = ctx.input(2);
    const Tensor& out = ctx.input(3);
    RETURN_IF_ERROR(CheckInputs(grad, in, start, out));
    const int64_t rank = in.dim(1);
    const int64_t* wanted = out.data<int64_t>();
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {in.dim(0)}));
    T* to = output->mutable_data<T>();
    int64_t used = 0;
    Looks looks(ctx);
    for (int64_t i = 0; i < in.dim(0); ++i) {
      RETURN_IF_ERROR(looks.After());
      to[i] = T(0);
      if (used == out.dim(0)) continue;
      bool same = true;
      for (int64_t d = 0; d < rank && same; ++d) {
        same = in.data<int64_t>()[i * rank + d] ==
               Add(wanted[used * rank + d], start.data<int64_t>()[d]);
      }
      if (same) to[i] = grad.data<T>()[used++];
    }
    if (used == grad.dim(0)) return absl::OkStatus();
    return Internal(
        "Elements of backprop_val_grad aren't all propagated. Num elements:",
        grad.dim(0), ", used: ", used);
  }

 private:
  static absl::Status CheckInputs(const Tensor& grad, const Tensor& in,
                                  const Tensor& start, const Tensor& out) {
    if (!grad.shape().IsVector()) {
      return InvalidArgument(
          "Input backprop_val_grad should be a vector but received shape: ",
          grad.shape().ToString());
    }
    if (!in.shape().IsMatrix() || !out.shape().IsMatrix()) {
      return InvalidArgument(
          "Input and output indices should be matrices but received shapes: ",
          in.shape().ToString(), " and ", out.shape().ToString());
    }
    if (!start.shape().IsVector()) {
      return InvalidArgument(
          "The input_start should be a vector but received shape ",
          start.shape().ToString());
    }
    if (in.dim(1) != start.dim(0)) {
      return InvalidArgument("Expected input_start to be a vector of length ",
                             in.dim(1), " but got length ", start.dim(0));
    }
    if (in.dim(1) != out.dim(1)) {
      return InvalidArgument(
          "The input and output should have the same ndims: got: ", in.dim(1),
          " and ", out.dim(1));
    }
    if (out.dim(0) > in.dim(0)) {
      return InvalidArgument(
          "# rows of output_indices should be not greater "
          "than of input_indices, got ",
          out.dim(0), " and ", in.dim(0));
    }
    if (grad.dim(0) != out.dim(0)) {
      return InvalidArgument(
          "# elements of backprop_val_grad and # rows of "
          "output_indices should match (#nnz of sum): got ",
          grad.dim(0), " and ", out.dim(0));
    }
    return absl::OkStatus();
  }
};

absl::Status SparseConcatRule(ShapeContext& ctx) {
  const int n = ctx.num_inputs() / 3;
  int64_t total = 0;
  int64_t rank = kUnknownDim;
  for (int i = 0; i < n; ++i) {
    ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(i), 2));
    ASSIGN_OR_RETURN(const PartialShape values, WithRank(ctx.input(n + i), 1));
    ASSIGN_OR_RETURN(const PartialShape shape,
                     WithRank(ctx.input(2 * n + i), 1));
    ASSIGN_OR_RETURN(const int64_t count,
                     MergeDims(DimOf(indices, 0), DimOf(values, 0)));
    ASSIGN_OR_RETURN(rank, MergeDims(rank, DimOf(indices, 1)));
    ASSIGN_OR_RETURN(rank, MergeDims(rank, DimOf(shape, 0)));
    total = AddDims(total, count);
  }
  ctx.SetOutput(0, PartialShape({total, rank}));
  ctx.SetOutput(1, PartialShape({total}));
  ctx.SetOutput(2, PartialShape({rank}));
  return absl::OkStatus();
}

absl::Status SparseSplitRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 0).status());
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 1));
  const int64_t rank = SparseRank(ctx, 1, 3);
  const int parts = ctx.num_outputs() / 3;
  for (int i = 0; i < parts; ++i) {
    ctx.SetOutput(i, PartialShape({kUnknownDim, rank}));
    ctx.SetOutput(parts + i, UnknownDims(1));
    ctx.SetOutput(2 * parts + i, PartialShape({rank}));
  }
  return absl::OkStatus();
}

absl::Status SparseSliceRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  const int64_t rank = SparseRank(ctx, 0, 2);
  for (const int i : {3, 4}) {
    ASSIGN_OR_RETURN(const PartialShape vector, WithRank(ctx.input(i), 1));
    RETURN_IF_ERROR(MergeDims(DimOf(vector, 0), rank).status());
  }
  ctx.SetOutput(0, PartialShape({kUnknownDim, rank}));
  ctx.SetOutput(1, UnknownDims(1));
  ctx.SetOutput(2, PartialShape({rank}));
  return absl::OkStatus();
}

absl::Status SparseSliceGradRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(1), 2));
  ctx.SetOutput(0, PartialShape({DimOf(indices, 0)}));
  return absl::OkStatus();
}

REGISTER_OP("SparseConcat", [](OpBuilder& op) {
  op.Input("indices: N * int64").Input("values: N * T");
  op.Input("shapes: N * int64");
  op.Output("output_indices: int64").Output("output_values: T");
  op.Output("output_shape: int64");
  op.Attr("concat_dim: int").Attr("N: int >= 2").Attr("T: type");
  op.Shape(SparseConcatRule);
  op.KernelForEach<Always<SparseConcat>::For, PlainAndStringTypes>("T");
});
REGISTER_OP("SparseSplit", [](OpBuilder& op) {
  op.Input("split_dim: int64").Input("indices: int64").Input("values: T");
  op.Input("shape: int64").Output("output_indices: num_split * int64");
  op.Output("output_values: num_split * T");
  op.Output("output_shape: num_split * int64");
  op.Attr("num_split: int >= 1").Attr("T: type");
  op.Shape(SparseSplitRule);
  op.KernelForEach<Always<SparseSplit>::For, PlainAndStringTypes>("T");
});
REGISTER_OP("SparseSlice", [](OpBuilder& op) {
  op.Input("indices: int64").Input("values: T").Input("shape: int64");
  op.Input("start: int64").Input("size: int64");
  op.Output("output_indices: int64").Output("output_values: T");
  op.Output("output_shape: int64").Attr("T: type");
  op.Shape(SparseSliceRule);
  op.KernelForEach<Always<SparseSlice>::For, PlainAndStringTypes>("T");
});
REGISTER_OP("SparseSliceGrad", [](OpBuilder& op) {
  op.Input("backprop_val_grad: T").Input("input_indices: int64");
  op.Input("input_start: int64").Input("output_indices: int64");
  op.Output("val_grad: T").Attr("T: type");
  op.Shape(SparseSliceGradRule);
  op.KernelForEach<SparseSliceGrad, NumberTypes>("T");
});

}  // namespace
}  // namespace metagraph
