#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/name_map.h"
#include "core/checkpoint/tensor_slice.h"
#include "core/graph/saver_plan.h"
#include "core/graph/variables.h"

namespace metagraph {

// A variable of a model: what the graph declares, and where its value is.
struct ModelVariable : GraphVariable {
  int slot = -1;  // in the VariableStore; -1: its op has no kernel here
  // Its key in checkpoints; empty if the saver leaves it out.
  std::string checkpoint_key;
};

// A checkpoint held against the graph. Names are the keys that the graph
// restores by, and for `extra` those of the checkpoint; sorted.
struct CheckpointReport {
  struct Type {
    DataType dtype = DT_INVALID;
    PartialShape shape;

    std::string ToString() const;
  };
  struct Mismatch {
    std::string name;
    Type expected;  // in the graph
    Type found;     // in the checkpoint
  };
  std::vector<std::string> restored;
  std::vector<std::string> missing;
  std::vector<std::string> extra;
  std::vector<Mismatch> mismatched;
  // What goes by another name in the checkpoint than in the graph.
  struct Renamed {
    std::string name;   // in the graph
    std::string found;  // in the checkpoint
  };
  std::vector<Renamed> renamed;
  // Rules of the name map that name nothing in this checkpoint.
  std::vector<std::string> idle_rules;
  // Of `missing`: what several objects of an object-based checkpoint are
  // called.
  std::vector<std::string> ambiguous;
  bool object_based = false;  // written by tf.train.Checkpoint or Keras

  // Whether the mapping lets it be restored.
  bool Allowed(const RestoreMapping& mapping) const {
    return (missing.empty() || mapping.skip_missing) &&
           (mismatched.empty() || mapping.skip_mismatched);
  }
  bool fits() const { return missing.empty() && mismatched.empty(); }
  // OK if it fits, else what is wrong, of many names the first few: NOT_FOUND
  // if tensors are missing only, INVALID_ARGUMENT if types or shapes differ.
  absl::Status ToStatus() const;
};

// One variable that can be read from the checkpoint.
struct RestoreItem {
  std::string key;
  std::string variable;
  int slot = -1;
  std::optional<TensorSlice> slice;  // of the tensor stored
  std::optional<TensorShape> reshape;
  uint64_t bytes = 0;  // in the file, of the slice
};

struct CheckpointMatch {
  CheckpointReport report;
  std::vector<RestoreItem> items;  // those that fit, in the saver's order
};

// Compares names, dtypes and shapes; reads no values. Names are taken as the
// mapping says, then as they are, then as an object-based checkpoint tells that
// its variables were called. INVALID_ARGUMENT: the mapping is none, or does not
// belong to this graph.
absl::StatusOr<CheckpointMatch> MatchCheckpoint(
    const SaverPlan& plan, const std::vector<ModelVariable>& variables,
    const CheckpointReader& reader, const RestoreMapping& mapping);

// The first few of `names` in quotes, separated by commas, and how many more
// there are.
std::string FirstNames(const std::vector<std::string>& names);

}  // namespace metagraph
