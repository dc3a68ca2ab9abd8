#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/graph/meta_graph.h"
#include "core/graph/saver_plan.h"
#include "core/graph/training_only.h"
#include "core/model/checkpoint_match.h"
#include "core/model/graph_catalog.h"
#include "core/op/op_registry.h"
#include "core/session/session.h"
#include "core/state/variable_store.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Whether a checkpoint is of any use to a graph: it has variables, or its saver
// restores what is none, such as a table.
bool TakesCheckpoints(bool has_variables, const SaverPlan& plan);
bool TakesCheckpoints(const MetaGraph& meta);

// One version of a model's graph, and what the model knows about it: its
// variables and how they are saved. Immutable; an extension makes a new one.
class ModelGraph {
 public:
  // Declares the variables of the graph in `session`, which runs that graph.
  ModelGraph(MetaGraph meta, Session& session);
  ModelGraph(const ModelGraph&) = delete;
  ModelGraph& operator=(const ModelGraph&) = delete;

  const MetaGraph& meta() const { return meta_; }
  const SaverPlan& saver_plan() const { return saver_plan_; }
  const std::vector<ModelVariable>& variables() const { return variables_; }
  // Whether a checkpoint could give it anything: a frozen graph has nothing to
  // restore.
  bool takes_checkpoints() const {
    return TakesCheckpoints(!variables_.empty(), saver_plan_);
  }
  // Slot of the variable that counts training steps; -1: there is none.
  int global_step_slot() const { return global_step_slot_; }
  // What counts the steps: that variable, or else the number at the end of the
  // checkpoint's name.
  std::optional<int64_t> GlobalStep(const Generation& generation) const;
  // What is to be said of a generation in which no variable that is saved has a
  // value; empty: one has.
  std::string DescribeNoValues(const Generation& generation) const;
  // For people: what was noticed; may be empty.
  const std::string& note() const { return note_; }

  // nullptr if there is none of that name.
  const ModelVariable* FindVariable(absl::string_view name) const;
  // Takes "W1" and "W1:0". NOT_FOUND with the nearest names.
  absl::StatusOr<const ModelVariable*> RequireVariable(
      absl::string_view name) const;
  // Values by the slots of the variables that they are named after. NOT_FOUND:
  // no such variable. INVALID_ARGUMENT: another dtype, a shape that the graph
  // does not allow, a variable named twice. UNIMPLEMENTED: no kernel for it.
  absl::StatusOr<std::vector<std::pair<int, Tensor>>> ValuesBySlot(
      std::vector<std::pair<std::string, Tensor>> values) const;
  // Made at the first call.
  const GraphCatalog& catalog() const EXCLUDES(mu_);
  // Variables that no output needs. Found at the first call.
  const UnneededVariables& unneeded() const EXCLUDES(mu_);

 private:
  void ListModelVariables(Session& session);

  // Constant after construction.
  const MetaGraph meta_;
  const OpRegistry& ops_;
  SaverPlan saver_plan_;
  std::vector<ModelVariable> variables_;
  absl::flat_hash_map<absl::string_view, int> by_name_;
  int global_step_slot_ = -1;
  std::string note_;

  mutable Mutex mu_;
  mutable std::unique_ptr<const GraphCatalog> catalog_ GUARDED_BY(mu_);
  mutable std::unique_ptr<const UnneededVariables> unneeded_ GUARDED_BY(mu_);
};

}  // namespace metagraph
