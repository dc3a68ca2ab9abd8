#include "core/checkpoint/retention.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/file_names.h"

namespace metagraph {
namespace {

using tensorflow::CheckpointState;

double UnixSeconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

// `prefix` relative to `folder` if it lies in it.
std::string Relative(const std::string& folder, const std::string& prefix) {
  const std::string start = JoinPath(folder, "");
  if (!folder.empty() && absl::StartsWith(prefix, start) &&
      prefix.size() >= start.size()) {
    // TensorFlow, too, writes "." for a checkpoint whose own name is empty.
    return prefix.size() == start.size() ? "." : prefix.substr(start.size());
  }
  return prefix;
}

// Where the files of an entry would be in the folder; empty if they are
// elsewhere. One of a copied folder may name those of an original that is gone.
std::string Inside(FileSystem& fs, const std::string& folder,
                   absl::string_view entry) {
  while (absl::ConsumePrefix(&entry, "./")) {
  }
  const bool relative =
      !absl::StartsWith(entry, "/") && !absl::StrContains(entry, "..");
  if (relative) return JoinPath(folder, entry == "." ? "" : entry);
  const std::string inside = JoinPath(folder, LastComponent(entry));
  const std::string named = absl::StartsWith(entry, "/")
                                ? std::string(entry)
                                : JoinPath(folder, entry);
  const bool elsewhere = CheckpointExists(fs, named) &&
                         FolderKey(fs, Dirname(named)) != FolderKey(fs, folder);
  return elsewhere ? "" : inside;
}

// When the last checkpoint was written that stays for good: what the state file
// says; if that is lost, the newest checkpoint of the same series that it does
// not list.
double LastPreserved(const CheckpointState& state, const std::string& prefix,
                     const std::vector<CheckpointInfo>& listed) {
  double last = state.last_preserved_timestamp();
  if (std::isfinite(last) && last > 0) return last;
  last = 0;
  for (const CheckpointInfo& info : listed) {
    if (info.in_state_file || info.prefix == prefix) continue;
    if (SeriesOf(info.prefix) != SeriesOf(prefix)) continue;
    last = std::max(last, UnixSeconds(info.modified));
  }
  return last;
}

}  // namespace

Retained ApplyRetention(std::vector<StateEntry> entries,
                        const Retention& retention, double last_preserved) {
  // An entry that a later one says again goes without its files.
  std::set<std::string> known;
  std::vector<StateEntry> unique;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const bool gone = entry->prefix.empty() && !entry->counts;
    if (gone || (!entry->prefix.empty() && !known.insert(entry->prefix).second))
      continue;
    unique.push_back(std::move(*entry));
  }
  absl::c_reverse(unique);

  Retained out;
  out.last_preserved = last_preserved;
  const auto counted =
      absl::c_count_if(unique, [](const StateEntry& e) { return e.counts; });
  auto excess = retention.max_to_keep > 0 ? counted - retention.max_to_keep : 0;
  const double apart = retention.keep_every_n_hours * 3600;
  for (StateEntry& entry : unique) {
    if (!entry.counts || excess <= 0) {
      out.entries.push_back(std::move(entry));
      continue;
    }
    --excess;
    if (entry.prefix.empty()) continue;
    if (apart > 0) {
      const bool first = out.last_preserved == 0;
      const bool stays = !first && entry.written >= out.last_preserved + apart;
      if (first || stays) out.last_preserved = entry.written;
      if (stays) continue;
    }
    out.expired.push_back(std::move(entry.prefix));
  }
  return out;
}

absl::StatusOr<std::vector<std::string>> UpdateCheckpointState(
    FileSystem& fs, const std::string& folder, const std::string& prefix,
    const Retention& retention, absl::Span<const std::string> own) {
  CheckpointState old;
  if (absl::StatusOr<CheckpointState> read = ReadCheckpointState(fs, folder);
      read.ok()) {
    old = *std::move(read);
  } else if (!absl::IsNotFound(read.status()) &&
             !absl::IsInvalidArgument(read.status())) {
    return read.status();
  }
  ASSIGN_OR_RETURN(const std::vector<CheckpointInfo> listed,
                   ListCheckpoints(fs, folder));
  std::map<std::string, const CheckpointInfo*> there;  // by prefix
  for (const CheckpointInfo& info : listed) there[info.prefix] = &info;

  // Timestamps come from another kind of saver; its lists stay parallel.
  const bool timed = old.all_model_checkpoint_timestamps_size() > 0 &&
                     old.all_model_checkpoint_timestamps_size() ==
                         old.all_model_checkpoint_paths_size();
  std::vector<StateEntry> entries;
  const auto add = [&](std::string path, double timestamp) {
    StateEntry& entry = entries.emplace_back();
    const std::string inside = Inside(fs, folder, path);
    const auto at = there.find(inside);
    // The file may name anything; only what is a checkpoint may be removed.
    if (at != there.end() &&
        (at->second->format == 2 || FindOwnFiles(fs, inside).format != 0)) {
      entry.prefix = inside;
      entry.written = UnixSeconds(at->second->modified);
    }
    entry.counts = SeriesOf(path) == SeriesOf(prefix) ||
                   absl::c_linear_search(own, inside);
    entry.path = std::move(path);
    entry.timestamp = timestamp;
  };
  const std::string newest = Relative(folder, prefix);
  for (int i = 0; i < old.all_model_checkpoint_paths_size(); ++i) {
    std::string path = Relative(folder, old.all_model_checkpoint_paths(i));
    if (path == newest) continue;
    add(std::move(path), timed ? old.all_model_checkpoint_timestamps(i) : 0);
  }
  add(newest, 0);
  entries.back().timestamp = entries.back().written;

  const double preserved = retention.keep_every_n_hours > 0
                               ? LastPreserved(old, prefix, listed)
                               : old.last_preserved_timestamp();
  Retained kept = ApplyRetention(std::move(entries), retention, preserved);

  CheckpointState state;
  state.set_model_checkpoint_path(newest);
  for (const StateEntry& entry : kept.entries) {
    state.add_all_model_checkpoint_paths(entry.path);
    if (timed) state.add_all_model_checkpoint_timestamps(entry.timestamp);
  }
  if (timed || kept.last_preserved > 0) {
    state.set_last_preserved_timestamp(kept.last_preserved);
  }
  RETURN_IF_ERROR(WriteCheckpointState(fs, folder, state));
  return std::move(kept.expired);
}

}  // namespace metagraph
