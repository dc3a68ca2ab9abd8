#pragma once

#include <vector>

#include "absl/status/status.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "server/server_options.h"

namespace metagraph {

// Loads the versions besides the newest that the model's policy wants and sets
// its labels. REQUIRES: the model is loaded. FAILED_PRECONDITION: a label of a
// version that is not loaded.
absl::Status ConfigureVersions(const ServerOptions::Model& model,
                               ModelManager& models, CallContext& call);

// Brings what is served from one configuration to another while calls go on:
// loads models that were added, unloads those that were removed, applies
// changed policies and labels. A model with another path or mapping is loaded
// beside the one that is served and takes over in one step; if that fails, or
// both do not fit into the memory, the one that is served stays. Models of both
// that are alike are left alone, whatever callers have done to them. Before
// anything is changed it looks at all paths and loads what is new: an error
// until then changes nothing. One thread at a time.
absl::Status ApplyModels(const std::vector<ServerOptions::Model>& before,
                         const std::vector<ServerOptions::Model>& wanted,
                         ModelManager& models, CallContext& call);

}  // namespace metagraph
