#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/graph/meta_graph.h"
#include "core/tensor/dtype.h"
#include "core/tensor/tensor_shape.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// A variable that a graph declares: a node, and what the collections tell
// about it.
struct GraphVariable {
  std::string name;  // of the node
  int node = -1;
  DataType dtype = DT_INVALID;
  PartialShape shape;
  bool is_resource = false;
  // What the op names its state by; "" stands for the default container and
  // for the node's name.
  std::string container;
  std::string shared_name;

  bool trainable = false;                // in trainable_variables
  std::vector<std::string> collections;  // sorted
  // Names, as the VariableDef has them or as TensorFlow would choose them;
  // "" if the graph has no such node.
  std::string initializer;    // operation
  std::string snapshot;       // tensor to read the value from
  std::string initial_value;  // tensor
  // Set for a partition of a larger variable.
  std::optional<tensorflow::SaveSliceInfoDef> slice;

  // The key in checkpoints that a Saver would use by default.
  const std::string& DefaultKey() const {
    return slice ? slice->full_name() : name;
  }
};

bool IsVariableOp(absl::string_view op);

// All variables, in the order of the graph.
std::vector<GraphVariable> ListVariables(const MetaGraph& meta);

// "4 3 0,2:0,3": the full shape and the box of it, as SaveV2 wants it.
std::string SliceSpec(const tensorflow::SaveSliceInfoDef& slice);

}  // namespace metagraph
