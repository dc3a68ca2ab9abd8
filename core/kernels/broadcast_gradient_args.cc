// BroadcastGradientArgs: which dimensions broadcasting repeated.

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/status.h"
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

template <typename T>
std::string Text(const Tensor& shape) {
  std::string text = "[";
  for (const T size : shape.values<T>()) {
    absl::StrAppend(&text, text.size() > 1 ? "," : "", size);
  }
  return text + "]";
}

// Size of `shape` in dimension d of `rank`, aligned at the end.
template <typename T>
T Size(const Tensor& shape, int64_t d, int64_t rank) {
  const int64_t at = d - (rank - shape.num_elements());
  return at < 0 ? T(1) : shape.data<T>()[at];
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
    std::vector<T> reduce[2];
    const bool equal = s0.values<T>() == s1.values<T>();
    const int64_t rank = std::max(s0.num_elements(), s1.num_elements());
    for (int64_t d = 0; d < rank && !equal; ++d) {
      const T a = Size<T>(s0, d, rank);
      const T b = Size<T>(s1, d, rank);
      if (a != b && a != 1 && b != 1) {
        return InvalidArgument("Incompatible shapes: ", Text<T>(s0), " vs. ",
                               Text<T>(s1));
      }
      if (a == 1) reduce[0].push_back(static_cast<T>(d));
      if (b == 1) reduce[1].push_back(static_cast<T>(d));
    }
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
  return VectorsRule(ctx);
}

REGISTER_OP("BroadcastGradientArgs", [](OpBuilder& op) {
  op.Input("s0: T").Input("s1: T").Output("r0: T").Output("r1: T");
  op.Attr("T: type = DT_INT32");
  op.Shape(BroadcastGradientArgsRule);
  op.KernelForEach<BroadcastGradientArgs, IndexTypes>("T");
});

}  // namespace
}  // namespace metagraph
