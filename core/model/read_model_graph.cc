#include "core/model/read_model_graph.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "core/base/status.h"
#include "core/checkpoint/file_names.h"
#include "core/model/checkpoint_graph.h"
#include "core/model/notes.h"

namespace metagraph {

absl::StatusOr<MetaGraph> ReadModelGraph(FileSystem& files,
                                         const ModelFolder& folder,
                                         std::string* note) {
  if (folder.graph_path.empty()) {
    ASSIGN_OR_RETURN(const auto reader,
                     CheckpointReader::Open(files, folder.checkpoint));
    AddNote("there is no graph: the variables are the checkpoint's tensors",
            note);
    return GraphOfCheckpoint(*reader);
  }
  absl::StatusOr<MetaGraph> meta = ReadMetaGraph(files, folder.graph_path);
  if (!absl::IsDataLoss(meta.status()) || folder.graph_is_named ||
      folder.kind != ModelFolder::Kind::kCheckpoints) {
    return meta;
  }
  // Perhaps half copied: that of an older checkpoint, the newest first.
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   files.List(folder.directory));
  std::vector<std::pair<absl::Time, std::string>> others;
  for (const std::string& name : names) {
    const std::string path = JoinPath(folder.directory, name);
    if (!absl::EndsWith(name, ".meta") || path == folder.graph_path) continue;
    if (const auto info = files.Stat(path); info.ok()) {
      others.emplace_back(info->modified, path);
    }
  }
  std::sort(others.rbegin(), others.rend());
  for (const auto& [modified, path] : others) {
    absl::StatusOr<MetaGraph> other = ReadMetaGraph(files, path);
    if (!other.ok()) continue;
    AddNote(absl::StrCat(meta.status().message(), "; serving the graph of \"",
                         path, "\" instead"),
            note);
    return other;
  }
  return meta;
}

}  // namespace metagraph
