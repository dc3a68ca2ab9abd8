#include "core/model/model_folder.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/file_names.h"

namespace metagraph {
namespace {

constexpr absl::string_view kMetaSuffix = ".meta";

bool IsDirectory(FileSystem& fs, const std::string& path) {
  const auto info = fs.Stat(path);
  return info.ok() && info->is_directory;
}

// The newest checkpoint, and why there is none.
void FindCheckpoint(FileSystem& fs, ModelFolder& folder) {
  const auto latest = LatestCheckpoint(fs, folder.directory);
  if (latest.ok()) {
    folder.checkpoint = latest->prefix;
    folder.note = StateFileProblem(fs, folder.directory);
  } else {
    folder.note = absl::StrCat("no checkpoint: ", latest.status().message());
  }
}

// Of several `.meta` files: the checkpoint's own, one of the same name without
// a step, or else the one changed last.
std::string ChooseMeta(FileSystem& fs, const ModelFolder& folder,
                       const std::vector<std::string>& metas) {
  const absl::string_view wanted = WithoutShards(Basename(folder.checkpoint));
  const std::string* best = nullptr;
  int best_rank = -1;
  absl::Time best_time;
  for (const std::string& meta : metas) {
    const absl::string_view stem =
        absl::string_view(meta).substr(0, meta.size() - kMetaSuffix.size());
    int rank = 0;
    if (!wanted.empty()) {
      if (WithoutGlobalStep(stem) == WithoutGlobalStep(wanted)) rank = 1;
      if (stem == wanted) rank = 2;
    }
    const auto info = fs.Stat(JoinPath(folder.directory, meta));
    const absl::Time time = info.ok() ? info->modified : absl::InfinitePast();
    if (rank > best_rank || (rank == best_rank && time > best_time)) {
      best = &meta;
      best_rank = rank;
      best_time = time;
    }
  }
  return JoinPath(folder.directory, *best);
}

absl::StatusOr<ModelFolder> FindInFile(FileSystem& fs,
                                       const std::string& path) {
  ModelFolder out;
  out.directory = std::string(Dirname(path));
  if (out.directory.empty()) out.directory.push_back('.');
  out.graph_path = path;
  out.graph_is_named = true;
  if (absl::EndsWith(path, kMetaSuffix)) {
    FindCheckpoint(fs, out);
  } else {
    out.kind = ModelFolder::Kind::kFrozenGraph;
  }
  return out;
}

// A folder that is itself a model; NOT_FOUND if it is none.
absl::StatusOr<ModelFolder> FindInFolder(
    FileSystem& fs, const std::string& path,
    const std::vector<std::string>& names) {
  ModelFolder out;
  out.directory = path;
  std::vector<std::string> metas;
  std::vector<std::string> graphs;
  for (const std::string& name : names) {
    if (name == "saved_model.pb" || name == "saved_model.pbtxt") {
      out.kind = ModelFolder::Kind::kSavedModel;
      out.graph_path = path;
    } else if (absl::EndsWith(name, kMetaSuffix)) {
      metas.push_back(name);
    } else if (absl::EndsWith(name, ".pb") || absl::EndsWith(name, ".pbtxt")) {
      graphs.push_back(name);
    }
  }
  if (out.kind == ModelFolder::Kind::kSavedModel) {
    std::string variables = JoinPath(path, "variables/variables");
    if (CheckpointExists(fs, variables)) out.checkpoint = std::move(variables);
    return out;
  }
  if (!metas.empty()) {
    FindCheckpoint(fs, out);
    out.graph_path = ChooseMeta(fs, out, metas);
    return out;
  }
  if (graphs.size() == 1) {
    out.kind = ModelFolder::Kind::kFrozenGraph;
    out.graph_path = JoinPath(path, graphs[0]);
    return out;
  }
  if (graphs.size() > 1) {
    return NotFound("\"", path, "\" holds several frozen graphs (",
                    absl::StrJoin(graphs, ", "), "): name one of them");
  }
  return NotFound("no model in \"", path,
                  "\": no .meta file, no saved_model.pb, no frozen graph "
                  "(.pb) and no version folders");
}

}  // namespace

std::string StateFileProblem(FileSystem& fs, const std::string& directory) {
  const auto state = ReadCheckpointState(fs, directory);
  if (absl::IsNotFound(state.status())) return "";
  if (!state.ok()) return std::string(state.status().message());
  const auto latest = LatestCheckpoint(fs, directory);
  if (!latest.ok()) return std::string(latest.status().message());
  const std::string& named = state->model_checkpoint_path();
  const bool as_named =
      latest->prefix ==
      (absl::StartsWith(named, "/") ? named : JoinPath(directory, named));
  if (!as_named) return latest->explanation;
  return FolderKey(fs, Dirname(latest->prefix)) == FolderKey(fs, directory)
             ? ""
             : absl::StrCat("the state file names \"", latest->prefix,
                            "\", which is in another folder");
}

std::vector<int64_t> ListVersions(FileSystem& fs, const std::string& path) {
  std::vector<int64_t> out;
  const auto names = fs.List(path);
  if (!names.ok()) return out;
  for (const std::string& name : *names) {
    int64_t version = 0;
    if (!std::all_of(name.begin(), name.end(),
                     [](char c) { return c >= '0' && c <= '9'; }) ||
        !absl::SimpleAtoi(name, &version)) {
      continue;
    }
    if (IsDirectory(fs, JoinPath(path, name))) out.push_back(version);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

absl::StatusOr<ModelFolder> FindModel(FileSystem& fs, const std::string& path,
                                      std::optional<int64_t> version) {
  ASSIGN_OR_RETURN(const FileInfo info, fs.Stat(path));
  if (!info.is_directory) {
    if (version.value_or(0) != 0) {
      return NotFound("\"", path, "\" is a file and has no version ", *version);
    }
    return FindInFile(fs, path);
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(path));
  absl::StatusOr<ModelFolder> here = FindInFolder(fs, path, names);
  if (here.ok() && version.value_or(0) == 0) return here;

  std::vector<int64_t> versions = ListVersions(fs, path);
  if (version.has_value()) {
    if (!std::binary_search(versions.begin(), versions.end(), *version)) {
      return NotFound("no version ", *version, " in \"", path,
                      "\"; there are [", absl::StrJoin(versions, ", "), "]");
    }
    versions = {*version};
  }
  absl::Status error = here.status();
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    // "7" may be written "007".
    for (const std::string& name : names) {
      int64_t number = 0;
      if (!absl::SimpleAtoi(name, &number) || number != *it) continue;
      const std::string folder = JoinPath(path, name);
      const auto inside = fs.List(folder);
      here = inside.ok() ? FindInFolder(fs, folder, *inside)
                         : absl::StatusOr<ModelFolder>(inside.status());
      if (here.ok()) {
        here->version = *it;
        return here;
      }
      error = here.status();
    }
  }
  return error;
}

absl::StatusOr<std::string> ResolveCheckpoint(FileSystem& fs,
                                              const ModelFolder& folder,
                                              const std::string& checkpoint) {
  if (checkpoint.empty()) {
    if (folder.kind == ModelFolder::Kind::kSavedModel) {
      const std::string variables =
          JoinPath(folder.directory, "variables/variables");
      if (const auto latest = LatestCheckpoint(fs, folder.directory);
          latest.ok()) {
        return latest->prefix;
      }
      if (CheckpointExists(fs, variables)) return variables;
      return NotFound("no checkpoint in \"", folder.directory, "\"");
    }
    ASSIGN_OR_RETURN(FoundCheckpoint latest,
                     LatestCheckpoint(fs, folder.directory));
    return std::move(latest.prefix);
  }
  std::string found = absl::StartsWith(checkpoint, "/")
                          ? checkpoint
                          : JoinPath(folder.directory, checkpoint);
  if (fs.Stat(IndexPath(found)).ok()) return found;
  // People name what they see: the index or the meta graph will do.
  absl::string_view prefix = found;
  if (absl::ConsumeSuffix(&prefix, ".index") ||
      absl::ConsumeSuffix(&prefix, kMetaSuffix)) {
    found = std::string(prefix);
  }
  if (CheckpointExists(fs, found)) return found;
  std::vector<std::string> known;
  if (const auto list = ListCheckpoints(fs, std::string(Dirname(found)));
      list.ok()) {
    for (const CheckpointInfo& info : *list) {
      known.emplace_back(Basename(info.prefix));
    }
  }
  const std::vector<absl::string_view> names(known.begin(), known.end());
  return NotFound("no checkpoint \"", found, "\"",
                  DidYouMean(NearestNames(Basename(found), names)));
}

}  // namespace metagraph
