#include "core/model/model_folder.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/named_checkpoint.h"
#include "core/checkpoint/table.h"
#include "core/checkpoint/v1_reader.h"
#include "core/graph/meta_graph.h"
#include "core/io/foreign_file.h"
#include "core/model/graph_files.h"

namespace metagraph {
namespace {

bool IsDirectory(FileSystem& fs, const std::string& path) {
  const auto info = fs.Stat(path);
  return info.ok() && info->is_directory;
}

std::string FolderOf(absl::string_view path) {
  const absl::string_view folder = Dirname(path);
  return folder.empty() ? "." : std::string(folder);
}

// The folder's newest checkpoint, and why there is none.
void FindNewest(FileSystem& fs, ModelFolder& folder) {
  const auto latest = LatestCheckpoint(fs, folder.directory);
  if (latest.ok()) {
    folder.checkpoint = latest->prefix;
    folder.note = StateFileProblem(fs, folder.directory);
  } else {
    folder.note = absl::StrCat("no checkpoint: ", latest.status().message());
  }
  folder.newest = folder.checkpoint;
}

// Of one model's checkpoints, oldest first, the newest: what the state file
// names, unless one was written since.
const CheckpointInfo& NewestOf(const std::vector<CheckpointInfo>& own) {
  const auto latest = absl::c_find_if(
      own, [](const CheckpointInfo& info) { return info.latest; });
  const bool is_newest =
      latest != own.end() && latest->modified >= own.back().modified;
  return is_newest ? *latest : own.back();
}

// Begins with the checkpoint `prefix`, which is of the model's name, and
// follows those of that name only.
void TakeOwn(FileSystem& fs, const std::string& prefix, ModelFolder& folder) {
  folder.checkpoint = prefix;
  folder.newest = prefix;
  folder.series = std::string(SeriesOf(prefix));
  auto own = ListOwnCheckpoints(fs, folder);
  if (!own.ok() || own->empty()) return;
  folder.newest = NewestOf(*own).prefix;
  std::vector<std::string> names;
  for (CheckpointInfo& info : *own) {
    if (info.prefix == prefix) continue;
    names.push_back(absl::StrCat("\"", Basename(info.prefix), "\""));
    folder.passed_over.push_back(std::move(info));
  }
  if (folder.newest == prefix) return;
  folder.note = absl::StrCat(
      "taken at the start: \"", Basename(prefix),
      "\", the checkpoint that was named; \"", Basename(folder.newest),
      "\" is newer: restore it by its name, or name the folder");
}

// The checkpoint for a graph that was named: of its own name, or else of that
// name with a step, or else the folder's newest.
void FindForGraph(FileSystem& fs, ModelFolder& folder) {
  const absl::string_view graph = Basename(folder.graph_path);
  const auto listed = ListCheckpoints(fs, folder.directory);
  const std::vector<std::string> names = CheckpointNamesOf(graph);
  if (listed.ok()) {
    for (const std::string& name : names) {
      for (const CheckpointInfo& info : *listed) {
        if (WithoutShards(Basename(info.prefix)) != name) continue;
        return TakeOwn(fs, info.prefix, folder);
      }
    }
    for (const std::string& name : names) {
      folder.series = std::string(WithoutGlobalStep(name));
      const auto own = ListOwnCheckpoints(fs, folder);
      if (!own.ok() || own->empty()) continue;
      folder.checkpoint = NewestOf(*own).prefix;
      folder.newest = folder.checkpoint;
      folder.note =
          absl::StrCat("\"", graph, "\" has no checkpoint of its own name: \"",
                       Basename(folder.checkpoint), "\" is taken");
      return;
    }
  }
  folder.series.reset();
  FindNewest(fs, folder);
  if (folder.checkpoint.empty()) return;
  absl::StrAppend(&folder.note, folder.note.empty() ? "" : "; ", "\"", graph,
                  "\" has no checkpoint of its own name: the folder's newest, "
                  "\"",
                  Basename(folder.checkpoint), "\", is taken");
}

ModelFolder SavedModelIn(FileSystem& fs, const std::string& directory) {
  ModelFolder out;
  out.kind = ModelFolder::Kind::kSavedModel;
  out.directory = directory;
  out.graph_path = directory;
  if (std::string variables = VariablesOf(directory);
      CheckpointExists(fs, variables)) {
    out.checkpoint = std::move(variables);
    out.newest = out.checkpoint;
  }
  return out;
}

// A file of another kind that may have been meant as the model.
std::string ForeignFileIn(FileSystem& fs, const std::string& folder,
                          const std::vector<std::string>& names) {
  constexpr size_t kLookedAt = 100;
  for (size_t i = 0; i < std::min(names.size(), kLookedAt); ++i) {
    const std::string what =
        DescribeForeignFile(ReadHead(fs, JoinPath(folder, names[i])));
    if (!what.empty()) return absl::StrCat("; \"", names[i], "\" is ", what);
  }
  return "";
}

// Of several graphs those that go by the name of the checkpoint, if any do.
void KeepThoseOf(absl::string_view checkpoint,
                 std::vector<std::string>& graphs) {
  std::vector<std::string> out;
  for (const std::string& graph : graphs) {
    if (absl::c_linear_search(CheckpointNamesOf(graph),
                              WithoutGlobalStep(checkpoint))) {
      out.push_back(graph);
    }
  }
  if (!out.empty()) graphs = std::move(out);
}

// A folder that is itself a model; NOT_FOUND if it is none.
absl::StatusOr<ModelFolder> FindInFolder(
    FileSystem& fs, const std::string& path,
    const std::vector<std::string>& names) {
  GraphFiles graphs = FindGraphFiles(fs, path, names);
  if (!graphs.saved_model.empty()) return SavedModelIn(fs, path);
  ModelFolder out;
  out.directory = path;
  if (!graphs.metas.empty()) {
    FindNewest(fs, out);
    out.graph_path = ChooseMeta(fs, path, graphs.metas,
                                WithoutShards(Basename(out.checkpoint)));
    return out;
  }
  if (!graphs.others.empty()) {
    FindNewest(fs, out);
    KeepThoseOf(Basename(out.checkpoint), graphs.others);
    if (graphs.others.size() == 1) {
      out.graph_path = JoinPath(path, graphs.others[0]);
      return out;
    }
    return NotFound("\"", path, "\" holds several graphs (",
                    absl::StrJoin(graphs.others, ", "), "): name one of them");
  }
  // Where nothing else can be meant, reading it tells what is wrong with it.
  if (!graphs.no_graph.empty() && ListVersions(fs, path).empty() &&
      !LatestCheckpoint(fs, path).ok()) {
    out.graph_path = JoinPath(path, graphs.no_graph);
    FindNewest(fs, out);
    return out;
  }
  return NotFound("no model in \"", path,
                  "\": no .meta file, no saved_model.pb, no other graph "
                  "(.pb, .pbtxt or any name) and no version folders",
                  graphs.no_graph.empty()
                      ? ""
                      : absl::StrCat("; \"", graphs.no_graph, "\" is no graph"),
                  ForeignFileIn(fs, path, names));
}

// A graph file that was named.
ModelFolder FindForFile(FileSystem& fs, const std::string& path) {
  const std::string folder = FolderOf(path);
  ModelFolder out;
  if (GuessGraphFileKind(fs, path) == GraphFileKind::kSavedModel) {
    out = SavedModelIn(fs, folder);
    if (Basename(path) != "saved_model.pb") out.graph_path = path;
    out.graph_is_named = true;
    return out;
  }
  out.directory = folder;
  out.graph_path = JoinPath(folder, Basename(path));
  out.graph_is_named = true;
  FindForGraph(fs, out);
  return out;
}

// Whether a graph may be that of the checkpoint `name`: of its name, or of none
// of the others.
bool MayBelong(absl::string_view graph, absl::string_view name,
               const std::vector<CheckpointInfo>& checkpoints) {
  for (const std::string& own : CheckpointNamesOf(graph)) {
    const absl::string_view series = WithoutGlobalStep(own);
    if (series == WithoutGlobalStep(name)) return true;
    if (absl::c_any_of(checkpoints, [series](const CheckpointInfo& other) {
          return SeriesOf(other.prefix) == series;
        })) {
      return false;
    }
  }
  return true;
}

// Whether a checkpoint is the variables of a SavedModel.
bool IsOfSavedModel(FileSystem& fs, const std::string& prefix) {
  const absl::string_view folder = Dirname(prefix);
  const absl::string_view parent = Dirname(folder);
  return Basename(prefix) == "variables" && Basename(folder) == "variables" &&
         (fs.Stat(JoinPath(parent, "saved_model.pb")).ok() ||
          fs.Stat(JoinPath(parent, "saved_model.pbtxt")).ok());
}

// The graph for a checkpoint that was named.
absl::StatusOr<ModelFolder> FindForCheckpoint(FileSystem& fs,
                                              const std::string& prefix,
                                              const FindOptions& options) {
  const std::string folder = FolderOf(prefix);
  const absl::string_view name = Basename(prefix);
  if (IsOfSavedModel(fs, prefix)) return SavedModelIn(fs, FolderOf(folder));
  ModelFolder out;
  out.directory = folder;
  TakeOwn(fs, JoinPath(folder, name), out);
  const std::string own = MetaGraphPath(out.checkpoint);
  if (fs.Stat(own).ok()) {
    out.graph_path = own;
    out.graph_is_named = true;
    return out;
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(folder));
  ASSIGN_OR_RETURN(const std::vector<CheckpointInfo> checkpoints,
                   ListCheckpoints(fs, folder));
  GraphFiles graphs = FindGraphFiles(fs, folder, names);
  const auto is_others = [&](const std::string& graph) {
    return !MayBelong(graph, name, checkpoints);
  };
  std::erase_if(graphs.metas, is_others);
  std::erase_if(graphs.others, is_others);
  if (!graphs.metas.empty()) {
    out.graph_path = ChooseMeta(fs, folder, graphs.metas, WithoutShards(name));
  } else if (graphs.others.size() == 1) {
    out.graph_path = JoinPath(folder, graphs.others[0]);
  }
  if (!out.graph_path.empty()) {
    absl::StrAppend(&out.note, out.note.empty() ? "" : "; ", "\"", name,
                    "\" has no .meta file of its own: the graph of \"",
                    Basename(out.graph_path), "\" is taken");
    return out;
  }
  if (options.checkpoint_alone) return out;
  return NotFound("\"", out.checkpoint,
                  "\" is a checkpoint without a graph: no \"", Basename(own),
                  "\" and no other graph is beside it; without one its "
                  "variables can be looked at: metagraphctl --local ",
                  out.checkpoint, " variables");
}

// A file, by its content; names decide where the content does not.
absl::StatusOr<ModelFolder> FindInFile(FileSystem& fs, const std::string& path,
                                       const FindOptions& options) {
  const absl::string_view name = Basename(path);
  if (name == kCheckpointStateFile) {
    return FindModel(fs, FolderOf(path), options);
  }
  // Weights may look like anything.
  const bool is_data = IsDataFile(name);
  if (!is_data && GuessGraphFileKind(fs, path).has_value()) {
    return FindForFile(fs, path);
  }
  if (IsV1Checkpoint(fs, path)) {
    return FindForCheckpoint(fs, V1PrefixOf(path), options);
  }
  if (is_data || absl::EndsWith(name, ".index")) {
    ASSIGN_OR_RETURN(const std::string prefix, CheckpointOfPath(fs, path));
    return FindForCheckpoint(fs, prefix, options);
  }
  if (IsTable(fs, path)) {
    return NotFound(
        "\"", path,
        "\" is the index of a checkpoint under another name: "
        "rename it to PREFIX.index, beside its PREFIX.data-… files");
  }
  return FindForFile(fs, path);  // reading it will tell what it is
}

// What is no file and no folder may be the prefix of a checkpoint.
absl::StatusOr<ModelFolder> FindForPrefix(FileSystem& fs,
                                          const std::string& path,
                                          const FindOptions& options,
                                          const absl::Status& not_there) {
  const auto prefix = CheckpointOfPath(fs, path);
  if (prefix.ok()) return FindForCheckpoint(fs, *prefix, options);
  // Its checkpoint has been given up, perhaps, for newer ones of its name.
  absl::string_view stem = path;
  if (IsDataFile(Basename(path))) {
    stem = stem.substr(0, stem.rfind(".data-"));
  } else {
    absl::ConsumeSuffix(&stem, ".index");
  }
  if (const std::string meta = MetaGraphPath(stem); fs.Stat(meta).ok()) {
    return FindForFile(fs, meta);
  }
  // Its data is there, but not its index.
  if (!FindFiles(fs, path).paths.empty()) return prefix.status();
  const auto names = fs.List(FolderOf(path));
  if (!names.ok()) return not_there;
  std::vector<absl::string_view> views(names->begin(), names->end());
  for (absl::string_view name : *names) {
    if (absl::ConsumeSuffix(&name, ".index")) views.push_back(name);
  }
  const std::string hint = DidYouMean(NearestNames(Basename(path), views));
  return absl::Status(not_there.code(),
                      absl::StrCat(not_there.message(), hint));
}

// The newest checkpoint of a folder that holds no graph.
absl::StatusOr<ModelFolder> FindCheckpointOnly(FileSystem& fs,
                                               const std::string& path,
                                               const FindOptions& options,
                                               const absl::Status& no_model) {
  const auto latest = LatestCheckpoint(fs, path);
  if (!latest.ok()) return no_model;
  if (IsOfSavedModel(fs, latest->prefix)) {
    return FindForCheckpoint(fs, latest->prefix, options);
  }
  if (!options.checkpoint_alone) {
    return NotFound(no_model.message(), "; there is a checkpoint, \"",
                    latest->prefix,
                    "\", whose variables can be looked at: metagraphctl "
                    "--local ",
                    path, " variables");
  }
  ModelFolder out;
  out.directory = path;
  FindNewest(fs, out);
  return out;
}

}  // namespace

std::string VariablesOf(absl::string_view saved_model) {
  return JoinPath(saved_model, "variables/variables");
}

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
                                      const FindOptions& options) {
  const std::optional<int64_t> version = options.version;
  const absl::StatusOr<FileInfo> info = fs.Stat(path);
  if (!info.ok() && !absl::IsNotFound(info.status())) return info.status();
  if (!info.ok() || !info->is_directory) {
    if (info.ok() && version.value_or(0) != 0) {
      return NotFound("\"", path, "\" is a file and has no version ", *version);
    }
    return info.ok() ? FindInFile(fs, path, options)
                     : FindForPrefix(fs, path, options, info.status());
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
  return versions.empty() ? FindCheckpointOnly(fs, path, options, error)
                          : error;
}

absl::StatusOr<std::vector<CheckpointInfo>> ListOwnCheckpoints(
    FileSystem& fs, const ModelFolder& folder) {
  ASSIGN_OR_RETURN(std::vector<CheckpointInfo> out,
                   ListCheckpoints(fs, folder.directory));
  if (folder.series) {
    std::erase_if(out, [&](const CheckpointInfo& info) {
      return SeriesOf(info.prefix) != *folder.series;
    });
  }
  return out;
}

absl::StatusOr<std::string> ResolveCheckpoint(FileSystem& fs,
                                              const ModelFolder& folder,
                                              const std::string& checkpoint) {
  if (!checkpoint.empty()) {
    ASSIGN_OR_RETURN(const std::string path, LocalPath(checkpoint));
    return CheckpointOfPath(fs, absl::StartsWith(path, "/")
                                    ? path
                                    : JoinPath(folder.directory, path));
  }
  if (folder.series) {
    ASSIGN_OR_RETURN(const std::vector<CheckpointInfo> own,
                     ListOwnCheckpoints(fs, folder));
    if (!own.empty()) return NewestOf(own).prefix;
    return NotFound("no checkpoint \"", *folder.series, "\" or \"",
                    *folder.series, "-STEP\" in \"", folder.directory, "\"");
  }
  auto latest = LatestCheckpoint(fs, folder.directory);
  if (latest.ok()) return std::move(latest->prefix);
  if (folder.kind == ModelFolder::Kind::kSavedModel) {
    std::string variables = VariablesOf(folder.directory);
    if (CheckpointExists(fs, variables)) return variables;
    return NotFound("no checkpoint in \"", folder.directory, "\"");
  }
  return latest.status();
}

}  // namespace metagraph
