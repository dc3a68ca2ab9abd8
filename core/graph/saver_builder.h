#pragma once

#include <string>

#include "absl/types/span.h"
#include "core/graph/graph.h"
#include "core/graph/saver_plan.h"
#include "tensorflow/graph.pb.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// Adds to `nodes` what tf.train.Saver would add to `graph` to save and restore
// these variables in checkpoints of `format` (1 or 2), in a scope of its own
// ("save", "save_1", …): the ops that save and restore, an assignment for each
// variable, and the names that the SaverDef tells. The variables are nodes of
// `graph`, under their numbers there. `constants` are saved too; none in V1.
tensorflow::SaverDef AddSaverNodes(
    const Graph& graph, absl::Span<const SavedVariable> variables, int format,
    absl::Span<const SaverPlan::Constant> constants,
    tensorflow::GraphDef* nodes);

}  // namespace metagraph
