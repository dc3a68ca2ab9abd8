#pragma once

#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/graph/meta_graph.h"

namespace metagraph {

// A graph for a checkpoint that has none: one variable for each tensor, by its
// key, with its dtype and shape. Tensors of dtypes that no variable can have
// are left out.
absl::StatusOr<MetaGraph> GraphOfCheckpoint(const CheckpointReader& reader);

}  // namespace metagraph
