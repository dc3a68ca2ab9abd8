#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/graph_catalog.h"
#include "core/model/model.h"
#include "core/program/prune.h"

namespace metagraph {

// What a run would do, found without doing it.
struct Explanation {
  absl::Status status;  // how the run would end; OK: it can succeed
  std::vector<TensorDetails> missing_feeds;
  std::vector<UnsupportedOp> unsupported_ops;
  std::vector<std::string> variables_read;
  std::vector<std::string> variables_written;
  std::vector<std::string> variables_uninitialized;
  std::vector<TensorDetails> feeds;
  std::vector<TensorDetails> fetches;
  std::vector<std::string> nodes;  // that would run
  int64_t planned_nodes = 0;       // after the plan was simplified
  std::map<std::string, int64_t> op_counts;
  int64_t flops = 0;   // rough; unknown sizes count as 1
  int64_t memory = 0;  // bytes, as rough
};

// NOT_FOUND or INVALID_ARGUMENT, as Prune, if the request itself is wrong;
// what keeps it from running is in the explanation.
absl::StatusOr<Explanation> ExplainRun(const Model& model,
                                       const PlanRequest& request,
                                       CallContext& call);

}  // namespace metagraph
