#pragma once

#include <string>

#include "core/graph/meta_graph.h"
#include "core/op/op_registry.h"

namespace metagraph {

// In what the graph of a file does something else than the one that is served,
// for people; empty if it does the same. What was added to the served graph
// since it was loaded does not count.
std::string GraphDifference(const MetaGraph& served, const MetaGraph& file,
                            const OpRegistry& ops);

}  // namespace metagraph
