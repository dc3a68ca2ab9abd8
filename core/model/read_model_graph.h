#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/graph/meta_graph.h"
#include "core/io/file_system.h"
#include "core/model/model_folder.h"

namespace metagraph {

// The folder's graph; if that is damaged and nobody named it, an older one.
// Without a graph that of the checkpoint's variables. Adds to `note` what was
// taken in place of what. Errors: as ReadMetaGraph.
absl::StatusOr<MetaGraph> ReadModelGraph(FileSystem& files,
                                         const ModelFolder& folder,
                                         std::string* note);

}  // namespace metagraph
