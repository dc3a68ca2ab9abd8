// Cumsum and Cumprod.

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
struct SumOp {
  static T Identity() { return T(0); }
  static T Combine(T a, T b) { return Add(a, b); }
};

template <typename T>
struct ProductOp {
  static T Identity() { return T(1); }
  static T Combine(T a, T b) { return Multiply(a, b); }
};

template <typename Op, typename T>
class Scan final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("exclusive", &exclusive_, "reverse", &reverse_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    const Tensor& axis_tensor = ctx.input(1);
    if (!axis_tensor.shape().IsScalar()) {
      return InvalidArgument("ScanOp: axis must be a scalar, not ",
                             axis_tensor.shape().ToString());
    }
    int64_t axis = axis_tensor.dtype() == DT_INT64
                       ? axis_tensor.scalar<int64_t>()
                       : axis_tensor.scalar<int32_t>();
    const int64_t rank = x.rank();
    if (axis < -rank || axis >= rank) {
      return InvalidArgument("ScanOp: Expected scan axis in the range [", -rank,
                             ", ", rank, "), but got ", axis);
    }
    if (axis < 0) axis += rank;
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
    if (x.num_elements() == 0) return absl::OkStatus();
    const int64_t size = x.dim(static_cast<int>(axis));
    int64_t inner = 1;
    for (int d = static_cast<int>(axis) + 1; d < x.rank(); ++d) {
      inner *= x.dim(d);
    }
    const T* in = x.data<T>();
    T* out = output->mutable_data<T>();
    // One unit is a line along the axis.
    return ctx.ParallelFor(x.num_elements() / size, size * 2,
                           [=, this](int64_t begin, int64_t end) {
                             for (int64_t line = begin; line < end; ++line) {
                               int64_t at =
                                   line / inner * size * inner + line % inner;
                               int64_t step = inner;
                               if (reverse_) {
                                 at += (size - 1) * inner;
                                 step = -inner;
                               }
                               T acc = Op::Identity();
                               for (int64_t i = 0; i < size; ++i, at += step) {
                                 const T next = Op::Combine(acc, in[at]);
                                 out[at] = exclusive_ ? acc : next;
                                 acc = next;
                               }
                             }
                           });
  }

 private:
  bool exclusive_ = false;
  bool reverse_ = false;
};

template <typename T>
using Cumsum = Scan<SumOp<T>, T>;
template <typename T>
using Cumprod = Scan<ProductOp<T>, T>;

template <template <typename> class K>
void Describe(OpBuilder& op) {
  op.Input("x: T").Input("axis: Tidx").Output("out: T");
  op.Attr("exclusive: bool = false").Attr("reverse: bool = false");
  op.Attr("T: type").Attr("Tidx: type = DT_INT32");
  op.Shape(UnchangedRule);
  op.KernelForEach<K, NumberTypes>("T");
}

REGISTER_OP("Cumsum", [](OpBuilder& op) { Describe<Cumsum>(op); });
REGISTER_OP("Cumprod", [](OpBuilder& op) { Describe<Cumprod>(op); });

}  // namespace
}  // namespace metagraph
