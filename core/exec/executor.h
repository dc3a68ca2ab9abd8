#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/mutex.h"
#include "core/exec/sequential_executor.h"
#include "core/op/kernel_context.h"
#include "core/plan/plan.h"

namespace metagraph {

class Executor;

// What a session knows of how a plan is used, and the program that takes its
// place for one generation of weights: see session/hot_plans.h.
struct PlanUse {
  Mutex mu;
  int64_t generation GUARDED_BY(mu) = -1;  // of the last run
  int runs GUARDED_BY(mu) = 0;             // one after the other, of that one
  std::shared_ptr<const Executor> hot GUARDED_BY(mu);
  // The same for a generation that nobody can read yet.
  int64_t next_generation GUARDED_BY(mu) = -1;
  std::shared_ptr<const Executor> next_hot GUARDED_BY(mu);
};

// Runs one plan, by several callers at the same time. Plans without control
// flow run node after node on the caller's thread, or, if they have proved
// slow and are wide, in parallel on the compute pool; plans with control flow
// run as TensorFlow's dataflow machine does.
class Executor {
 public:
  explicit Executor(std::shared_ptr<const Plan> plan);

  // `feeds` in the plan's order and of its dtypes, taken from the caller;
  // `fetches` gets the fetched tensors in the plan's order. `step` and what it
  // points to outlive the call. The first error of a node wins, with the node's
  // name added.
  absl::Status Run(absl::Span<Tensor> feeds, const StepContext& step,
                   std::vector<Tensor>* fetches) const;

  const Plan& plan() const { return *plan_; }
  const std::shared_ptr<PlanUse>& use() const { return use_; }

 private:
  const std::shared_ptr<const Plan> plan_;
  const SequentialExecutor sequential_;
  const std::shared_ptr<PlanUse> use_ = std::make_shared<PlanUse>();
};

}  // namespace metagraph
