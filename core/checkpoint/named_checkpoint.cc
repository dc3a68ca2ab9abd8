#include "core/checkpoint/named_checkpoint.h"

#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/file_names.h"

namespace metagraph {
namespace {

// Of format V1 in several files people know what all names have in common.
std::optional<std::string> FindByStem(const std::vector<CheckpointInfo>& listed,
                                      absl::string_view stem) {
  for (auto info = listed.rbegin(); info != listed.rend(); ++info) {
    if (WithoutShards(Basename(info->prefix)) == stem) return info->prefix;
  }
  return std::nullopt;
}

bool HasIndex(FileSystem& fs, const std::string& prefix) {
  const auto info = fs.Stat(IndexPath(prefix));
  return info.ok() && !info->is_directory;
}

}  // namespace

absl::StatusOr<std::string> CheckpointOfPath(FileSystem& fs,
                                             const std::string& path) {
  if (!path.empty() && HasIndex(fs, path)) return path;
  const auto here = fs.Stat(absl::EndsWith(path, "/") && path.size() > 1
                                ? path.substr(0, path.size() - 1)
                                : path);
  if (here.ok() && here->is_directory) {
    ASSIGN_OR_RETURN(FoundCheckpoint latest, LatestCheckpoint(fs, path));
    return std::move(latest.prefix);
  }
  const std::string folder(Dirname(path));
  if (here.ok() && Basename(path) == kCheckpointStateFile) {
    ASSIGN_OR_RETURN(FoundCheckpoint latest,
                     LatestCheckpoint(fs, folder.empty() ? "." : folder));
    return std::move(latest.prefix);
  }

  // The name without what only one of its files ends with.
  absl::string_view base = Basename(path);
  const size_t data = base.rfind(".data-");
  const bool is_data = data != absl::string_view::npos &&
                       IsDataFileOf(base.substr(0, data), base);
  if (is_data) {
    base = base.substr(0, data);
  } else if (!absl::ConsumeSuffix(&base, ".index")) {
    absl::ConsumeSuffix(&base, ".meta");
  }
  const bool is_part = base != Basename(path);
  const std::string prefix = JoinPath(folder, base);
  if (is_part ? CheckpointExists(fs, prefix) : here.ok()) {
    return JoinPath(folder, V1PrefixOf(base));
  }
  if (!is_part && CheckpointExists(fs, path)) return path;  // a pattern of V1

  std::vector<CheckpointInfo> listed;
  if (auto all = ListCheckpoints(fs, folder.empty() ? "." : folder); all.ok()) {
    listed = *std::move(all);
  }
  if (auto found = FindByStem(listed, base)) return *std::move(found);
  if (!FindFiles(fs, prefix).paths.empty()) {
    return NotFound("no checkpoint \"", prefix,
                    "\": its data is there, but not its index, \"",
                    IndexPath(prefix), "\"");
  }
  std::vector<absl::string_view> names;
  names.reserve(listed.size());
  for (const CheckpointInfo& info : listed) {
    names.push_back(Basename(info.prefix));
  }
  return NotFound("no checkpoint \"", prefix, "\"",
                  DidYouMean(NearestNames(base, names)));
}

}  // namespace metagraph
