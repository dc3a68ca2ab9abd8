// Products with sparse matrices.

#include <algorithm>
#include <complex>
#include <type_traits>

#include "core/kernels/conv.h"
#include "core/kernels/gemm.h"
#include "core/kernels/looks.h"
#include "core/kernels/matmul.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
T Conjugate(T value) {
  return value;
}
complex64 Conjugate(complex64 value) { return std::conj(value); }
complex128 Conjugate(complex128 value) { return std::conj(value); }

template <typename T>
T MultiplyAdd(T sum, T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;  // wraps around
    return static_cast<T>(static_cast<U>(sum) +
                          static_cast<U>(a) * static_cast<U>(b));
  } else {
    return sum + a * b;
  }
}

// A list of coordinates and values times a dense matrix.
template <typename T, typename Index>
class SparseTensorDenseMatMul final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("adjoint_a", &adjoint_a_, "adjoint_b",
                             &adjoint_b_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(0);
    const Tensor& values = ctx.input(1);
    const Tensor& a_shape = ctx.input(2);
    const Tensor& b = ctx.input(3);
    if (b.rank() != 2) {
      return InvalidArgument("Tensor 'b' is not a matrix");
    }
    if (a_shape.rank() != 1) {
      return InvalidArgument("Tensor 'a_shape' is not a vector");
    }
    if (a_shape.num_elements() != 2) {
      return InvalidArgument("Tensor 'a_shape' must have 2 elements");
    }
    if (values.rank() != 1) {
      return InvalidArgument("Tensor 'a_values' is not a vector");
    }
    if (indices.rank() != 2) {
      return InvalidArgument("Tensor 'a_indices' is not a matrix");
    }
    const int64_t count = values.dim(0);
    if (indices.dim(0) != count || indices.dim(1) != 2) {
      return InvalidArgument("a_indices must be [", count, ",2], not ",
                             indices.shape().ToString());
    }
    const int64_t* dims = a_shape.data<int64_t>();
    if (dims[0] < 0 || dims[1] < 0) {
      return InvalidArgument("a_shape has a negative dimension");
    }
    const int64_t rows = dims[adjoint_a_ ? 1 : 0];
    const int64_t inner = dims[adjoint_a_ ? 0 : 1];
    const int64_t b_inner = b.dim(adjoint_b_ ? 1 : 0);
    const int64_t cols = b.dim(adjoint_b_ ? 0 : 1);
    if (inner != b_inner) {
      return InvalidArgument(
          "Cannot multiply A and B because inner dimension does not match: ",
          inner, " vs. ", b_inner,
          ".  Did you forget a transpose?  Dimensions of A: [", rows, ", ",
          inner, ").  Dimensions of B: ", b.shape().ToString());
    }
    const Index* index = indices.data<Index>();
    Looks looks(ctx);
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(looks.After());
      const int64_t m = index[2 * i + (adjoint_a_ ? 1 : 0)];
      const int64_t k = index[2 * i + (adjoint_a_ ? 0 : 1)];
      if (k < 0 || k >= inner) {
        return InvalidArgument("k (", k, ") from index[", i, ",",
                               adjoint_a_ ? 0 : 1, "] out of bounds (>=", inner,
                               ")");
      }
      if (m < 0 || m >= rows) {
        return InvalidArgument("m (", m, ") from index[", i, ",",
                               adjoint_a_ ? 1 : 0, "] out of bounds (>=", rows,
                               ")");
      }
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build({{rows, cols}}));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    T* to = out->mutable_data<T>();
    std::fill_n(to, out->num_elements(), T(0));
    if (out->num_elements() == 0) return absl::OkStatus();
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(looks.After(1 + cols / 16));
      const int64_t m = index[2 * i + (adjoint_a_ ? 1 : 0)];
      const int64_t k = index[2 * i + (adjoint_a_ ? 0 : 1)];
      T value = values.data<T>()[i];
      if (adjoint_a_) value = Conjugate(value);
      T* row = to + m * cols;
      if (adjoint_b_) {
        const T* from = b.data<T>() + k;
        for (int64_t j = 0; j < cols; ++j) {
          row[j] = MultiplyAdd(row[j], value, Conjugate(from[j * inner]));
        }
      } else {
        const T* from = b.data<T>() + k * cols;
        for (int64_t j = 0; j < cols; ++j) {
          row[j] = MultiplyAdd(row[j], value, from[j]);
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  bool adjoint_a_ = false;
  bool adjoint_b_ = false;
};

// Dense operands that are thought to hold many zeros: a hint that the dense
// product does not need.
class SparseMatMul final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("transpose_a", &transpose_a_, "transpose_b",
                             &transpose_b_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    for (int i = 0; i < 2; ++i) {
      if (ctx.input(i).rank() != 2) {
        return InvalidArgument(i == 0 ? "a" : "b", " is not a matrix");
      }
    }
    ASSIGN_OR_RETURN(Tensor a, AsFloat(ctx.input(0)));
    ASSIGN_OR_RETURN(Tensor b, AsFloat(ctx.input(1)));
    const int64_t m = a.dim(transpose_a_ ? 1 : 0);
    const int64_t k = a.dim(transpose_a_ ? 0 : 1);
    const int64_t n = b.dim(transpose_b_ ? 0 : 1);
    const int64_t b_k = b.dim(transpose_b_ ? 1 : 0);
    if (k != b_k) {
      return InvalidArgument(
          "Matrix size incompatible: a: ", a.shape().ToString(),
          ", b: ", b.shape().ToString());
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build({{m, n}}));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    return Gemm(ctx, transpose_a_, transpose_b_, m, n, k, a.data<float>(),
                b.data<float>(), out->mutable_data<float>());
  }

 private:
  static absl::StatusOr<Tensor> AsFloat(const Tensor& tensor) {
    if (tensor.dtype() == DT_FLOAT) return tensor;
    return ToChannelsLast<bfloat16, float>(tensor, {});
  }

  bool transpose_a_ = false;
  bool transpose_b_ = false;
};

absl::Status SparseTensorRule(ShapeContext& ctx) {
  bool a_turned, b_turned;
  RETURN_IF_ERROR(ctx.Bind("adjoint_a", &a_turned, "adjoint_b", &b_turned));
  ASSIGN_OR_RETURN(PartialShape a, ctx.InputAsShape(2));
  ASSIGN_OR_RETURN(a, WithRank(a, 2));
  ASSIGN_OR_RETURN(const PartialShape b, WithRank(ctx.input(3), 2));
  RETURN_IF_ERROR(
      MergeDims(a.dim(a_turned ? 0 : 1), b.dim(b_turned ? 1 : 0)).status());
  ctx.SetOutput(
      0, PartialShape({a.dim(a_turned ? 1 : 0), b.dim(b_turned ? 0 : 1)}));
  return absl::OkStatus();
}

template <typename T>
void AddSparseDense(OpBuilder& op) {
  op.KernelWhere<SparseTensorDenseMatMul<T, int32_t>>(
      {{"T", kDataType<T>}, {"Tindices", DT_INT32}});
  op.KernelWhere<SparseTensorDenseMatMul<T, int64_t>>(
      {{"T", kDataType<T>}, {"Tindices", DT_INT64}});
}

REGISTER_OP("SparseTensorDenseMatMul", [](OpBuilder& op) {
  op.Input("a_indices: Tindices").Input("a_values: T");
  op.Input("a_shape: int64").Input("b: T").Output("product: T");
  op.Attr("T: type").Attr("Tindices: type = DT_INT64");
  op.Attr("adjoint_a: bool = false").Attr("adjoint_b: bool = false");
  AddSparseDense<float>(op);
  AddSparseDense<double>(op);
  AddSparseDense<int32_t>(op);
  AddSparseDense<int64_t>(op);
  AddSparseDense<half>(op);
  AddSparseDense<bfloat16>(op);
  AddSparseDense<complex64>(op);
  AddSparseDense<complex128>(op);
  op.Shape(SparseTensorRule);
});

REGISTER_OP("SparseMatMul", [](OpBuilder& op) {
  op.Input("a: Ta").Input("b: Tb").Output("product: float");
  op.Attr("transpose_a: bool = false").Attr("transpose_b: bool = false");
  op.Attr("a_is_sparse: bool = false").Attr("b_is_sparse: bool = false");
  op.Attr("Ta: type = DT_FLOAT").Attr("Tb: type = DT_FLOAT");
  op.Shape(MatMulRule);
  for (DataType a : {DT_FLOAT, DT_BFLOAT16}) {
    for (DataType b : {DT_FLOAT, DT_BFLOAT16}) {
      op.KernelWhere<SparseMatMul>({{"Ta", a}, {"Tb", b}});
    }
  }
});

}  // namespace
}  // namespace metagraph
