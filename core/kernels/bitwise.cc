// Bitwise operations on integers.

#include <algorithm>
#include <limits>
#include <type_traits>

#include "core/kernels/binary_kernel.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
struct AndFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return static_cast<T>(a & b); }
};

template <typename T>
struct OrFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return static_cast<T>(a | b); }
};

template <typename T>
struct XorFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return static_cast<T>(a ^ b); }
};

// Counts outside [0, bits) are taken as the nearest one inside.
template <typename T>
int ShiftCount(T count) {
  constexpr int kMax = sizeof(T) * 8 - 1;
  if constexpr (std::is_signed_v<T>) {
    if (count < 0) return 0;
  }
  return count > T(kMax) ? kMax : static_cast<int>(count);
}

template <typename T>
struct LeftShiftFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) {
    // Unsigned, so that bits shifted out are no overflow.
    return static_cast<T>(static_cast<uint64_t>(a) << ShiftCount(b));
  }
};

template <typename T>
struct RightShiftFn {
  using In = T;
  using Out = T;
  static constexpr int64_t kCost = 1;
  static T Apply(T a, T b) { return static_cast<T>(a >> ShiftCount(b)); }
};

template <typename T>
class Invert final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * y,
                     ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
    const T* in = x.data<T>();
    T* out = y->mutable_data<T>();
    return ctx.ParallelFor(x.num_elements(), 1,
                           [=](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               out[i] = static_cast<T>(~in[i]);
                             }
                           });
  }
};

template <template <typename> class K>
void Describe(OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("z: T").Attr("T: type");
  op.Shape(BroadcastRule);
  op.KernelForEach<K, IntTypes>("T");
}

REGISTER_OP("BitwiseAnd",
            [](OpBuilder& op) { Describe<Binary<AndFn>::Kernel>(op); });
REGISTER_OP("BitwiseOr",
            [](OpBuilder& op) { Describe<Binary<OrFn>::Kernel>(op); });
REGISTER_OP("BitwiseXor",
            [](OpBuilder& op) { Describe<Binary<XorFn>::Kernel>(op); });
REGISTER_OP("LeftShift",
            [](OpBuilder& op) { Describe<Binary<LeftShiftFn>::Kernel>(op); });
REGISTER_OP("RightShift",
            [](OpBuilder& op) { Describe<Binary<RightShiftFn>::Kernel>(op); });

REGISTER_OP("Invert", [](OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type");
  op.Shape(UnchangedRule);
  op.KernelForEach<Invert, IntTypes>("T");
});

}  // namespace
}  // namespace metagraph
