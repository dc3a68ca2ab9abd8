// Products of matrices and of batches of matrices.

#include "core/kernels/matmul.h"

#include <algorithm>
#include <atomic>
#include <complex>
#include <type_traits>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "core/kernels/broadcast_elements.h"
#include "core/kernels/gemm.h"
#include "core/kernels/gemm_onednn.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/onednn.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
inline constexpr bool kIsComplex =
    std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;

template <typename T>
class MatMul final : public MatMulOp<T> {};

// BatchMatMul wants equal batch dimensions, V2 broadcasts them.
template <typename T, bool kBroadcast>
class BatchMatMulBase : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if constexpr (std::is_same_v<T, float>) {
      ASSIGN_OR_RETURN(prefers_onednn_, PrefersOneDnn(construction));
    }
    return construction.Bind("adj_x", &adj_x_, "adj_y", &adj_y_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    Tensor x = ctx.input(0);
    Tensor y = ctx.input(1);
    const auto text = [&](const char* between) {
      return absl::StrCat(ctx.input(0).shape().ToString(), between,
                          ctx.input(1).shape().ToString());
    };
    if (!kBroadcast && x.rank() != y.rank()) {
      return InvalidArgument("In[0] and In[1] has different ndims: ",
                             text(" vs. "));
    }
    for (int i = 0; i < 2; ++i) {
      if (ctx.input(i).rank() < 2) {
        return InvalidArgument("In[", i,
                               "] ndims must be >= 2: ", ctx.input(i).rank());
      }
    }
    const int x_batch = x.rank() - 2;
    const int y_batch = y.rank() - 2;
    const int64_t m = x.dim(x_batch + (adj_x_ ? 1 : 0));
    const int64_t k = x.dim(x_batch + (adj_x_ ? 0 : 1));
    const int64_t n = y.dim(y_batch + (adj_y_ ? 0 : 1));

    ASSIGN_OR_RETURN(const TensorShape x_batches,
                     TensorShape::Build(x.shape().dims().first(x_batch)));
    ASSIGN_OR_RETURN(const TensorShape y_batches,
                     TensorShape::Build(y.shape().dims().first(y_batch)));
    for (int i = 0; i < x_batch && !kBroadcast; ++i) {
      if (x.dim(i) == y.dim(i)) continue;
      return InvalidArgument("In[0].dim(", i, ") and In[1].dim(", i,
                             ") must be the same: ", text(" vs "));
    }
    const auto batches = Broadcast::Make({&x_batches, &y_batches});
    if (!batches.ok()) {
      return InvalidArgument(
          "In[0] and In[1] must have compatible batch dimensions: ",
          text(" vs. "));
    }
    if (k != y.dim(y_batch + (adj_y_ ? 1 : 0))) {
      return InvalidArgument("Matrix size-incompatible: In[0]: ",
                             text(", In[1]: "));
    }
    absl::InlinedVector<int64_t, 6> dims(batches->shape().dims().begin(),
                                         batches->shape().dims().end());
    dims.insert(dims.end(), {m, n});
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    if constexpr (kIsComplex<T>) {
      if (adj_x_) RETURN_IF_ERROR(Conjugate(x));
      if (adj_y_) RETURN_IF_ERROR(Conjugate(y));
    }

    const int64_t batch = batches->shape().num_elements();
    const T* x_data = x.data<T>();
    const T* y_data = y.data<T>();
    T* out_data = out->mutable_data<T>();
    const double work = double(m) * n * k;
    if (batch == 1 || work > 1 << 23) {
      absl::Status status;
      ForEachElement(
          *batches, 0, batch, [&](int64_t i, const Broadcast::Offsets& at) {
            if (status.ok()) status = ctx.CheckCancelled();
            if (!status.ok()) return;
            status = Multiply(ctx, m, n, k, x_data + at[0] * m * k,
                              y_data + at[1] * k * n, out_data + i * m * n);
          });
      return status;
    }
    std::atomic<bool> failed = false;
    RETURN_IF_ERROR(ctx.ParallelFor(
        batch, static_cast<int64_t>(work / 16) + 50,
        [&](int64_t begin, int64_t end) {
          ForEachElement(
              *batches, begin, end,
              [&](int64_t i, const Broadcast::Offsets& at) {
                if (!MultiplyOneThread(m, n, k, x_data + at[0] * m * k,
                                       y_data + at[1] * k * n,
                                       out_data + i * m * n)
                         .ok()) {
                  failed = true;
                }
              });
        }));
    if (failed) {
      return ResourceExhausted("no memory to multiply matrices in");
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status Conjugate(Tensor& tensor) {
    if constexpr (kIsComplex<T>) {
      ASSIGN_OR_RETURN(tensor, tensor.Clone());
      for (T& value : tensor.mutable_values<T>()) value = std::conj(value);
    }
    return absl::OkStatus();
  }

  absl::Status Multiply(const KernelContext& ctx, int64_t m, int64_t n,
                        int64_t k, const T* x, const T* y, T* out) const {
    if constexpr (std::is_same_v<T, float>) {
      const FloatProduct product = {adj_x_, adj_y_, m, n, k, x, y, out};
      if (prefers_onednn_ && PaysForOneDnn(product)) {
        return MultiplyByOneDnn(ctx, product, [](const ProductPart&) {});
      }
    }
    return Gemm(ctx, adj_x_, adj_y_, m, n, k, x, y, out);
  }

  absl::Status MultiplyOneThread(int64_t m, int64_t n, int64_t k, const T* x,
                                 const T* y, T* out) const {
    if constexpr (std::is_same_v<T, float>) {
      const FloatProduct product = {adj_x_, adj_y_, m, n, k, x, y, out};
      if (prefers_onednn_ && PaysForOneDnn(product)) {
        return MultiplyByOneDnn(product)
                   ? absl::OkStatus()
                   : Internal("oneDNN failed to multiply matrices");
      }
    }
    return GemmOneThread(adj_x_, adj_y_, m, n, k, x, y, out);
  }

  bool adj_x_ = false;
  bool adj_y_ = false;
  bool prefers_onednn_ = false;
};

template <typename T>
class BatchMatMul final : public BatchMatMulBase<T, false> {};
template <typename T>
class BatchMatMulV2 final : public BatchMatMulBase<T, true> {};

// The last two dimensions of a product; batch dimensions come before them.
absl::StatusOr<PartialShape> ProductShape(const PartialShape& a,
                                          const PartialShape& b, bool a_turned,
                                          bool b_turned) {
  RETURN_IF_ERROR(
      MergeDims(DimOf(a, a_turned ? -2 : -1), DimOf(b, b_turned ? -1 : -2))
          .status());
  return PartialShape(
      {DimOf(a, a_turned ? -1 : -2), DimOf(b, b_turned ? -2 : -1)});
}

template <bool kBroadcast>
absl::Status BatchMatMulRule(ShapeContext& ctx) {
  bool x_turned, y_turned;
  RETURN_IF_ERROR(ctx.Bind("adj_x", &x_turned, "adj_y", &y_turned));
  const PartialShape& x = ctx.input(0);
  const PartialShape& y = ctx.input(1);
  RETURN_IF_ERROR(CheckRankAtLeast(x, 2));
  RETURN_IF_ERROR(CheckRankAtLeast(y, 2));
  const PartialShape x_batch = Subshape(x, 0, -2);
  const PartialShape y_batch = Subshape(y, 0, -2);
  ASSIGN_OR_RETURN(const PartialShape batch,
                   kBroadcast ? BroadcastShapes(x_batch, y_batch)
                              : MergeShapes(x_batch, y_batch));
  ASSIGN_OR_RETURN(const PartialShape product,
                   ProductShape(x, y, x_turned, y_turned));
  ctx.SetOutput(0, Concatenated(batch, product));
  return absl::OkStatus();
}

}  // namespace

absl::Status MatMulRule(ShapeContext& ctx) {
  bool a_turned, b_turned;
  RETURN_IF_ERROR(ctx.Bind("transpose_a", &a_turned, "transpose_b", &b_turned));
  ASSIGN_OR_RETURN(const PartialShape a, WithRank(ctx.input(0), 2));
  ASSIGN_OR_RETURN(const PartialShape b, WithRank(ctx.input(1), 2));
  ASSIGN_OR_RETURN(PartialShape shape, ProductShape(a, b, a_turned, b_turned));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

namespace {

REGISTER_OP("MatMul", [](OpBuilder& op) {
  op.Input("a: T").Input("b: T").Output("product: T");
  op.Attr("transpose_a: bool = false").Attr("transpose_b: bool = false");
  op.Attr("T: type");
  op.Shape(MatMulRule);
  op.KernelForEach<MatMul, Joined<FractionTypes, IndexTypes>>("T");
});

REGISTER_OP("BatchMatMul", [](OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("output: T").Attr("T: type");
  op.Attr("adj_x: bool = false").Attr("adj_y: bool = false");
  op.Shape(BatchMatMulRule<false>);
  op.KernelForEach<BatchMatMul, Joined<FractionTypes, IndexTypes>>("T");
});

REGISTER_OP("BatchMatMulV2", [](OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("output: T").Attr("T: type");
  op.Attr("adj_x: bool = false").Attr("adj_y: bool = false");
  op.Shape(BatchMatMulRule<true>);
  op.KernelFor<BatchMatMulV2, float, double, half, bfloat16, int16_t, int32_t,
               int64_t, complex64, complex128>("T");
});

}  // namespace
}  // namespace metagraph
