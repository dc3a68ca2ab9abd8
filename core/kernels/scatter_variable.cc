// Ops on parts of variables: scatters into them and gathers out of them, for
// references and for resources.

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/variable_access.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

absl::Status CheckIndexType(const Tensor& indices) {
  if (indices.dtype() == DT_INT32 || indices.dtype() == DT_INT64) {
    return absl::OkStatus();
  }
  return InvalidArgument("indices are ", DataTypeName(indices.dtype()),
                         ", expected int32 or int64");
}

int64_t IndexAt(const Tensor& indices, int64_t i) {
  return indices.dtype() == DT_INT32 ? indices.data<int32_t>()[i]
                                     : indices.data<int64_t>()[i];
}

// The values of `indices`, all of them in [0, limit).
absl::StatusOr<Scratch<int64_t>> ReadIndices(const Tensor& indices,
                                             int64_t limit) {
  Scratch<int64_t> out(indices.num_elements());
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = IndexAt(indices, i);
    if (out[i] < 0 || out[i] >= limit) {
      return InvalidArgument("indices", PositionString(indices.shape(), i),
                             " = ", out[i], " is not in [0, ", limit, ")");
    }
  }
  return out;
}

// Indices of which each, along the last dimension, names a slice of a tensor
// of shape `shape`: the numbers of those slices. `depth` is the size of that
// last dimension.
absl::StatusOr<Scratch<int64_t>> ReadSliceIndices(const Tensor& indices,
                                                  int depth,
                                                  const TensorShape& shape,
                                                  const char* what) {
  const int64_t count = depth == 0 ? 0 : indices.num_elements() / depth;
  Scratch<int64_t> out(count);
  for (int64_t i = 0; i < count; ++i) {
    bool good = true;
    for (int d = 0; d < depth; ++d) {
      const int64_t index = IndexAt(indices, i * depth + d);
      good = good && index >= 0 && index < shape.dim(d);
      if (good) out[i] = out[i] * shape.dim(d) + index;
    }
    if (!good) {
      std::vector<int64_t> bad;
      bad.reserve(depth);
      for (int d = 0; d < depth; ++d) {
        bad.push_back(IndexAt(indices, i * depth + d));
      }
      TensorShape outer = indices.shape();
      if (outer.rank() > 1) outer.RemoveDim(outer.rank() - 1);
      return InvalidArgument("indices", PositionString(outer, i), " = [",
                             absl::StrJoin(bad, ", "), "] does not index into ",
                             what, " ", shape.ToString());
    }
  }
  return out;
}

int64_t ElementsFrom(const TensorShape& shape, int first) {
  int64_t out = 1;
  for (int i = first; i < shape.rank(); ++i) out *= shape.dim(i);
  return out;
}

template <typename T>
T Divide(T a, T b) {
  // The one quotient that overflows, and would trap.
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
    if (b == T(-1)) return Subtract(T(0), a);
  }
  return static_cast<T>(a / b);
}

// What a scatter does once everything is checked: row rows[i] of `variable`,
// seen as rows of `row_size` elements, meets row i of `updates`, or the one
// scalar there is. Later rows see what earlier ones did.
using ApplyRows = absl::Status (*)(Tensor& variable,
                                   absl::Span<const int64_t> rows,
                                   int64_t row_size, const Tensor& updates);

// What + and - of truth values come to.
bool Or(bool a, bool b) { return a || b; }
bool Differ(bool a, bool b) { return a != b; }

template <typename T, T (*kCombine)(T, T), bool kDivides = false>
absl::Status CombineRows(Tensor& variable, absl::Span<const int64_t> rows,
                         int64_t row_size, const Tensor& updates) {
  T* const base = variable.mutable_data<T>();
  const T* update = updates.data<T>();
  const int64_t step = updates.rank() == 0 ? 0 : 1;
  if constexpr (std::is_integral_v<T> && kDivides) {
    for (int64_t i = 0; i < updates.num_elements(); ++i) {
      if (update[i] == T(0)) {
        return InvalidArgument("Integer division by zero");
      }
    }
  }
  for (const int64_t row : rows) {
    T* const out = base + row * row_size;
    for (int64_t i = 0; i < row_size; ++i) {
      out[i] = kCombine(out[i], update[i * step]);
    }
    update += row_size * step;
  }
  return absl::OkStatus();
}

// Replaces rows: elements move, whatever they mean.
absl::Status ReplaceRows(Tensor& variable, absl::Span<const int64_t> rows,
                         int64_t row_size, const Tensor& updates) {
  if (variable.dtype() == DT_VARIANT) {
    return Unimplemented("variables of variants cannot be scattered into");
  }
  WithElementType(variable.dtype(), [&]<typename T>() {
    T* const base = static_cast<T*>(variable.mutable_raw_data());
    const T* update = static_cast<const T*>(updates.raw_data());
    for (const int64_t row : rows) {
      if (updates.rank() == 0) {
        std::fill_n(base + row * row_size, row_size, *update);
      } else {
        std::copy_n(update, row_size, base + row * row_size);
        update += row_size;
      }
    }
  });
  return absl::OkStatus();
}

// Locks the variable in input 0 and applies once `plan` has checked shapes and
// indices against it. A bad index leaves the variable as it was.
template <typename Plan>
absl::Status UpdateRows(KernelContext& ctx, ApplyRows apply, Plan plan) {
  RETURN_IF_ERROR(CheckIndexType(ctx.input(1)));
  ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
  const Tensor& updates = ctx.input(2);
  const auto update = [&](LiveVariable& variable) -> absl::Status {
    const Tensor& old = variable.value();
    RETURN_IF_ERROR(CheckInitialized(ctx, 0, old));
    if (old.dtype() != updates.dtype()) {
      return InvalidArgument(
          "Trying to update variable with wrong dtype. "
          "Expected ",
          DataTypeName(old.dtype()), " got ", DataTypeName(updates.dtype()));
    }
    int64_t row_size = 0;
    ASSIGN_OR_RETURN(Scratch<int64_t> rows, plan(old.shape(), &row_size));
    if (rows.empty() || row_size == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(Tensor * target, variable.MakeWritable());
    return apply(*target, rows, row_size, updates);
  };
  RETURN_IF_ERROR(ctx.variables().Update(slot, update));
  ReturnRef(ctx);
  return absl::OkStatus();
}

// variable[indices[i]] meets updates[i].
absl::Status Scatter(KernelContext& ctx, ApplyRows apply) {
  const Tensor& indices = ctx.input(1);
  const Tensor& updates = ctx.input(2);
  return UpdateRows(
      ctx, apply,
      [&](const TensorShape& params,
          int64_t* row_size) -> absl::StatusOr<Scratch<int64_t>> {
        if (params.rank() == 0) {
          return InvalidArgument("params must be at least 1-D, got shape []");
        }
        const auto outer_dims = indices.shape().dims();
        std::vector<int64_t> expected(outer_dims.begin(), outer_dims.end());
        expected.insert(expected.end(), params.dims().begin() + 1,
                        params.dims().end());
        if (updates.rank() != 0 && updates.shape().dims() != expected) {
          const auto outer = updates.shape().dims().subspan(
              0, std::min(updates.rank(), indices.rank()));
          if (!ctx.input_is_ref(0) && outer != outer_dims) {
            return InvalidArgument("The shape of indices (",
                                   indices.shape().ToString(),
                                   ") must be a prefix of the shape of "
                                   "updates (",
                                   updates.shape().ToString(), ")");
          }
          return InvalidArgument(
              "Must have updates.shape = indices.shape + params.shape[1:] or "
              "updates.shape = [], got updates.shape ",
              updates.shape().ToString(), ", indices.shape ",
              indices.shape().ToString(), ", params.shape ", params.ToString());
        }
        *row_size = ElementsFrom(params, 1);
        return ReadIndices(indices, params.dim(0));
      });
}

// The slice of the variable that indices[i, :] names meets updates[i].
absl::Status ScatterNd(KernelContext& ctx, ApplyRows apply) {
  const Tensor& indices = ctx.input(1);
  const Tensor& updates = ctx.input(2);
  return UpdateRows(
      ctx, apply,
      [&](const TensorShape& params,
          int64_t* row_size) -> absl::StatusOr<Scratch<int64_t>> {
        if (params.rank() == 0) {
          return InvalidArgument("Output must be at least 1-D, got shape: []");
        }
        const bool nothing =
            indices.num_elements() == 0 && updates.num_elements() == 0;
        if (!nothing &&
            (params.num_elements() == 0 || indices.num_elements() == 0 ||
             updates.num_elements() == 0)) {
          return InvalidArgument(
              "Indices and updates specified for empty output.  indices "
              "shape: ",
              indices.shape().ToString());
        }
        const int outer = std::max(1, indices.rank() - 1);
        const int64_t depth =
            indices.rank() > 1 ? indices.dim(indices.rank() - 1) : 1;
        for (int i = 0; i < outer; ++i) {
          if (i < indices.rank() && i < updates.rank() &&
              indices.dim(i) == updates.dim(i)) {
            continue;
          }
          return InvalidArgument(
              "Dimensions [0,", outer,
              ") of indices[shape=", indices.shape().ToString(),
              "] = ", i < indices.rank() ? indices.dim(i) : 0,
              " must match dimensions [0,", outer,
              ") of updates[shape=", updates.shape().ToString(),
              "] = ", i < updates.rank() ? updates.dim(i) : 0);
        }
        bool fits = depth <= params.rank() &&
                    updates.rank() - outer == params.rank() - depth;
        for (int i = outer; fits && i < updates.rank(); ++i) {
          fits =
              updates.dim(i) == params.dim(i - outer + static_cast<int>(depth));
        }
        if (!fits) {
          return InvalidArgument(
              "Dimensions [", depth, ",", params.rank(),
              ") of input[shape=", params.ToString(),
              "] must match dimensions [", depth, ",", updates.rank(),
              ") of updates[shape=", updates.shape().ToString(), "]");
        }
        *row_size = ElementsFrom(params, static_cast<int>(depth));
        return ReadSliceIndices(indices, static_cast<int>(depth), params,
                                "shape");
      });
}

template <absl::Status (*kScatter)(KernelContext&, ApplyRows), ApplyRows kApply>
class ScatterKernel final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    return kScatter(ctx, kApply);
  }
};

template <typename T>
using ScatterAdd = ScatterKernel<Scatter, CombineRows<T, Add<T>>>;
template <typename T>
using ScatterSub = ScatterKernel<Scatter, CombineRows<T, Subtract<T>>>;
template <typename T>
using ScatterMul = ScatterKernel<Scatter, CombineRows<T, Multiply<T>>>;
template <typename T>
using ScatterDiv = ScatterKernel<Scatter, CombineRows<T, Divide<T>, true>>;
template <typename T>
using ScatterMin = ScatterKernel<Scatter, CombineRows<T, Smaller<T>>>;
template <typename T>
using ScatterMax = ScatterKernel<Scatter, CombineRows<T, Larger<T>>>;
template <typename T>
using ScatterNdAdd = ScatterKernel<ScatterNd, CombineRows<T, Add<T>>>;
template <typename T>
using ScatterNdSub = ScatterKernel<ScatterNd, CombineRows<T, Subtract<T>>>;

void DescribeRef(OpBuilder& op) {
  op.Input("ref: Ref(T)").Input("indices: Tindices").Input("updates: T");
  op.Output("output_ref: Ref(T)").Attr("T: type").Attr("Tindices: type");
  op.SetWritesVariables();
  op.Shape(UnchangedRule);
}
void DescribeResource(OpBuilder& op) {
  op.Input("resource: resource").Input("indices: Tindices");
  op.Input("updates: dtype").Attr("dtype: type").Attr("Tindices: type");
  op.SetIsStateful().SetWritesVariables();
  op.Shape(UnknownRule);
}
void DescribeResourceNd(OpBuilder& op) {
  op.Input("ref: resource").Input("indices: Tindices").Input("updates: T");
  op.Attr("T: type").Attr("Tindices: type").Attr("use_locking: bool = true");
  op.SetIsStateful().SetWritesVariables();
  op.Shape(UnknownRule);
}

template <template <typename> class K>
void AddNumberKernels(OpBuilder& op, absl::string_view attr) {
  op.KernelForEach<K, NumberTypes>(attr);
}
// Of references, fewer dtypes have an order in TensorFlow.
template <template <typename> class K>
void AddOrderedRefKernels(OpBuilder& op, absl::string_view attr) {
  op.KernelForEach<K, Joined<FloatTypes, IndexTypes>>(attr);
}
template <template <typename> class K>
void AddOrderedKernels(OpBuilder& op, absl::string_view attr) {
  op.KernelForEach<K, RealTypes>(attr);
}

#define REGISTER_SCATTER(name, K, AddKernels, AddRefKernels) \
  REGISTER_OP("Scatter" name, [](OpBuilder& op) {            \
    DescribeRef(op);                                         \
    op.Attr("use_locking: bool = false");                    \
    AddRefKernels<K>(op, "T");                               \
  });                                                        \
  REGISTER_OP("ResourceScatter" name, [](OpBuilder& op) {    \
    DescribeResource(op);                                    \
    AddKernels<K>(op, "dtype");                              \
  })
REGISTER_SCATTER("Add", ScatterAdd, AddNumberKernels, AddNumberKernels);
REGISTER_SCATTER("Sub", ScatterSub, AddNumberKernels, AddNumberKernels);
REGISTER_SCATTER("Mul", ScatterMul, AddNumberKernels, AddNumberKernels);
REGISTER_SCATTER("Div", ScatterDiv, AddNumberKernels, AddNumberKernels);
REGISTER_SCATTER("Min", ScatterMin, AddOrderedKernels, AddOrderedRefKernels);
REGISTER_SCATTER("Max", ScatterMax, AddOrderedKernels, AddOrderedRefKernels);
#undef REGISTER_SCATTER

REGISTER_OP("ScatterUpdate", [](OpBuilder& op) {
  DescribeRef(op);
  op.Attr("use_locking: bool = true");
  op.Kernel<ScatterKernel<Scatter, ReplaceRows>>();
});
REGISTER_OP("ResourceScatterUpdate", [](OpBuilder& op) {
  DescribeResource(op);
  op.Kernel<ScatterKernel<Scatter, ReplaceRows>>();
});

REGISTER_OP("ScatterNdUpdate", [](OpBuilder& op) {
  DescribeRef(op);
  op.Attr("use_locking: bool = true");
  op.Kernel<ScatterKernel<ScatterNd, ReplaceRows>>();
});
REGISTER_OP("ScatterNdAdd", [](OpBuilder& op) {
  DescribeRef(op);
  op.Attr("use_locking: bool = false");
  AddNumberKernels<ScatterNdAdd>(op, "T");
});
REGISTER_OP("ScatterNdSub", [](OpBuilder& op) {
  DescribeRef(op);
  op.Attr("use_locking: bool = false");
  AddNumberKernels<ScatterNdSub>(op, "T");
});
REGISTER_OP("ResourceScatterNdUpdate", [](OpBuilder& op) {
  DescribeResourceNd(op);
  op.Kernel<ScatterKernel<ScatterNd, ReplaceRows>>();
});
REGISTER_OP("ResourceScatterNdAdd", [](OpBuilder& op) {
  DescribeResourceNd(op);
  AddNumberKernels<ScatterNdAdd>(op, "T");
  op.KernelWhere<ScatterKernel<ScatterNd, CombineRows<bool, Or>>>(
      {{"T", DT_BOOL}});
});
REGISTER_OP("ResourceScatterNdSub", [](OpBuilder& op) {
  DescribeResourceNd(op);
  AddNumberKernels<ScatterNdSub>(op, "T");
  op.KernelWhere<ScatterKernel<ScatterNd, CombineRows<bool, Differ>>>(
      {{"T", DT_BOOL}});
});

// Row rows[i] of `params`, seen as rows of `row_size` elements, becomes row i
// of `out`.
template <typename T>
void GatherObjects(const Tensor& params, absl::Span<const int64_t> rows,
                   int64_t row_size, Tensor* out) {
  T* to = out->mutable_data<T>();
  for (const int64_t row : rows) {
    std::copy_n(params.data<T>() + row * row_size, row_size, to);
    to += row_size;
  }
}

absl::Status GatherRows(KernelContext& ctx, const Tensor& params,
                        absl::Span<const int64_t> rows, int64_t row_size,
                        Tensor* out) {
  if (params.dtype() == DT_STRING) {
    GatherObjects<std::string>(params, rows, row_size, out);
    return absl::OkStatus();
  }
  if (params.dtype() == DT_RESOURCE) {
    GatherObjects<ResourceHandle>(params, rows, row_size, out);
    return absl::OkStatus();
  }
  if (params.dtype() == DT_VARIANT) {
    return Unimplemented("variables of variants cannot be gathered from");
  }
  const size_t bytes = DataTypeSize(params.dtype()) * row_size;
  if (bytes == 0) return absl::OkStatus();
  const char* from = static_cast<const char*>(params.raw_data());
  char* to = static_cast<char*>(out->mutable_raw_data());
  return ctx.ParallelFor(
      rows.size(), 5 + bytes / 8, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          std::memcpy(to + i * bytes, from + rows[i] * bytes, bytes);
        }
      });
}

// The value of the resource variable in input 0, of the output's dtype.
absl::StatusOr<Tensor> ReadForGather(KernelContext& ctx) {
  RETURN_IF_ERROR(CheckIndexType(ctx.input(1)));
  ASSIGN_OR_RETURN(int slot, ctx.VariableSlot(0));
  Tensor scratch;
  Tensor value = ctx.variables().Read(slot, &scratch);
  RETURN_IF_ERROR(CheckInitialized(ctx, 0, value));
  if (value.dtype() != ctx.output_type(0)) {
    return InvalidArgument(
        "Trying to read variable with wrong dtype. Expected ",
        DataTypeName(ctx.output_type(0)), " got ", DataTypeName(value.dtype()));
  }
  return value;
}

class ResourceGather final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("batch_dims", &batch_dims_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const Tensor params, ReadForGather(ctx));
    const Tensor& indices = ctx.input(1);
    if (params.rank() == 0) {
      return InvalidArgument("params must be at least 1 dimensional");
    }
    // Counted from the end of the indices if negative.
    const int batch =
        batch_dims_ < 0 ? batch_dims_ + indices.rank() : batch_dims_;
    if (batch < 0 || batch > indices.rank() || batch >= params.rank()) {
      return InvalidArgument(
          "batch_dims = ", batch_dims_, " does not fit params of shape ",
          params.shape().ToString(), " and indices of shape ",
          indices.shape().ToString());
    }
    const auto dims = params.shape().dims();
    if (dims.subspan(0, batch) != indices.shape().dims().subspan(0, batch)) {
      return InvalidArgument("params of shape ", params.shape().ToString(),
                             " and indices of shape ",
                             indices.shape().ToString(),
                             " differ in the first ", batch, " dimensions");
    }
    std::vector<int64_t> out_dims(indices.shape().dims().begin(),
                                  indices.shape().dims().end());
    out_dims.insert(out_dims.end(), dims.begin() + batch + 1, dims.end());
    ASSIGN_OR_RETURN(TensorShape out_shape, TensorShape::Build(out_dims));

    const int64_t limit = params.dim(batch);
    ASSIGN_OR_RETURN(Scratch<int64_t> rows, ReadIndices(indices, limit));
    // Each batch entry has its own `limit` rows.
    const int64_t per_batch = ElementsFrom(indices.shape(), batch);
    for (size_t i = 0; batch > 0 && i < rows.size(); ++i) {
      rows[i] += static_cast<int64_t>(i) / per_batch * limit;
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, out_shape));
    return GatherRows(ctx, params, rows,
                      ElementsFrom(params.shape(), batch + 1), out);
  }

 private:
  int32_t batch_dims_ = 0;
};

class ResourceGatherNd final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const Tensor params, ReadForGather(ctx));
    const Tensor& indices = ctx.input(1);
    if (params.rank() == 0) {
      return InvalidArgument("params must be at least a vector");
    }
    if (indices.rank() == 0) {
      return InvalidArgument("indices must be at least a vector");
    }
    const int64_t depth = indices.dim(indices.rank() - 1);
    if (depth > params.rank()) {
      return InvalidArgument(
          "index innermost dimension length must be <= "
          "params rank; saw: ",
          depth, " vs. ", params.rank());
    }
    const auto dims = params.shape().dims();
    std::vector<int64_t> out_dims(indices.shape().dims().begin(),
                                  indices.shape().dims().end() - 1);
    out_dims.insert(out_dims.end(), dims.begin() + depth, dims.end());
    ASSIGN_OR_RETURN(TensorShape out_shape, TensorShape::Build(out_dims));
    bool asks = true;  // for an entry, were it of nothing
    for (int i = 0; i + 1 < indices.rank(); ++i) {
      asks = asks && indices.dim(i) > 0;
    }
    if (params.num_elements() == 0 && asks) {
      return InvalidArgument(
          "Requested more than 0 entries, but params is empty.  Params "
          "shape: ",
          params.shape().ToString());
    }
    ASSIGN_OR_RETURN(Scratch<int64_t> rows,
                     ReadSliceIndices(indices, static_cast<int>(depth),
                                      params.shape(), "param shape"));
    const int64_t row_size =
        ElementsFrom(params.shape(), static_cast<int>(depth));
    // First what the budget may refuse.
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, out_shape));
    // Empty index vectors each name the whole of `params`.
    if (depth == 0 && row_size > 0) {
      rows.assign(out_shape.num_elements() / row_size, 0);
    }
    return GatherRows(ctx, params, rows, row_size, out);
  }
};

absl::Status ResourceGatherRule(ShapeContext& ctx) {
  const PartialShape& params = ctx.facts(0).handle_shape;
  const PartialShape& indices = ctx.input(1);
  int64_t batch = 0;
  RETURN_IF_ERROR(ctx.Bind("batch_dims", &batch));
  if (!params.known_rank() || !indices.known_rank()) return absl::OkStatus();
  if (batch < 0) batch += indices.rank();
  if (batch < 0 || batch >= params.rank()) return absl::OkStatus();
  ctx.SetOutput(
      0, Concatenated(indices, Subshape(params, static_cast<int>(batch) + 1)));
  return absl::OkStatus();
}

absl::Status ResourceGatherNdRule(ShapeContext& ctx) {
  const PartialShape& params = ctx.facts(0).handle_shape;
  const PartialShape& indices = ctx.input(1);
  RETURN_IF_ERROR(CheckRankAtLeast(indices, 1));
  if (!params.known_rank() || !indices.known_rank()) return absl::OkStatus();
  const int64_t depth = DimOf(indices, -1);
  if (depth < 0 || depth > params.rank()) return absl::OkStatus();
  ctx.SetOutput(0, Concatenated(Subshape(indices, 0, -1),
                                Subshape(params, static_cast<int>(depth))));
  return absl::OkStatus();
}

REGISTER_OP("ResourceGather", [](OpBuilder& op) {
  op.Input("resource: resource").Input("indices: Tindices");
  op.Output("output: dtype").Attr("batch_dims: int = 0");
  op.Attr("validate_indices: bool = true").Attr("dtype: type");
  op.Attr("Tindices: type").SetIsStateful().SetReadsVariables();
  op.Shape(ResourceGatherRule);
  op.Kernel<ResourceGather>();
});
REGISTER_OP("ResourceGatherNd", [](OpBuilder& op) {
  op.Input("resource: resource").Input("indices: Tindices");
  op.Output("output: dtype").Attr("dtype: type").Attr("Tindices: type");
  op.SetIsStateful().SetReadsVariables();
  op.Shape(ResourceGatherNdRule);
  op.Kernel<ResourceGatherNd>();
});

}  // namespace
}  // namespace metagraph
