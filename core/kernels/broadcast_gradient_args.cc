// BroadcastGradientArgs: which dimensions broadcasting repeated.

#include <algorithm>
#include <array>

#include "absl/algorithm/container.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/kernels/int_inputs.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

absl::Status RequireVector(const Tensor& shape, int i) {
  if (shape.shape().IsVector()) return absl::OkStatus();
  return InvalidArgument("In[", i, "] must be a vector.",
                         shape.shape().ToString());
}

// The dimensions in which a shape of the given sizes was repeated to fit the
// other one, for kernel and shape rule.
absl::StatusOr<std::array<Ints, 2>> RepeatedDims(absl::Span<const int64_t> a,
                                                 absl::Span<const int64_t> b) {
  std::array<Ints, 2> out;
  if (a == b) return out;
  const int64_t rank = std::max(a.size(), b.size());
  for (int64_t d = 0; d < rank; ++d) {
    // Aligned at the end.
    const int64_t at_a = d - (rank - static_cast<int64_t>(a.size()));
    const int64_t at_b = d - (rank - static_cast<int64_t>(b.size()));
    const int64_t size_a = at_a < 0 ? 1 : a[at_a];
    const int64_t size_b = at_b < 0 ? 1 : b[at_b];
    if (size_a != size_b && size_a != 1 && size_b != 1) {
      return InvalidArgument("Incompatible shapes: [", absl::StrJoin(a, ","),
                             "] vs. [", absl::StrJoin(b, ","), "]");
    }
    if (size_a == 1) out[0].push_back(d);
    if (size_b == 1) out[1].push_back(d);
  }
  return out;
}

// Over which dimensions the gradient of a broadcast operation is to be summed
// to get the gradients of its two operands.
template <typename T>
class BroadcastGradientArgs final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& s0 = ctx.input(0);
    const Tensor& s1 = ctx.input(1);
    RETURN_IF_ERROR(RequireVector(s0, 0));
    RETURN_IF_ERROR(RequireVector(s1, 1));
    ASSIGN_OR_RETURN(const Ints sizes0, ReadInts(s0));
    ASSIGN_OR_RETURN(const Ints sizes1, ReadInts(s1));
    ASSIGN_OR_RETURN(const auto reduce, RepeatedDims(sizes0, sizes1));
    for (int i = 0; i < 2; ++i) {
      ASSIGN_OR_RETURN(
          Tensor * output,
          ctx.AllocateOutput(i, {static_cast<int64_t>(reduce[i].size())}));
      std::copy(reduce[i].begin(), reduce[i].end(), output->mutable_data<T>());
    }
    return absl::OkStatus();
  }
};

absl::Status BroadcastGradientArgsRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 1).status());
  RETURN_IF_ERROR(WithRank(ctx.input(1), 1).status());
  const auto known = [&](int i) {
    const auto ints = ctx.Ints(i);
    return ints.has_value() && !absl::c_linear_search(*ints, kUnknownInt);
  };
  if (!known(0) || !known(1)) return VectorsRule(ctx);
  ASSIGN_OR_RETURN(const auto reduce, RepeatedDims(*ctx.Ints(0), *ctx.Ints(1)));
  for (int i = 0; i < 2; ++i) {
    ctx.SetOutput(i, PartialShape({static_cast<int64_t>(reduce[i].size())}));
    ctx.SetOutputInts(i, KnownInts(reduce[i].begin(), reduce[i].end()));
  }
  return absl::OkStatus();
}

REGISTER_OP("BroadcastGradientArgs", [](OpBuilder& op) {
  op.Input("s0: T").Input("s1: T").Output("r0: T").Output("r1: T");
  op.Attr("T: type = DT_INT32");
  op.Shape(BroadcastGradientArgsRule);
  op.KernelForEach<BroadcastGradientArgs, IndexTypes>("T");
});

}  // namespace
}  // namespace metagraph
