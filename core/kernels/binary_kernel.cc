#include "core/kernels/binary_kernel.h"

namespace metagraph {
namespace {

absl::Status Check(const BinaryLoops& loops, const Tensor& x, const Tensor& y) {
  return loops.check == nullptr ? absl::OkStatus() : loops.check(x, y);
}

// No broadcasting, or of a single element, whose stride is 0: the output is
// shaped as `like`.
absl::Status RunWhole(KernelContext& ctx, const BinaryLoops& loops,
                      BinaryLoops::Loop run, int64_t x_stride, int64_t y_stride,
                      const Tensor& like) {
  const Tensor& x = ctx.input(0);
  const Tensor& y = ctx.input(1);
  const int64_t n = like.num_elements();
  if (n > 0) RETURN_IF_ERROR(Check(loops, x, y));
  ASSIGN_OR_RETURN(Tensor * output,
                   ctx.ForwardOrAllocateOutput({0, 1}, 0, like.shape()));
  const char* from_x = static_cast<const char*>(x.raw_data());
  const char* from_y = static_cast<const char*>(y.raw_data());
  char* out = static_cast<char*>(output->mutable_raw_data());
  if (n == 1) {
    run(from_x, from_y, out, 1);
    return absl::OkStatus();
  }
  return ctx.ParallelFor(n, loops.cost, [&](int64_t begin, int64_t end) {
    run(from_x + begin * x_stride * loops.in_size,
        from_y + begin * y_stride * loops.in_size, out + begin * loops.out_size,
        end - begin);
  });
}

absl::Status RunRows(KernelContext& ctx, const BinaryLoops& loops) {
  const Tensor& x = ctx.input(0);
  const Tensor& y = ctx.input(1);
  const TensorShape* shapes[] = {&x.shape(), &y.shape()};
  ASSIGN_OR_RETURN(const Broadcast plan, Broadcast::Make(shapes));
  if (plan.shape().num_elements() > 0) RETURN_IF_ERROR(Check(loops, x, y));
  ASSIGN_OR_RETURN(Tensor * output,
                   ctx.ForwardOrAllocateOutput({0, 1}, 0, plan.shape()));
  if (output->num_elements() == 0) return absl::OkStatus();
  const char* from_x = static_cast<const char*>(x.raw_data());
  const char* from_y = static_cast<const char*>(y.raw_data());
  char* out = static_cast<char*>(output->mutable_raw_data());
  const int64_t n = plan.row_size();
  const BinaryLoops::Loop run = plan.row_stride(0) == 0   ? loops.x_single
                                : plan.row_stride(1) == 0 ? loops.y_single
                                                          : loops.both;
  return ctx.ParallelFor(
      plan.rows(), n * loops.cost, [&](int64_t begin, int64_t end) {
        plan.ForEachRow(begin, end,
                        [&](int64_t at, const Broadcast::Offsets& from) {
                          run(from_x + from[0] * loops.in_size,
                              from_y + from[1] * loops.in_size,
                              out + at * loops.out_size, n);
                        });
      });
}

}  // namespace

absl::Status RunBinary(KernelContext& ctx, const BinaryLoops& loops) {
  const Tensor& x = ctx.input(0);
  const Tensor& y = ctx.input(1);
  if (x.shape() == y.shape()) return RunWhole(ctx, loops, loops.both, 1, 1, x);
  if (y.num_elements() == 1 && y.rank() <= x.rank()) {
    return RunWhole(ctx, loops, loops.y_single, 1, 0, x);
  }
  if (x.num_elements() == 1 && x.rank() <= y.rank()) {
    return RunWhole(ctx, loops, loops.x_single, 0, 1, y);
  }
  return RunRows(ctx, loops);
}

}  // namespace metagraph
