#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/graph/meta_graph.h"
#include "core/tensor/dtype.h"
#include "core/tensor/tensor.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// One variable that a restore fills.
struct SavedVariable {
  std::string checkpoint_key;
  // "4 3 0,2:0,3": the variable is this box of the tensor stored under the
  // key; "" for the whole tensor.
  std::string shape_and_slice;
  DataType dtype = DT_INVALID;  // to be found in the checkpoint
  std::string variable;         // name of its node
  int node = -1;
  bool reshape = false;  // any shape with as many elements will do
};

// What a saver's nodes do, read from the graph: which key of a checkpoint goes
// to which variable. With it checkpoints are restored and saved without
// running those nodes.
struct SaverPlan {
  std::vector<SavedVariable> variables;

  // Parts of the restore that are not a plain copy into a variable, such as a
  // table or a cast. Only running the restore op does these.
  struct Unmapped {
    std::string node;
    std::string reason;
  };
  std::vector<Unmapped> unmapped;

  // What the save op writes that is constant: the object graph of a SavedModel,
  // without which TensorFlow does not load it.
  struct Constant {
    std::string checkpoint_key;
    Tensor value;
  };
  std::vector<Constant> constants;

  // Of the checkpoints that the saver writes: 1 or 2.
  int format = 2;

  // Empty in a plan that was made without a saver.
  tensorflow::SaverDef saver;
  bool complete() const { return unmapped.empty(); }
};

// The plan of a saver: its restore op is walked back to the Restore ops, also
// through functions, in which SavedModels of TensorFlow 2 keep theirs.
// NOT_FOUND if the restore op is not in the graph.
absl::StatusOr<SaverPlan> BuildSaverPlan(const Graph& graph,
                                         const tensorflow::SaverDef& saver);

// Whether what a saver keeps can be in one checkpoint. FAILED_PRECONDITION: two
// variables go by one key, and not as slices of one tensor.
absl::Status CheckKeys(const SaverPlan& plan);

// Every variable of the graph under its own name; partitions as slices of the
// whole.
SaverPlan SaverPlanFromVariables(const MetaGraph& meta);

// The plan of the meta graph's saver; if it has none, that of a GraphDef's
// nodes of a saver, or from its variables.
absl::StatusOr<SaverPlan> BuildSaverPlan(const MetaGraph& meta);

}  // namespace metagraph
