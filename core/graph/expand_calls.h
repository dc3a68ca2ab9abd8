#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/graph/graph.h"

namespace metagraph {

// What the nodes `from` depend on, they included, with the bodies of called
// functions beside the calls: node "n" of what "call" calls is "call/n", its
// arguments are the caller's inputs, and the call depends on all of them. To
// read what a graph does, as a saver that SavedModels keep in functions; not
// to run it: attributes of calls are not put into the bodies. Nodes have
// other numbers here.
// UNIMPLEMENTED: a function takes or yields lists; RESOURCE_EXHAUSTED: the
// calls are too many, as where functions call themselves; otherwise as
// Graph::Build.
absl::StatusOr<std::shared_ptr<const Graph>> ExpandCalls(
    const Graph& graph, absl::Span<const int> from);

// What a node depends on, itself included, nearest first.
std::vector<int> AncestorsOf(const Graph& graph, int from);

// The function of the graph that a node calls; nullptr if it calls none.
const tensorflow::FunctionDef* CalledFunction(const Graph& graph,
                                              const tensorflow::NodeDef& node);

}  // namespace metagraph
