#include "core/checkpoint/checkpoint_list.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/v1_reader.h"

namespace metagraph {
namespace {

using tensorflow::CheckpointState;

// So many entries of the state file are looked for in vain, from the newest on:
// each may cost a look at the whole folder. So many of them are told.
constexpr int kMaxMissing = 100;
// And so many are looked for at all.
constexpr size_t kMaxLookedFor = 10'000;
constexpr int kMaxTold = 3;

// What an entry of the state file means to TensorFlow. "." it writes, but does
// not find again, for a checkpoint whose own name is empty.
std::string Resolve(const std::string& folder, const std::string& entry) {
  std::string out =
      absl::StartsWith(entry, "/") ? entry : JoinPath(folder, entry);
  if (Basename(out) == ".") out.pop_back();
  return out;
}

// The checkpoint that an entry means, if its files exist.
absl::StatusOr<FoundCheckpoint> FindEntry(FileSystem& fs,
                                          const std::string& folder,
                                          const std::string& entry) {
  const std::string named = Resolve(folder, entry);
  if (CheckpointExists(fs, named)) {
    return FoundCheckpoint{named, "named by the state file"};
  }
  const absl::string_view name = LastComponent(entry);
  const std::string inside = JoinPath(folder, name);
  if (inside != named && CheckpointExists(fs, inside)) {
    return FoundCheckpoint{
        inside,
        absl::StrCat("the state file names \"", entry,
                     "\", which is not there; the folder has a "
                     "checkpoint of that name and may have been moved")};
  }
  return NotFound("\"", entry, "\" is not there");
}

// `names` are those in the folder, sorted.
std::vector<CheckpointInfo> ListV2(FileSystem& fs, const std::string& folder,
                                   const std::vector<std::string>& names) {
  std::vector<CheckpointInfo> out;
  for (const std::string& name : names) {
    absl::string_view base = name;
    if (!absl::ConsumeSuffix(&base, ".index")) continue;
    const CheckpointFiles files = FindV2Files(fs, folder, names, base);
    if (files.format == 0) continue;  // removed meanwhile
    CheckpointInfo info;
    info.prefix = JoinPath(folder, base);
    info.modified = files.written;
    info.size = files.stamp.bytes;
    info.stamp = files.stamp;
    out.push_back(std::move(info));
  }
  return out;
}

// Files that the state file names, with a meta graph beside them, or whose
// content tells.
std::vector<CheckpointInfo> ListV1(FileSystem& fs, const std::string& folder,
                                   const std::vector<std::string>& names,
                                   const std::set<std::string>& in_state) {
  const auto is_there = [&names](const std::string& name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  std::map<std::string, CheckpointInfo> found;  // by prefix
  for (const std::string& name : names) {
    if (!IsV1Name(name)) continue;
    std::string prefix = JoinPath(folder, V1PrefixOf(name));
    if (is_there(IndexPath(name))) continue;
    const bool alone =
        in_state.count(prefix) == 0 && !is_there(MetaGraphPath(name));
    if (alone && (IsTemporaryName(name) ||
                  !IsV1Checkpoint(fs, JoinPath(folder, name)))) {
      continue;
    }
    const absl::StatusOr<FileInfo> file = fs.Stat(JoinPath(folder, name));
    if (!file.ok() || file->is_directory) continue;
    CheckpointInfo& info = found[prefix];
    info.prefix = std::move(prefix);
    info.format = 1;
    info.modified = std::max(info.modified, file->modified);
    info.size += file->size;
    info.stamp.modified = info.modified;
    info.stamp.bytes = info.size;
    info.alone = alone;
  }
  std::vector<CheckpointInfo> out;
  out.reserve(found.size());
  for (auto& [prefix, info] : found) out.push_back(std::move(info));
  return out;
}

}  // namespace

absl::StatusOr<FoundCheckpoint> LatestCheckpoint(FileSystem& fs,
                                                 const std::string& folder) {
  // What was looked at in vain, for the message.
  std::string passed_over;
  const auto pass_over = [&passed_over](const auto&... parts) {
    absl::StrAppend(&passed_over, passed_over.empty() ? "" : "; ", parts...);
  };

  const absl::StatusOr<CheckpointState> state = ReadCheckpointState(fs, folder);
  if (state.ok()) {
    absl::StatusOr<FoundCheckpoint> found =
        FindEntry(fs, folder, state->model_checkpoint_path());
    if (found.ok()) return found;
    pass_over(found.status().message(), ", which the state file names");
    // Oldest first in the file.
    const auto& all = state->all_model_checkpoint_paths();
    int missing = 0;
    for (auto entry = all.rbegin();
         entry != all.rend() && missing < kMaxMissing; ++entry) {
      if (*entry == state->model_checkpoint_path()) continue;
      found = FindEntry(fs, folder, *entry);
      if (found.ok()) {
        found->explanation = absl::StrCat(
            passed_over, "; an older entry of it is taken, \"", *entry, "\"");
        return found;
      }
      if (++missing <= kMaxTold) {
        pass_over("an older entry, ", found.status().message());
      }
    }
    if (missing > kMaxTold) {
      pass_over(missing - kMaxTold, " more older entries");
    }
  } else if (absl::IsNotFound(state.status())) {
    pass_over("there is no state file");
  } else {
    pass_over(state.status().message());
  }

  absl::StatusOr<std::vector<CheckpointInfo>> listed =
      ListCheckpoints(fs, folder);
  RETURN_IF_ERROR(listed.status());
  if (!listed->empty()) {
    pass_over("the newest checkpoint in the folder");
    auto newest =
        std::find_if(listed->rbegin(), listed->rend(),
                     [](const CheckpointInfo& info) { return !info.alone; });
    if (newest == listed->rend()) newest = listed->rbegin();
    return FoundCheckpoint{newest->prefix, passed_over};
  }
  return NotFound("no checkpoint in \"", folder, "\": ", passed_over,
                  "; no file ends with .index, and none is one of format V1");
}

absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(
    FileSystem& fs, const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   fs.List(folder.empty() ? "." : folder));
  std::set<std::string> in_state;
  std::string latest;
  if (const absl::StatusOr<CheckpointState> state =
          ReadCheckpointState(fs, folder);
      state.ok()) {
    const auto& all = state->all_model_checkpoint_paths();
    std::set<absl::string_view> looked_for;
    int missing = 0;
    for (auto entry = all.rbegin();
         entry != all.rend() && missing < kMaxMissing &&
         looked_for.size() < kMaxLookedFor;
         ++entry) {
      if (!looked_for.insert(*entry).second) continue;
      const absl::StatusOr<FoundCheckpoint> found =
          FindEntry(fs, folder, *entry);
      if (found.ok()) {
        in_state.insert(found->prefix);
      } else {
        ++missing;
      }
    }
    const absl::StatusOr<FoundCheckpoint> found =
        FindEntry(fs, folder, state->model_checkpoint_path());
    if (found.ok()) {
      latest = found->prefix;
      in_state.insert(latest);
    }
  }

  std::vector<CheckpointInfo> out = ListV2(fs, folder, names);
  for (CheckpointInfo& info : ListV1(fs, folder, names, in_state)) {
    out.push_back(std::move(info));
  }
  for (CheckpointInfo& info : out) {
    info.global_step = GlobalStepOf(info.prefix);
    info.in_state_file = in_state.count(info.prefix) > 0;
    info.latest = info.prefix == latest;
  }
  std::sort(out.begin(), out.end(),
            [](const CheckpointInfo& a, const CheckpointInfo& b) {
              return std::tie(a.modified, a.global_step, a.prefix) <
                     std::tie(b.modified, b.global_step, b.prefix);
            });
  return out;
}

}  // namespace metagraph
