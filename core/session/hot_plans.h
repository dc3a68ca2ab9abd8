#pragma once

// Programs of their own for the weights that are served.
//
// A plan that only reads, and is run again and again with the same generation,
// is compiled once more with the values of that generation's variables as
// constants: what follows from weights alone is computed once, batch norms go
// into filters, products take in what is done to their output. It is compiled
// on a thread of the background and tried with the feeds of the run that made
// it hot, so that the first caller who gets it finds everything ready. Another
// generation makes it useless: it goes when that is published; a restore has
// what is hot compiled for the new weights before anybody sees them.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/base/thread_pool.h"
#include "core/exec/executor.h"
#include "core/program/passes/pass.h"
#include "core/program/prune.h"
#include "core/state/variable_store.h"
#include "core/tensor/buffer.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Thread-safe.
class HotPlans {
 public:
  struct Options {
    // Runs after which a plan is hot. 0: the first one waits for the program.
    int runs = 16;
    // Where programs are compiled; null: nowhere, unless `runs` is 0.
    ThreadPool* pool = nullptr;
    // What programs may take beside the weights, those of all sessions that
    // share it; null: as much as they want. Outlives them.
    MemoryBudget* budget = nullptr;
  };
  // What is run: a request and the values that it feeds.
  struct Sample {
    PlanRequest request;
    std::vector<Tensor> feeds;
    int64_t expected_nanos = 0;  // that the plan takes
  };
  // Compiles for the weights; `call` ends it.
  using CompileFn =
      std::function<absl::StatusOr<std::shared_ptr<const Executor>>(
          const PlanRequest&, const Weights&, CallContext& call)>;
  // Runs the program once, for nobody.
  using TryFn = std::function<absl::Status(
      const Executor&, std::vector<Tensor> feeds,
      const std::shared_ptr<const Generation>&, CallContext& call)>;

  HotPlans(Options options, const VariableStore& variables, CompileFn compile,
           TryFn try_it);
  ~HotPlans() { End(); }
  HotPlans(const HotPlans&) = delete;
  HotPlans& operator=(const HotPlans&) = delete;

  // Whether a run of the plan may take another program in its place.
  bool MayServe(const Plan& plan) const {
    return (options_.pool != nullptr || options_.runs == 0) &&
           !plan.writes_variables && !plan.changes_files_or_tables;
  }

  // Counts a run of `plan`; the program to run in its place, nullptr: the plan
  // itself. `generation` is what the run reads, nullptr if it reads none.
  // `sample` is asked when the plan has become hot.
  // REQUIRES: MayServe(plan.plan()).
  std::shared_ptr<const Executor> Use(
      const Executor& plan, const std::shared_ptr<const Generation>& generation,
      absl::FunctionRef<Sample()> sample) EXCLUDES(mu_);

  // Compiles what is hot for a generation that is about to be published, and
  // tries it with zeros; what takes too long becomes hot later by itself.
  void Prepare(const std::shared_ptr<const Generation>& generation)
      EXCLUDES(mu_);

  // Lets go of the programs of other generations, and of the weights that they
  // hold.
  void KeepOnly(int64_t generation) EXCLUDES(mu_);

  // Cancels what is being compiled and waits for it; nothing is afterwards.
  void End() EXCLUDES(mu_);

  // Returns when nothing is being compiled; for tests and benchmarks.
  void Wait() EXCLUDES(mu_);

 private:
  struct Task;
  // A plan that has a program of its own, and how it is run; no values, which
  // would be kept for as long.
  struct HotUse {
    std::weak_ptr<PlanUse> use;
    PlanRequest request;
    std::vector<std::pair<DataType, TensorShape>> feeds;
  };

  // A call of `limit`, which the end cancels; runs fn(call).
  template <typename F>
  void WithCall(absl::Duration limit, F fn) EXCLUDES(mu_);
  void Compile(Task& task) EXCLUDES(mu_);
  void Remember(const Task& task) EXCLUDES(mu_);
  // From now on the plan is run with that generation. Returns the program of
  // the one before, to be freed without locks.
  std::shared_ptr<const Executor> MoveTo(int64_t generation, PlanUse& use) const
      REQUIRES(use.mu);
  // Within `call`.
  absl::StatusOr<std::shared_ptr<const Executor>> Make(const Task& task,
                                                       CallContext& call);
  // Counts its bytes as long as it lives. RESOURCE_EXHAUSTED.
  absl::StatusOr<std::shared_ptr<const Executor>> Charge(
      std::shared_ptr<const Executor> made) const;

  const Options options_;
  const VariableStore& variables_;
  const CompileFn compile_;
  const TryFn try_;
  Mutex mu_;
  bool ending_ GUARDED_BY(mu_) = false;
  // Of what is being compiled; cancelled at the end.
  std::vector<CallContext*> calls_ GUARDED_BY(mu_);
  CondVar idle_;
  int pending_ GUARDED_BY(mu_) = 0;
  std::vector<HotUse> hot_ GUARDED_BY(mu_);
};

}  // namespace metagraph
