#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/base/thread_pool.h"
#include "core/exec/executor.h"
#include "core/graph/graph.h"
#include "core/op/op_registry.h"
#include "core/plan/kernel_cache.h"
#include "core/program/library.h"
#include "core/program/passes/pass.h"
#include "core/session/hot_plans.h"
#include "core/session/plan_cache.h"
#include "core/state/variable_store.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// What to run: tensor names "node:index" ("node" is index 0).
struct RunRequest {
  std::vector<std::pair<std::string, Tensor>> feeds;
  std::vector<std::string> fetches;
  std::vector<std::string> targets;
  // Read these values instead of the newest; only for runs that do not write.
  std::shared_ptr<const Generation> generation;
  // Run within this writing step, which the caller began and will end; null:
  // a run that writes is a step of its own.
  VariableView* step = nullptr;
};

struct RunResult {
  std::vector<Tensor> outputs;  // in the order of RunRequest::fetches
  // What was read; for a run that wrote, the values before it. nullptr if the
  // run touches no variable.
  std::shared_ptr<const Generation> generation;
  bool wrote_variables = false;
  // Of a run that was a writing step of its own: the number of the generation
  // that it left; else -1.
  int64_t generation_left = -1;
};

// A graph, its state and its plans: TensorFlow's session. Thread-safe.
class Session {
 public:
  struct Options {
    const OpRegistry* ops = nullptr;     // outlives the session
    ThreadPool* compute_pool = nullptr;  // outlives it; null: one thread
    FileSystem* files = nullptr;         // for ops that read or write files
    VariableStore::Reclaimer reclaim;    // frees dead generations
    // Of plans that are kept for later runs.
    size_t max_plans = 256;
    int64_t max_plan_bytes = int64_t{256} << 20;
    CompileLevel compile = CompileLevel::kFull;
    // At kFull.
    HotPlans::Options hot_plans;
  };

  Session(std::shared_ptr<const Graph> graph, Options options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A request made ready: found in the cache, or pruned, checked and compiled.
  // For callers that run the same request often, or want to look at the plan.
  // Of callers that come together one compiles and the others wait for it.
  // Errors: as Compile; CANCELLED and DEADLINE_EXCEEDED as `call` says.
  absl::StatusOr<std::shared_ptr<const Executor>> Prepare(
      const PlanRequest& request, CallContext& call) EXCLUDES(mu_);
  // The same without limits.
  absl::StatusOr<std::shared_ptr<const Executor>> Prepare(
      const PlanRequest& request) {
    CallContext unlimited;
    return Prepare(request, unlimited);
  }
  // The same without waiting: nullptr if it is not in the cache.
  std::shared_ptr<const Executor> FindPrepared(const PlanRequest& request)
      EXCLUDES(mu_);

  // The program that a request becomes, as text. Errors: as Prepare.
  absl::StatusOr<std::string> PrintProgram(const PlanRequest& request,
                                           CallContext& call) EXCLUDES(mu_);

  // Prepares and runs. Errors: as Prepare; INTERNAL for a feed of another
  // dtype (TensorFlow's code); FAILED_PRECONDITION for uninitialised
  // variables; what kernels return, with the node's name; CANCELLED and
  // DEADLINE_EXCEEDED as `call` says; RESOURCE_EXHAUSTED over the memory
  // budget.
  absl::StatusOr<RunResult> Run(const RunRequest& request, CallContext& call);
  // The same for a request that is prepared already.
  absl::StatusOr<RunResult> Run(const Executor& executor,
                                const RunRequest& request, CallContext& call);

  // A writing step that takes in several runs, see RunRequest::step. Errors: as
  // VariableStore::BeginWrite. generation() of it is complete.
  absl::StatusOr<std::unique_ptr<VariableView>> BeginStep(
      CallContext& call, int64_t expected_generation) {
    return state_.variables.BeginWrite(call, {}, expected_generation,
                                       /*keep_replaced=*/true);
  }

  // Adds nodes. Runs under way go on with the graph they started with.
  // ABORTED unless the graph's version is `expected_version` (-1: any);
  // INVALID_ARGUMENT as Graph::Extend. Returns the new version.
  absl::StatusOr<int64_t> Extend(const tensorflow::GraphDef& more,
                                 int64_t expected_version) EXCLUDES(mu_);

  std::shared_ptr<const Graph> graph() const EXCLUDES(mu_) {
    return library()->graph();
  }
  // Returns when no program is being compiled for a generation; for tests and
  // benchmarks.
  void WaitForHotPlans() { hot_plans_.Wait(); }

  PlanCache::Counts plan_counts() const { return plans_.counts(); }
  VariableStore& variables() { return state_.variables; }
  SessionState& state() { return state_; }
  const OpRegistry& ops() const { return *options_.ops; }

  // Runs the kernel constructors of all variable ops of the graph, so that
  // variables() lists them before anything ran. Variables whose op has no
  // kernel here are left out.
  absl::Status DeclareVariables();

 private:
  std::shared_ptr<const Library> library() const EXCLUDES(mu_);
  // As Session::Prepare, but not from the cache; for `weights` unless null.
  absl::StatusOr<std::shared_ptr<const Executor>> CompileFor(
      const Library& library, const PlanRequest& request,
      const Weights* weights, CallContext& call);
  // The program that a run takes in place of `executor`; nullptr: itself.
  std::shared_ptr<const Executor> FindHot(
      const Executor& executor, const RunRequest& request,
      const std::shared_ptr<const Generation>& generation);
  // Runs with the variables of `view`, null if the plan touches none.
  absl::StatusOr<std::vector<Tensor>> Execute(const Executor& executor,
                                              absl::Span<Tensor> feeds,
                                              VariableView* view,
                                              CallContext& call);

  const Options options_;
  SessionState state_;
  // Clients that compare handles of two runs see two.
  std::atomic<int64_t> step_resource_names_{0};
  KernelCache stateful_kernels_;
  PlanCache plans_;
  HotPlans hot_plans_;
  mutable Mutex mu_;
  // The graph with its functions.
  std::shared_ptr<const Library> library_ GUARDED_BY(mu_);
};

}  // namespace metagraph
