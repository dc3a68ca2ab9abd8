#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/io/file_system.h"

namespace metagraph {

// The files of a folder that may hold a model's graph. What a file is, its
// content tells; names only say where to look first.
struct GraphFiles {
  std::string saved_model;         // saved_model.pb or .pbtxt; empty: none
  std::vector<std::string> metas;  // *.meta, sorted
  // Other graphs: *.pb and *.pbtxt, or else files of any name. Of one graph in
  // binary and in text only the binary one.
  std::vector<std::string> others;
  // If there are none: a *.pb or *.pbtxt that is no graph, such as a label map.
  std::string no_graph;
};

// Looks at `names`, those in `folder`. All without the folder.
GraphFiles FindGraphFiles(FileSystem& fs, const std::string& folder,
                          const std::vector<std::string>& names);

// Of several `.meta` files in `folder` the one for a checkpoint of the name
// `wanted`: its own, one of the same name without a step, or else the one
// changed last.
std::string ChooseMeta(FileSystem& fs, const std::string& folder,
                       const std::vector<std::string>& metas,
                       absl::string_view wanted);

// The names that a checkpoint may have which belongs to a graph file of this
// name: "best.ckpt.meta" → "best.ckpt", "actor.pbtxt" → "actor", "actor.ckpt".
std::vector<std::string> CheckpointNamesOf(absl::string_view graph_file);

}  // namespace metagraph
