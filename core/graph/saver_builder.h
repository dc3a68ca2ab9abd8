#pragma once

#include <string>

#include "absl/types/span.h"
#include "core/graph/graph.h"
#include "core/graph/saver_plan.h"
#include "tensorflow/graph.pb.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// Adds to `nodes` what tf.train.Saver would add to `graph` to save and restore
// these variables, in a scope of its own ("save", "save_1", …): SaveV2 and
// RestoreV2, an assignment for each variable, and the names that the SaverDef
// tells. The variables are nodes of `graph`, under their numbers there.
tensorflow::SaverDef AddSaverNodes(const Graph& graph,
                                   absl::Span<const SavedVariable> variables,
                                   tensorflow::GraphDef* nodes);

}  // namespace metagraph
