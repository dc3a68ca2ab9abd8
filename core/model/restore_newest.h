#pragma once

#include <string>

#include "absl/status/status.h"
#include "core/base/call_context.h"
#include "core/model/model_context.h"
#include "core/model/model_graph.h"
#include "core/model/restorer.h"

namespace metagraph {

// What a load restores: the checkpoint that its folder names, or, if that is
// damaged, the newest of the model's others that is whole. Adds to `note` what
// was passed over and what is remarkable about it. Errors: as Restore, for the
// checkpoint that the folder names.
absl::Status RestoreNewest(const ModelContext& context, const ModelGraph& graph,
                           Restorer& restorer, CallContext& call,
                           std::string* note);

}  // namespace metagraph
