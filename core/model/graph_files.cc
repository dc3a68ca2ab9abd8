#include "core/model/graph_files.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "core/checkpoint/file_names.h"
#include "core/graph/meta_graph.h"

namespace metagraph {
namespace {

// More files of unknown names are not opened.
constexpr int kMaxUnknown = 1000;

bool HasGraphSuffix(absl::string_view name) {
  return absl::EndsWith(name, ".pb") || absl::EndsWith(name, ".pbtxt");
}

// Whether a graph may have any such name: not a part of a checkpoint.
bool MayHaveGraph(absl::string_view name) {
  return name != kCheckpointStateFile && !absl::EndsWith(name, ".index") &&
         !absl::StrContains(name, ".data-");
}

bool IsFile(FileSystem& fs, const std::string& path) {
  const auto info = fs.Stat(path);
  return info.ok() && !info->is_directory;
}

}  // namespace

GraphFiles FindGraphFiles(FileSystem& fs, const std::string& folder,
                          const std::vector<std::string>& names) {
  const auto is_graph = [&](const std::string& name) {
    const std::string path = JoinPath(folder, name);
    return IsFile(fs, path) && GuessGraphFileKind(fs, path).has_value();
  };
  GraphFiles out;
  std::vector<std::string> by_name;
  for (const std::string& name : names) {  // sorted: .pb before .pbtxt
    if (IsTemporaryName(name)) continue;
    if (name == "saved_model.pb" || name == "saved_model.pbtxt") {
      const auto kind = GuessGraphFileKind(fs, JoinPath(folder, name));
      if (kind.value_or(GraphFileKind::kSavedModel) !=
          GraphFileKind::kSavedModel) {
        by_name.push_back(name);  // renamed by somebody
      } else if (out.saved_model.empty()) {
        out.saved_model = name;
      }
    } else if (absl::EndsWith(name, ".meta")) {
      out.metas.push_back(name);
    } else if (HasGraphSuffix(name)) {
      by_name.push_back(name);
    }
  }
  if (!out.saved_model.empty() || !out.metas.empty()) return out;
  for (const std::string& name : by_name) {
    const bool twin =
        absl::EndsWith(name, ".pbtxt") && !out.others.empty() &&
        out.others.back() == absl::StrCat(absl::StripSuffix(name, "txt"));
    if (!twin && is_graph(name)) out.others.push_back(name);
  }
  if (!out.others.empty()) return out;
  int looked_at = 0;
  for (const std::string& name : names) {
    if (HasGraphSuffix(name) || IsTemporaryName(name) || !MayHaveGraph(name)) {
      continue;
    }
    if (++looked_at > kMaxUnknown) break;
    if (is_graph(name)) out.others.push_back(name);
  }
  if (out.others.empty() && !by_name.empty()) out.no_graph = by_name[0];
  return out;
}

std::string ChooseMeta(FileSystem& fs, const std::string& folder,
                       const std::vector<std::string>& metas,
                       absl::string_view wanted) {
  const std::string* best = nullptr;
  int best_rank = -1;
  absl::Time best_time;
  for (const std::string& meta : metas) {
    const absl::string_view stem = absl::StripSuffix(meta, ".meta");
    int rank = 0;
    if (!wanted.empty()) {
      if (WithoutGlobalStep(stem) == WithoutGlobalStep(wanted)) rank = 1;
    }
    if (stem == wanted) rank = 2;
    const auto info = fs.Stat(JoinPath(folder, meta));
    const absl::Time time = info.ok() ? info->modified : absl::InfinitePast();
    if (rank > best_rank || (rank == best_rank && time > best_time)) {
      best = &meta;
      best_rank = rank;
      best_time = time;
    }
  }
  return JoinPath(folder, *best);
}

std::vector<std::string> CheckpointNamesOf(absl::string_view graph_file) {
  if (absl::ConsumeSuffix(&graph_file, ".meta")) {
    return {std::string(graph_file)};
  }
  bool more = true;
  while (more) {
    more = false;
    for (const char* suffix : {".pb", ".pbtxt", ".txt", ".meta"}) {
      more = more || absl::ConsumeSuffix(&graph_file, suffix);
    }
  }
  return {std::string(graph_file), absl::StrCat(graph_file, ".ckpt")};
}

}  // namespace metagraph
