// A sparse tensor and a dense one: SparseDenseCwiseAdd, -Mul, -Div,
// SparseTensorDenseAdd.

#include <algorithm>
#include <type_traits>

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

// TensorFlow's kernels have no more.
constexpr int kMaxSparseRank = 5;

absl::Status CheckSparseDenseRank(int rank) {
  if (rank >= 1 && rank <= kMaxSparseRank) return absl::OkStatus();
  return InvalidArgument(
      "Only tensors with ranks between 1 and 5 are currently supported.  "
      "Tensor rank: ",
      rank);
}

struct CwiseAdd {
  template <typename T>
  static T Apply(T a, T b) {
    return Add(a, b);
  }
};
struct CwiseMul {
  template <typename T>
  static T Apply(T a, T b) {
    return Multiply(a, b);
  }
};
// REQUIRES: b != 0 for integers.
struct CwiseDiv {
  template <typename T>
  static T Apply(T a, T b) {
    if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      if (b == T(-1)) return Subtract(T(0), a);
    }
    return static_cast<T>(a / b);
  }
};

// sp_indices, sp_values, sp_shape, dense: the values with the elements of the
// dense tensor at their places, which is broadcast to the sparse one's shape.
template <typename T, typename Fn>
class SparseDenseCwise final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx));
    const SparseInput sparse(ctx.input(0), ctx.input(1), ctx.input(2));
    const Tensor& dense = ctx.input(3);
    ASSIGN_OR_RETURN(const TensorShape shape, DenseShapeOf(sparse.shape()));
    const int missing = shape.rank() - dense.rank();
    bool fits = missing >= 0;
    for (int d = 0; fits && d < dense.rank(); ++d) {
      const int64_t size = shape.dim(missing + d);
      fits = dense.dim(d) == size || (dense.dim(d) == 1 && size > 0);
    }
    if (!fits) {
      return InvalidArgument(
          "SparseDenseBinaryOpShared broadcasts dense to "
          "sparse only; got incompatible shapes: ",
          shape.ToString(), " vs. ", dense.shape().ToString());
    }
    RETURN_IF_ERROR(CheckSparseDenseRank(shape.rank()));
    Ints strides(shape.rank(), 0);
    const Ints dense_strides = ElementStrides(dense.shape());
    for (int d = 0; d < dense.rank(); ++d) {
      if (dense.dim(d) != 1) strides[missing + d] = dense_strides[d];
    }
    const int64_t count = sparse.count();
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {count}));
    T* out = output->mutable_data<T>();
    Looks looks(ctx);
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(looks.After());
      int64_t place = 0;
      for (int d = 0; d < shape.rank(); ++d) {
        const int64_t at = sparse.index(i)[d];
        if (at < 0 || at >= shape.dim(d)) {
          return InvalidArgument(
              "Provided indices are out-of-bounds w.r.t. "
              "dense side with broadcasted shape");
        }
        place += at * strides[d];
      }
      const T value = dense.data<T>()[place];
      if constexpr (std::is_same_v<Fn, CwiseDiv> && std::is_integral_v<T>) {
        if (value == T(0)) {
          return InvalidArgument(
              "SparseDenseCwiseDiv cannot divide by zero,but input dense "
              "tensor contains zero ");
        }
      }
      out[i] =
          Fn::template Apply<T>(sparse.values().template data<T>()[i], value);
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckInputs(const KernelContext& ctx) {
    const TensorShape& indices = ctx.input(0).shape();
    const TensorShape& values = ctx.input(1).shape();
    const TensorShape& shape = ctx.input(2).shape();
    if (!indices.IsMatrix()) {
      return InvalidArgument(
          "Input sp_indices should be a matrix but received shape: ",
          indices.ToString());
    }
    if (!values.IsVector() || !shape.IsVector()) {
      return InvalidArgument(
          "Inputs sp_values and sp_shape should be vectors "
          "but received shapes: ",
          values.ToString(), " and ", shape.ToString());
    }
    if (shape.num_elements() == 0) {
      return InvalidArgument(
          "The shape argument requires at least one element.");
    }
    if (indices.dim(1) != shape.dim(0)) {
      return InvalidArgument(
          "Number of dimensions must match second dimension "
          "of indices. Got ",
          shape.dim(0), " dimensions, indices shape: ", indices.ToString());
    }
    if (values.dim(0) != indices.dim(0)) {
      return InvalidArgument(
          "The first dimension of values and indices should match. (",
          values.dim(0), " vs. ", indices.dim(0), ")");
    }
    return absl::OkStatus();
  }
};

template <typename Fn>
struct SparseDense {
  template <typename T>
  using Cwise = SparseDenseCwise<T, Fn>;
};

// a_indices, a_values, a_shape, b: b with the values added at their places.
template <typename T, typename Index>
class SparseTensorDenseAdd final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(0);
    const Tensor& values = ctx.input(1);
    const Tensor& dense = ctx.input(3);
    RETURN_IF_ERROR(CheckInputs(ctx));
    RETURN_IF_ERROR(CheckSparseDenseRank(dense.rank()));
    const int rank = dense.rank();
    const Ints strides = ElementStrides(dense.shape());
    const Index* index = indices.data<Index>();
    Scratch<int64_t> places(indices.dim(0));
    Looks looks(ctx);
    for (int64_t i = 0; i < indices.dim(0); ++i) {
      RETURN_IF_ERROR(looks.After());
      for (int d = 0; d < rank; ++d, ++index) {
        if (*index < 0 || *index >= dense.dim(d)) {
          return InvalidArgument(
              "Sparse tensor has an invalid index on dimension ", d,
              ": a_indices(", i, ",", d, ") = ", *index,
              ", dense tensor shape: ",
              absl::StrJoin(dense.shape().dims(), " "));
        }
        places[i] += *index * strides[d];
      }
    }
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({3}, 0, dense.shape()));
    T* out = output->mutable_data<T>();
    if (out != dense.data<T>()) {
      std::copy_n(dense.data<T>(), dense.num_elements(), out);
    }
    for (size_t i = 0; i < places.size(); ++i) {
      RETURN_IF_ERROR(looks.After());
      out[places[i]] = Add(out[places[i]], values.data<T>()[i]);
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckInputs(const KernelContext& ctx) {
    const TensorShape& indices = ctx.input(0).shape();
    const TensorShape& values = ctx.input(1).shape();
    const Tensor& sizes = ctx.input(2);
    const Tensor& dense = ctx.input(3);
    if (!indices.IsMatrix()) {
      return InvalidArgument(
          "Input a_indices should be a matrix but received shape: ",
          indices.ToString());
    }
    if (!values.IsVector() || !sizes.shape().IsVector()) {
      return InvalidArgument(
          "Inputs a_values and a_shape should be vectors "
          "but received shapes: ",
          values.ToString(), " and ", sizes.shape().ToString());
    }
    if (indices.dim(0) != values.dim(0)) {
      return InvalidArgument("Dimensions ", indices.dim(0), " and ",
                             values.dim(0), " are not compatible");
    }
    if (indices.dim(1) != sizes.dim(0)) {
      return InvalidArgument("Dimensions ", indices.dim(1), " and ",
                             sizes.dim(0), " are not compatible");
    }
    if (sizes.dim(0) != dense.rank()) {
      return InvalidArgument("Two operands have different ranks; received: ",
                             sizes.dim(0), " and ", dense.rank());
    }
    for (int d = 0; d < dense.rank(); ++d) {
      const int64_t size = sizes.data<Index>()[d];
      if (size != dense.dim(d)) {
        return InvalidArgument("Dimension ", d,
                               " does not equal (no broadcasting is "
                               "supported): sparse side ",
                               size, " vs dense side ", dense.dim(d));
      }
    }
    return absl::OkStatus();
  }
};

template <typename T>
using DenseAddByInt32 = SparseTensorDenseAdd<T, int32_t>;
template <typename T>
using DenseAddByInt64 = SparseTensorDenseAdd<T, int64_t>;

absl::Status SparseDenseCwiseRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  ctx.SetOutput(0, ctx.input(1));
  return absl::OkStatus();
}

absl::Status SparseTensorDenseAddRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckSparseShapes(ctx, 0));
  ctx.SetOutput(0, ctx.input(3));
  return absl::OkStatus();
}

template <typename Fn>
void CwiseOp(OpBuilder& op) {
  op.Input("sp_indices: int64").Input("sp_values: T");
  op.Input("sp_shape: int64").Input("dense: T").Output("output: T");
  op.Attr("T: type");
  op.Shape(SparseDenseCwiseRule);
  op.KernelForEach<SparseDense<Fn>::template Cwise, RealTypes>("T");
}

template <typename... Ts>
void AddDenseAddKernels(OpBuilder& op, Types<Ts...>) {
  (op.KernelWhere<DenseAddByInt32<Ts>>(
       {{"T", kDataType<Ts>}, {"Tindices", DT_INT32}}),
   ...);
  (op.KernelWhere<DenseAddByInt64<Ts>>(
       {{"T", kDataType<Ts>}, {"Tindices", DT_INT64}}),
   ...);
}

REGISTER_OP("SparseDenseCwiseAdd", CwiseOp<CwiseAdd>);
REGISTER_OP("SparseDenseCwiseMul", CwiseOp<CwiseMul>);
REGISTER_OP("SparseDenseCwiseDiv", CwiseOp<CwiseDiv>);
REGISTER_OP("SparseTensorDenseAdd", [](OpBuilder& op) {
  op.Input("a_indices: Tindices").Input("a_values: T");
  op.Input("a_shape: Tindices").Input("b: T").Output("output: T");
  op.Attr("T: type").Attr("Tindices: type");
  op.Shape(SparseTensorDenseAddRule);
  AddDenseAddKernels(op, NumberTypes());
});

}  // namespace
}  // namespace metagraph
