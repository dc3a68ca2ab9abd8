#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/graph/graph.h"
#include "core/op/op_registry.h"
#include "core/plan/plan.h"
#include "core/plan/prune.h"

namespace metagraph {

// Kernels of stateful ops, which all plans of a session share: a random op's
// stream goes on from run to run, whatever is fetched. Thread-safe.
class KernelCache {
 public:
  absl::StatusOr<std::shared_ptr<const Kernel>> FindOrCreate(
      absl::string_view node,
      absl::FunctionRef<absl::StatusOr<std::unique_ptr<Kernel>>()> create)
      EXCLUDES(mu_);

 private:
  Mutex mu_;
  absl::flat_hash_map<std::string, std::shared_ptr<const Kernel>> kernels_
      GUARDED_BY(mu_);
};

// What a plan is built from besides graph and request.
struct PlanEnvironment {
  const OpRegistry& ops;
  SessionState& state;
  KernelCache& stateful_kernels;
  // Whose limits end the building; null: nobody's.
  const CallContext* call = nullptr;
};

// Prunes the graph to the request, checks it against the signatures of the
// ops, makes the kernels and arranges the nodes for an executor.
//
// Errors, besides those of Prune: INVALID_ARGUMENT for an output index that
// the op does not have, a wrong number or dtype of inputs, bad attributes, a
// malformed loop; UNIMPLEMENTED listing all ops that have no kernel here;
// CANCELLED and DEADLINE_EXCEEDED as environment.call says.
absl::StatusOr<std::shared_ptr<const Plan>> BuildPlan(
    std::shared_ptr<const Graph> graph, const PlanRequest& request,
    const PlanEnvironment& environment);

// All ops without kernel that the request reaches, as "op (node)"; empty if
// it can run. NOT_FOUND and INVALID_ARGUMENT as Prune.
absl::StatusOr<std::vector<std::string>> UnsupportedOps(
    const Graph& graph, const PrunedGraph& pruned, const OpRegistry& ops);

}  // namespace metagraph
