#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor/dtype.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// The attribute as the node sets it or as the op defaults it; nullptr if
// neither does. What the op does not declare is not there, whatever the node
// says: nobody has held it to anything. Only names that begin with '_', notes
// such as `_kernel`, need no declaration.
const tensorflow::AttrValue* FindAttr(const tensorflow::NodeDef& node,
                                      const tensorflow::OpDef& op,
                                      absl::string_view name);

// The dtypes of a node's inputs and outputs, argument lists unrolled;
// references as DT_x_REF.
struct NodeSignature {
  std::vector<DataType> inputs;
  std::vector<DataType> outputs;
};

// Applies `op` to the attributes of `node`. INVALID_ARGUMENT if an attribute
// that a type or a count needs is missing or of another kind, or a count is
// negative or absurd (over 2^20).
absl::StatusOr<NodeSignature> ResolveSignature(const tensorflow::NodeDef& node,
                                               const tensorflow::OpDef& op);

}  // namespace metagraph
