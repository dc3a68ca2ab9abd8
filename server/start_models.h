#pragma once

#include <vector>

#include "absl/status/status.h"
#include "core/model/model_manager.h"
#include "server/server_options.h"

namespace metagraph {

// Loads the models that the daemon was started with and waits for them; the
// error of the first that fails, unless the others are to be served then.
// Clients may call already: what they unload
// meanwhile, or load under one of the names, is no failure.
absl::Status LoadModels(const std::vector<ServerOptions::Model>& wanted,
                        bool serve_on_error, ModelManager& models);

}  // namespace metagraph
