#include "core/exec/executor.h"

#include <utility>

#include "core/base/clock.h"
#include "core/base/flush_denormals.h"
#include "core/exec/dataflow_executor.h"

namespace metagraph {
namespace {

// A plan this slow is worth the price of handing nodes between threads.
constexpr int64_t kParallelNanos = 1'000'000;

}  // namespace

Executor::Executor(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)), sequential_(*plan_) {}

absl::Status Executor::Run(absl::Span<Tensor> feeds, const StepContext& step,
                           std::vector<Tensor>* fetches) const {
  const ScopedFlushDenormals flush_denormals;
  const int64_t start = SteadyNanos();
  const bool parallel = step.compute_pool != nullptr && plan_->width > 1 &&
                        plan_->expected_nanos() > kParallelNanos;
  absl::Status status =
      plan_->sequential && !parallel
          ? sequential_.Run(feeds, step, fetches)
          : RunDataflow(*plan_, feeds, step, plan_->sequential && parallel,
                        fetches);
  if (status.ok()) plan_->Observe(SteadyNanos() - start);
  return status;
}

}  // namespace metagraph
