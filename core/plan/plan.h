#pragma once

// A plan: a Body, of a request or of a function, made ready to run. Everything
// that can be decided without values is decided here, so that executors only
// walk.
//
// Values travel in slots. Every node's outputs are consecutive slots; feeds
// have slots too. A sequential plan reuses slots whose value is dead; a plan
// with control flow runs per frame and iteration, see control_flow.h.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/op/kernel.h"
#include "core/plan/control_flow.h"
#include "core/program/body.h"
#include "core/tensor/tensor.h"

namespace metagraph {

struct PlanInput {
  // The producer's place in Plan::nodes and its output; -1 for a feed, whose
  // number is `output`. Unused if `constant`.
  int producer = -1;
  int output = 0;
  // The value itself if it never changes: the producer does not run.
  const Tensor* constant = nullptr;
  // The consumer wants the reference, not the value.
  bool wants_ref = false;
  // The producer gives a reference that must be read for this consumer.
  bool dereference = false;

  // Sequential plans: the slot, and whether this is its last reader.
  int slot = -1;
  bool last_use = false;
};

struct PlanNode {
  std::string name;
  std::shared_ptr<const Kernel> kernel;
  OpKind kind = OpKind::kPlain;
  bool allows_uninitialized_input = false;
  bool has_ref_inputs = false;  // some input comes from a reference
  std::vector<PlanInput> inputs;
  // What the inputs are called, for errors; empty unless has_ref_inputs.
  std::vector<std::string> input_names;
  std::vector<int> control_inputs;  // places in Plan::nodes
  std::vector<DataType> output_types;
  // Outputs that somebody reads; a kernel must set these.
  std::vector<bool> output_used;

  // An Enter: the loop it leads into, and whether each iteration gets its
  // value.
  std::string frame;
  int parallel_iterations = 0;
  bool is_loop_invariant = false;

  // Sequential plans.
  int first_input = 0;  // in the run's array of inputs
  int first_slot = 0;   // of its outputs
  // Output slots that nobody reads or whose last reader is this node.
  std::vector<int> dead_slots;
};

struct PlanFetch {
  // As in PlanInput; what a function returns may be its argument.
  int producer = -1;
  int output = 0;
  const Tensor* constant = nullptr;
  bool dereference = false;
  int slot = -1;     // sequential plans
  std::string name;  // as asked
};

class Plan {
 public:
  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // Constant after building.
  std::vector<PlanNode> nodes;  // sequential plans: in the order they run
  // Kernels whose constant() the inputs and fetches point to.
  std::vector<std::shared_ptr<const Kernel>> constants;
  int num_feeds = 0;
  std::vector<DataType> feed_types;  // DT_INVALID: unknown, not checked
  std::vector<std::string> feed_names;
  std::vector<PlanFetch> fetches;
  bool reads_variables = false;
  bool writes_variables = false;
  bool changes_files_or_tables = false;
  // Some op keeps something from run to run that is no variable: a random
  // stream, say.
  bool keeps_state = false;
  // The variables, by slot, that are written through references.
  std::vector<int> written_by_reference;
  // No control flow: nodes can run one after the other.
  bool sequential = false;
  // What it holds, roughly; of constants those that no other plan shares.
  int64_t bytes = 0;
  int num_slots = 0;   // feeds first
  int num_inputs = 0;  // of all nodes together
  // The most nodes that may be ready at the same time, if sequential.
  int width = 1;
  ControlFlow control_flow;  // empty if sequential

  // Nanoseconds that a run takes, a moving average of what was measured; 0
  // before the first. Lets callers tell quick plans from slow ones.
  int64_t expected_nanos() const {
    return expected_nanos_.load(std::memory_order_relaxed);
  }
  void Observe(int64_t nanos) const {
    const int64_t old = expected_nanos();
    expected_nanos_.store(old == 0 ? nanos : old + (nanos - old) / 8,
                          std::memory_order_relaxed);
  }

 private:
  mutable std::atomic<int64_t> expected_nanos_{0};
};

}  // namespace metagraph
