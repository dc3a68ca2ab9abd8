#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/mutex.h"
#include "core/op/kernel_context.h"
#include "core/plan/plan.h"

namespace metagraph {

// Walks a sequential plan: one node after the other, each reading and writing
// the slots that the plan gave it. Slots are kept from run to run, so that a
// run allocates only what its kernels allocate.
class SequentialExecutor {
 public:
  explicit SequentialExecutor(const Plan& plan);
  ~SequentialExecutor();

  // REQUIRES: plan.sequential. Otherwise as Executor::Run.
  absl::Status Run(absl::Span<Tensor> feeds, const StepContext& step,
                   std::vector<Tensor>* fetches) const EXCLUDES(mu_);

 private:
  // The memory of one run.
  struct RunState;

  std::unique_ptr<RunState> Acquire() const EXCLUDES(mu_);
  void Release(std::unique_ptr<RunState> state) const EXCLUDES(mu_);
  absl::Status RunNodes(const StepContext& step, RunState& state) const;
  absl::Status Fetch(const StepContext& step, RunState& state,
                     std::vector<Tensor>* fetches) const;

  const Plan& plan_;
  mutable Mutex mu_;
  mutable std::vector<std::unique_ptr<RunState>> idle_ GUARDED_BY(mu_);
};

}  // namespace metagraph
