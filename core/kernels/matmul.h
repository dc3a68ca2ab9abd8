#pragma once

// MatMul without its product, which implementations supply.

#include "core/kernels/gemm.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/shape_context.h"

namespace metagraph {

// The shape rule of a product of two matrices with the attributes transpose_a
// and transpose_b.
absl::Status MatMulRule(ShapeContext& ctx);

template <typename T>
class MatMulOp : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(transpose_a_, construction.Attr<bool>("transpose_a"));
    ASSIGN_OR_RETURN(transpose_b_, construction.Attr<bool>("transpose_b"));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const Sizes s, FindSizes(ctx));
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build({{s.m, s.n}}));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    return Multiply(ctx, s.m, s.n, s.k, ctx.input(0).data<T>(),
                    ctx.input(1).data<T>(), out->mutable_data<T>());
  }

 protected:
  struct Sizes {
    int64_t m, n, k;
  };
  // INVALID_ARGUMENT if the operands are no matrices that fit.
  absl::StatusOr<Sizes> FindSizes(const KernelContext& ctx) const {
    const Tensor& a = ctx.input(0);
    const Tensor& b = ctx.input(1);
    for (int i = 0; i < 2; ++i) {
      if (ctx.input(i).rank() != 2) {
        return InvalidArgument("In[", i,
                               "] is not a matrix. Instead it has "
                               "shape ",
                               ctx.input(i).shape().ToString());
      }
    }
    const int64_t m = a.dim(transpose_a_ ? 1 : 0);
    const int64_t k = a.dim(transpose_a_ ? 0 : 1);
    const int64_t n = b.dim(transpose_b_ ? 0 : 1);
    if (k != b.dim(transpose_b_ ? 1 : 0)) {
      return InvalidArgument(
          "Matrix size-incompatible: In[0]: ", a.shape().ToString(),
          ", In[1]: ", b.shape().ToString());
    }
    return Sizes{m, n, k};
  }

  virtual absl::Status Multiply(const KernelContext& ctx, int64_t m, int64_t n,
                                int64_t k, const T* a, const T* b, T* c) const {
    return Gemm(ctx, transpose_a_, transpose_b_, m, n, k, a, b, c);
  }

  bool transpose_a_ = false;
  bool transpose_b_ = false;
};

}  // namespace metagraph
