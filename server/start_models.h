#pragma once

#include <vector>

#include "absl/status/status.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "server/server_options.h"

namespace metagraph {

// How the model is loaded, as its configuration says.
ModelOptions OptionsOf(const ServerOptions::Model& model);

// Loads the models that the daemon was started with and waits for them; the
// error of the first that fails, unless the others are to be served then.
// Clients may call already: what they unload meanwhile, or load under one of
// the names, is no failure. Errors of `call` end the wait, not the loads.
absl::Status LoadModels(const std::vector<ServerOptions::Model>& wanted,
                        bool serve_on_error, ModelManager& models,
                        CallContext& call);

}  // namespace metagraph
