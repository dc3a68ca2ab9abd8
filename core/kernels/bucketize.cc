// Which of the intervals between sorted boundaries each value is in: Bucketize,
// BoostedTreesBucketize.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

template <typename T>
class Bucketize final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("boundaries", &boundaries_));
    if (!std::is_sorted(boundaries_.begin(), boundaries_.end())) {
      return InvalidArgument("Expected sorted boundaries");
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    const T* in = input.data<T>();
    int32_t* out = output->mutable_data<int32_t>();
    return ctx.ParallelFor(
        input.num_elements(), 20, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            // As TensorFlow compares: an int32 becomes a float, as the
            // boundaries are.
            out[i] = static_cast<int32_t>(std::upper_bound(boundaries_.begin(),
                                                           boundaries_.end(),
                                                           in[i]) -
                                          boundaries_.begin());
          }
        });
  }

 private:
  std::vector<float> boundaries_;
};

// float_values and bucket_boundaries, as many of both, all of them vectors.
// Other than Bucketize a boundary ends its interval, and what is beyond the
// last one belongs to the last interval.
class BoostedTreesBucketize final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const int features = ctx.num_outputs();
    for (int f = 0; f < features; ++f) {
      const Tensor& input = ctx.input(f);
      const Tensor& boundaries = ctx.input(features + f);
      RETURN_IF_ERROR(
          RequireVector(input, "float_values must be vectors, got shape "));
      RETURN_IF_ERROR(RequireVector(
          boundaries, "bucket_boundaries must be vectors, got shape "));
      const auto sorted = boundaries.values<float>();
      ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(f, input.shape()));
      const float* in = input.data<float>();
      int32_t* out = output->mutable_data<int32_t>();
      const auto last = static_cast<ptrdiff_t>(sorted.size()) - 1;
      RETURN_IF_ERROR(ctx.ParallelFor(
          input.num_elements(), 20, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              const auto found =
                  std::lower_bound(sorted.begin(), sorted.end(), in[i]) -
                  sorted.begin();
              out[i] = static_cast<int32_t>(
                  std::max<ptrdiff_t>(std::min(found, last), 0));
            }
          }));
    }
    return absl::OkStatus();
  }
};

absl::Status BoostedTreesBucketizeRule(ShapeContext& ctx) {
  for (int f = 0; f < ctx.num_outputs(); ++f) {
    ASSIGN_OR_RETURN(PartialShape values, WithRank(ctx.input(f), 1));
    RETURN_IF_ERROR(WithRank(ctx.input(ctx.num_outputs() + f), 1).status());
    ctx.SetOutput(f, std::move(values));
  }
  return absl::OkStatus();
}

REGISTER_OP("Bucketize", [](OpBuilder& op) {
  op.Input("input: T").Output("output: int32");
  op.Attr("T: type").Attr("boundaries: list(float)");
  op.Shape(UnchangedRule);
  op.KernelFor<Bucketize, int32_t, int64_t, float, double>("T");
});

REGISTER_OP("BoostedTreesBucketize", [](OpBuilder& op) {
  op.Input("float_values: num_features * float");
  op.Input("bucket_boundaries: num_features * float");
  op.Output("buckets: num_features * int32");
  op.Attr("num_features: int >= 0");
  op.Shape(BoostedTreesBucketizeRule);
  op.Kernel<BoostedTreesBucketize>();
});

}  // namespace
}  // namespace metagraph
