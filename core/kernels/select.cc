// Select and SelectV2: elements of one of two tensors.

#include <algorithm>
#include <string>

#include "core/base/status.h"
#include "core/kernels/broadcast.h"
#include "core/kernels/elements.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// The first version does not broadcast: the condition is a scalar, a vector
// that selects rows, or of the operands' shape.
class Select final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    node_ = construction.node_name();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& condition = ctx.input(0);
    const Tensor& then = ctx.input(1);
    const Tensor& otherwise = ctx.input(2);
    if (condition.shape().IsScalar()) {
      RETURN_IF_ERROR(RequireSameShape(then, 1, otherwise, 2));
      ctx.SetOutput(0, condition.scalar<bool>() ? then : otherwise);
      return absl::OkStatus();
    }
    if (condition.shape().IsVector() && !then.shape().IsVector()) {
      if (then.rank() < 1) {
        return InvalidArgument(
            "'then' must be at least a vector, but saw "
            "shape: ",
            then.shape().ToString());
      }
      if (then.dim(0) != condition.dim(0)) {
        return InvalidArgument(
            "Number of batches of 'then' must match size "
            "of 'cond', but saw: ",
            then.dim(0), " vs. ", condition.dim(0));
      }
      RETURN_IF_ERROR(RequireSameShape(then, 1, otherwise, 2));
    } else {
      RETURN_IF_ERROR(RequireSameShape(condition, 0, then, 1));
      RETURN_IF_ERROR(RequireSameShape(condition, 0, otherwise, 2));
    }
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({1, 2}, 0, then.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    return WithElementType(then.dtype(), [&]<typename T>() {
      return Run<T>(ctx, condition, then, otherwise, output);
    });
  }

 private:
  template <typename T>
  static absl::Status Run(KernelContext& ctx, const Tensor& condition,
                          const Tensor& then, const Tensor& otherwise,
                          Tensor* output) {
    const bool* chosen = condition.data<bool>();
    const int64_t row = then.num_elements() / condition.num_elements();
    const T* a = static_cast<const T*>(then.raw_data());
    const T* b = static_cast<const T*>(otherwise.raw_data());
    T* out = static_cast<T*>(output->mutable_raw_data());
    return ctx.ParallelFor(condition.num_elements(), row,
                           [=](int64_t begin, int64_t end) {
                             if (row == 1) {
                               for (int64_t i = begin; i < end; ++i) {
                                 out[i] = chosen[i] ? a[i] : b[i];
                               }
                               return;
                             }
                             for (int64_t i = begin; i < end; ++i) {
                               const T* from = (chosen[i] ? a : b) + i * row;
                               T* to = out + i * row;
                               if (from != to) std::copy(from, from + row, to);
                             }
                           });
  }

  absl::Status RequireSameShape(const Tensor& a, int i, const Tensor& b,
                                int j) const {
    if (a.shape() == b.shape()) return absl::OkStatus();
    return InvalidArgument("Inputs to operation ", node_,
                           " of type Select must have the same size and "
                           "shape.  Input ",
                           i, ": ", a.shape().ToString(), " != input ", j, ": ",
                           b.shape().ToString());
  }

  std::string node_;
};

class SelectV2 final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& condition = ctx.input(0);
    const Tensor& then = ctx.input(1);
    const Tensor& otherwise = ctx.input(2);
    if (condition.shape().IsScalar() && then.shape() == otherwise.shape()) {
      ctx.SetOutput(0, condition.scalar<bool>() ? then : otherwise);
      return absl::OkStatus();
    }
    const TensorShape* shapes[] = {&condition.shape(), &then.shape(),
                                   &otherwise.shape()};
    auto made = Broadcast::Make(shapes);
    if (!made.ok()) {
      return InvalidArgument("condition ", condition.shape().ToString(),
                             ", then ", then.shape().ToString(), ", and else ",
                             otherwise.shape().ToString(),
                             " must be broadcastable");
    }
    const Broadcast& plan = *made;
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({1, 2}, 0, plan.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    return WithElementType(then.dtype(), [&]<typename T>() {
      return Run<T>(ctx, plan, condition, then, otherwise, output);
    });
  }

 private:
  template <typename T>
  static absl::Status Run(KernelContext& ctx, const Broadcast& plan,
                          const Tensor& condition, const Tensor& then,
                          const Tensor& otherwise, Tensor* output) {
    const bool* chosen = condition.data<bool>();
    const T* a = static_cast<const T*>(then.raw_data());
    const T* b = static_cast<const T*>(otherwise.raw_data());
    T* out = static_cast<T*>(output->mutable_raw_data());
    const int64_t n = plan.row_size();
    const int64_t c_step = plan.row_stride(0);
    const int64_t a_step = plan.row_stride(1);
    const int64_t b_step = plan.row_stride(2);
    const bool dense = c_step == 1 && a_step == 1 && b_step == 1;
    return ctx.ParallelFor(plan.rows(), n, [&](int64_t begin, int64_t end) {
      plan.ForEachRow(
          begin, end, [&](int64_t at, const Broadcast::Offsets& from) {
            const bool* c = chosen + from[0];
            const T* x = a + from[1];
            const T* y = b + from[2];
            T* to = out + at;
            if (dense) {
              for (int64_t i = 0; i < n; ++i) to[i] = c[i] ? x[i] : y[i];
            } else {
              for (int64_t i = 0; i < n; ++i) {
                to[i] = c[i * c_step] ? x[i * a_step] : y[i * b_step];
              }
            }
          });
    });
  }
};

absl::Status SelectRule(ShapeContext& ctx) {
  const PartialShape& condition = ctx.input(0);
  ASSIGN_OR_RETURN(PartialShape shape, MergeShapes(ctx.input(1), ctx.input(2)));
  // A vector may choose rows; what is neither scalar nor vector, elements.
  if (condition.known_rank() && condition.rank() > 1) {
    ASSIGN_OR_RETURN(shape, MergeShapes(condition, shape));
  }
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status SelectV2Rule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape,
                   BroadcastShapes(ctx.input(1), ctx.input(2)));
  ASSIGN_OR_RETURN(shape, BroadcastShapes(ctx.input(0), shape));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

void Signature(OpBuilder& op) {
  op.Input("condition: bool").Input("t: T").Input("e: T").Output("output: T");
  op.Attr("T: type");
}

REGISTER_OP("Select", [](OpBuilder& op) {
  Signature(op);
  op.Shape(SelectRule);
  op.Kernel<Select>();
});

REGISTER_OP("SelectV2", [](OpBuilder& op) {
  Signature(op);
  op.Shape(SelectV2Rule);
  op.Kernel<SelectV2>();
});

}  // namespace
}  // namespace metagraph
