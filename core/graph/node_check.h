#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/graph/op_signature.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// What an op declares is enforced here. ResolveSignature calls it, and whoever
// makes a kernel goes through that door: kernels can trust their signature.
//
// Whether the attributes of `node` are those that `op` declares: none missing
// that has no default, each of its type, not below its minimum and one of its
// allowed values. INVALID_ARGUMENT in TensorFlow's words. Attributes that the
// op does not declare are ignored: newer writers have them.
absl::Status CheckNode(const tensorflow::NodeDef& node,
                       const tensorflow::OpDef& op);

// As ResolveSignature, without CheckNode: for looking at a node, not for
// running it. `op` may come from a file.
absl::StatusOr<NodeSignature> ReadSignature(const tensorflow::NodeDef& node,
                                            const tensorflow::OpDef& op);

// INVALID_ARGUMENT unless `count`, the data inputs that the node names, is what
// its signature says.
absl::Status CheckInputCount(const tensorflow::NodeDef& node,
                             const tensorflow::OpDef& op,
                             const NodeSignature& signature, size_t count);

// "Op<name=Relu; signature=features:T -> activations:T; attr=T:type,…>", as
// TensorFlow's errors show an op.
std::string DescribeOp(const tensorflow::OpDef& op);

}  // namespace metagraph
