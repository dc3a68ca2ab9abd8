#include "core/model/folder_scan.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/file_names.h"
#include "core/graph/meta_graph.h"
#include "core/graph/variables.h"
#include "core/model/model_graph.h"

namespace metagraph {
namespace {

void AddCheckpoint(FileSystem& fs, const std::string& prefix,
                   CheckpointStamp* stamp) {
  if (prefix.empty()) return;
  const CheckpointStamp more = FindFiles(fs, prefix).stamp;
  stamp->modified = std::max(stamp->modified, more.modified);
  stamp->bytes += more.bytes;
}

void AddFile(FileSystem& fs, const std::string& path, CheckpointStamp* stamp) {
  const auto info = fs.Stat(path);
  if (!info.ok() || info->is_directory) return;
  stamp->modified = std::max(stamp->modified, info->modified);
  stamp->bytes += info->size;
}

// Whether there must be a checkpoint before the graph can answer.
bool HasSavedVariables(const MetaGraph& meta) {
  const bool has_saver = !meta.def.saver_def().restore_op_name().empty();
  return absl::c_any_of(ListVariables(meta), [&](const GraphVariable& v) {
    return has_saver ||
           !absl::c_linear_search(v.collections, "local_variables");
  });
}

std::string WhereOf(const std::string& path, int64_t version) {
  return absl::StrCat("version ", version, " in \"", path, "\"");
}

}  // namespace

ModelStamp StampOf(FileSystem& fs, const ModelFolder& folder) {
  ModelStamp out;
  out.graph_path = folder.graph_path;
  out.checkpoint = folder.newest;
  AddCheckpoint(fs, folder.newest, &out.weights);
  if (folder.checkpoint != folder.newest) {
    AddCheckpoint(fs, folder.checkpoint, &out.weights);
  }
  AddFile(fs, folder.graph_path, &out.graph);
  if (folder.kind == ModelFolder::Kind::kSavedModel) {
    for (const char* name : {"saved_model.pb", "saved_model.pbtxt"}) {
      AddFile(fs, JoinPath(folder.directory, name), &out.graph);
    }
    const std::string assets = JoinPath(folder.directory, "assets");
    if (const auto names = fs.List(assets); names.ok()) {
      for (const std::string& name : *names) {
        AddFile(fs, JoinPath(assets, name), &out.graph);
      }
    }
    if (folder.newest.empty()) {
      // Also before the index makes it a checkpoint.
      AddCheckpoint(fs, VariablesOf(folder.directory), &out.weights);
    }
  }
  return out;
}

std::string NamedButMissing(FileSystem& fs, const ModelFolder& folder) {
  if (folder.kind == ModelFolder::Kind::kSavedModel || folder.series) return "";
  const auto state = ReadCheckpointState(fs, folder.directory);
  if (!state.ok()) return "";
  const std::string& named = state->model_checkpoint_path();
  return LastComponent(named) == Basename(folder.newest) ? "" : named;
}

std::string MissingOfCheckpoint(FileSystem& fs, const std::string& prefix) {
  if (std::string shards = MissingShards(fs, prefix); !shards.empty()) {
    return shards;
  }
  const auto reader = CheckpointReader::Open(fs, prefix);
  if (!reader.ok()) return std::string(reader.status().message());
  return std::string((*reader)->CheckLengths().message());
}

std::string MissingOfModel(FileSystem& fs, const ModelFolder& folder,
                           bool needs_weights) {
  const auto meta = ReadMetaGraph(fs, folder.graph_path);
  if (!meta.ok()) return std::string(meta.status().message());
  if (!folder.checkpoint.empty()) {
    std::string missing = TakesCheckpoints(*meta)
                              ? MissingOfCheckpoint(fs, folder.checkpoint)
                              : "";
    if (!missing.empty()) return missing;
  } else if (needs_weights && HasSavedVariables(*meta)) {
    return folder.kind == ModelFolder::Kind::kSavedModel
               ? absl::StrCat("its graph has variables, and \"",
                              VariablesOf(folder.directory),
                              ".index\" is not there")
               : absl::StrCat("its graph has variables: ", folder.note);
  }
  if (folder.kind != ModelFolder::Kind::kSavedModel) return "";
  for (const tensorflow::AssetFileDef& asset : AssetFiles(meta->def)) {
    const std::string path =
        JoinPath(JoinPath(folder.directory, "assets"), asset.filename());
    if (!fs.Stat(path).ok()) {
      return absl::StrCat("the asset \"", path, "\" is not there");
    }
  }
  return "";
}

absl::StatusOr<std::vector<VersionOnDisk>> ScanFolder(FileSystem& fs,
                                                      const std::string& path) {
  const auto look = [&](int64_t version, std::string where,
                        absl::StatusOr<ModelFolder> folder) {
    VersionOnDisk out{version, std::move(where), std::move(folder), {}};
    if (out.folder.ok()) out.stamp = StampOf(fs, *out.folder);
    return out;
  };
  absl::StatusOr<ModelFolder> newest = FindModel(fs, path);
  std::vector<VersionOnDisk> out;
  if (newest.ok() && newest->version == 0) {
    out.push_back(look(0, path, std::move(newest)));
    return out;
  }
  std::vector<int64_t> versions = ListVersions(fs, path);
  absl::c_reverse(versions);
  for (const int64_t version : versions) {
    out.push_back(look(version, JoinPath(path, absl::StrCat(version)),
                       FindModel(fs, path, {version})));
  }
  if (!out.empty()) return out;
  RETURN_IF_ERROR(newest.status());
  // There was a version a moment ago.
  RETURN_IF_ERROR(fs.List(path).status());
  return NotFound("the versions in \"", path,
                  "\" have gone while they were looked at");
}

absl::StatusOr<ModelFolder> FindWholeModel(FileSystem& fs,
                                           const std::string& path,
                                           const FindOptions& options) {
  auto found = FindModel(fs, path, options);
  // Nothing to choose from: loading it says what is wrong with it.
  if (!found.ok() || options.version || found->version == 0) return found;
  auto all = ScanFolder(fs, path);
  if (!all.ok() || all->size() < 2) return found;
  std::string passed_over;
  for (VersionOnDisk& at : *all) {
    const std::string missing =
        at.folder.ok() ? MissingOfModel(fs, *at.folder, /*needs_weights=*/true)
                       : std::string(at.folder.status().message());
    if (!missing.empty()) {
      absl::StrAppend(&passed_over, passed_over.empty() ? "" : "; ",
                      WhereOf(at.path, at.version), " is not whole: ", missing);
      continue;
    }
    absl::StrAppend(&at.folder->note,
                    at.folder->note.empty() || passed_over.empty() ? "" : "; ",
                    passed_over);
    return std::move(at.folder);
  }
  return found;
}

}  // namespace metagraph
