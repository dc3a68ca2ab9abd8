#pragma once

#include "core/graph/meta_graph.h"
#include "core/model/model_graph.h"

namespace metagraph {

// Sees to it that a saver of the extended graph keeps the variables that the
// saver before kept and those that were added, unless who extends the graph
// brought a saver for them: one is made where none does. It also writes the
// constants that the saver before wrote. `extended` is the graph with `more` in
// it; the saver's nodes are added to `more`.
void CompleteSaver(const ModelGraph& old, const MetaGraph& extended,
                   tensorflow::MetaGraphDef* more);

}  // namespace metagraph
