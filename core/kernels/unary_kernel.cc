#include "core/kernels/unary_kernel.h"

#include <algorithm>

namespace metagraph {

absl::Status RunUnary(KernelContext& ctx, const UnaryLoop& loop) {
  const Tensor& x = ctx.input(0);
  ASSIGN_OR_RETURN(Tensor * y, ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
  const char* in = static_cast<const char*>(x.raw_data());
  char* out = static_cast<char*>(y->mutable_raw_data());
  const int64_t n = x.num_elements();
  if (n == 1) {
    loop.run(in, out, 1);
    return absl::OkStatus();
  }
  // In groups, so that only the last part has single elements at its end.
  constexpr int64_t kGroup = 16;
  const int64_t groups = (n + kGroup - 1) / kGroup;
  return ctx.ParallelFor(groups, kGroup * loop.cost,
                         [&](int64_t begin, int64_t end) {
                           begin *= kGroup;
                           end = std::min(end * kGroup, n);
                           loop.run(in + begin * loop.in_size,
                                    out + begin * loop.out_size, end - begin);
                         });
}

}  // namespace metagraph
