#pragma once

#include "absl/status/status.h"
#include "core/graph/graph.h"
#include "core/op/op_registry.h"

namespace metagraph {

// Whether the nodes from number `first` on fit what they take: outputs that are
// there, of the types that are wanted, and no cycle but that of a loop
// (through NextIteration). What a load lets pass until a run reaches it, since
// the graph is as it is, is refused of a caller who extends one: TensorFlow
// would not import the graph again. Ops that nobody registered are not looked
// at. INVALID_ARGUMENT, in TensorFlow's words.
absl::Status CheckAddedNodes(const Graph& graph, int first,
                             const OpRegistry& ops);

}  // namespace metagraph
