#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/name_map.h"
#include "core/model/checkpoint_match.h"
#include "core/model/model_graph.h"

namespace metagraph {

// Those of `keys` whose variables only training uses, and those that no output
// needs, training or not (see training_only.h).
std::vector<std::string> TrainingOnlyKeys(const ModelGraph& graph,
                                          const std::vector<std::string>& keys);
std::vector<std::string> UnneededKeys(const ModelGraph& graph,
                                      const std::vector<std::string>& keys);

// Why the checkpoint cannot be restored with this mapping, and, where one is
// known, the options that would do it, behind `command`: what a user types to
// restore this model. Codes as CheckpointReport::ToStatus.
// REQUIRES: the report does not allow it.
absl::Status DescribeMisfit(const ModelGraph& graph,
                            const CheckpointReader& reader,
                            const CheckpointReport& report,
                            const RestoreMapping& mapping,
                            const std::string& command);

// For people: what is remarkable about a restore that was done; empty if all
// was found as the graph names it.
std::string DescribeRestored(const ModelGraph& graph,
                             const CheckpointReport& report);

}  // namespace metagraph
