#include "core/checkpoint/checkpoint_state.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/checkpoint/bundle_commit.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/table.h"
#include "core/io/glob.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace metagraph {
namespace {

using tensorflow::CheckpointState;

constexpr uint64_t kMaxStateSize = uint64_t{16} << 20;

// Keeps the first complaint; protobuf would print them.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) {
      text = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ",
                          message);
    }
  }
  std::string text;
};

// The last component, also of a path that was written on Windows.
absl::string_view LastComponent(absl::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

// What an entry of the state file means to TensorFlow.
std::string Resolve(const std::string& folder, const std::string& entry) {
  return absl::StartsWith(entry, "/") ? entry : JoinPath(folder, entry);
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
  if (!name.empty() && inside != named && CheckpointExists(fs, inside)) {
    return FoundCheckpoint{
        inside,
        absl::StrCat("the state file names \"", entry,
                     "\", which is not there; the folder has a "
                     "checkpoint of that name and may have been moved")};
  }
  return NotFound("\"", entry, "\" is not there");
}

// `prefix` relative to `folder` if it lies in it.
std::string Relative(const std::string& folder, const std::string& prefix) {
  const std::string start = JoinPath(folder, "");
  if (!folder.empty() && absl::StartsWith(prefix, start) &&
      prefix.size() > start.size()) {
    return prefix.substr(start.size());
  }
  return prefix;
}

// `names` are those in the folder, sorted.
std::vector<CheckpointInfo> ListBundles(FileSystem& fs,
                                        const std::string& folder,
                                        const std::vector<std::string>& names) {
  std::vector<CheckpointInfo> out;
  for (const std::string& name : names) {
    absl::string_view stem = name;
    if (!absl::ConsumeSuffix(&stem, ".index") || stem.empty()) continue;
    const absl::StatusOr<FileInfo> index = fs.Stat(JoinPath(folder, name));
    if (!index.ok() || index->is_directory) continue;  // removed meanwhile
    CheckpointInfo info;
    info.prefix = JoinPath(folder, stem);
    info.modified = index->modified;
    info.size = index->size;
    // The data files follow the stem.
    const std::string data = absl::StrCat(stem, ".data-");
    for (auto at = std::lower_bound(names.begin(), names.end(), data);
         at != names.end() && absl::StartsWith(*at, data); ++at) {
      const absl::StatusOr<FileInfo> file = fs.Stat(JoinPath(folder, *at));
      if (file.ok()) info.size += file->size;
    }
    out.push_back(std::move(info));
  }
  return out;
}

// The prefix in format V1 that a file belongs to.
std::string V1PrefixOf(absl::string_view name) {
  std::string prefix(name);
  const absl::string_view stem = WithoutShards(name);
  if (stem != name) prefix.replace(stem.size() + 1, 5, "\?\?\?\?\?");
  return prefix;
}

// The files of a checkpoint of format V1. Unlike a reader this takes nothing
// but the number of a file for a wildcard, and no file that only has the name:
// they may be going to be removed.
std::vector<std::string> V1Files(FileSystem& fs, const std::string& prefix) {
  std::vector<std::string> out;
  const absl::string_view folder = Dirname(prefix);
  const auto names = fs.List(folder.empty() ? "." : std::string(folder));
  if (!names.ok()) return out;
  for (const std::string& name : *names) {
    if (V1PrefixOf(name) != Basename(prefix)) continue;
    std::string path = JoinPath(folder, name);
    if (IsV1Name(name) && IsTable(fs, path)) out.push_back(std::move(path));
  }
  return out;
}

// Files that the state file names, or with a meta graph beside them.
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
    if (in_state.count(prefix) == 0 && !is_there(MetaGraphPath(name))) continue;
    if (is_there(IndexPath(name))) continue;
    const absl::StatusOr<FileInfo> file = fs.Stat(JoinPath(folder, name));
    if (!file.ok() || file->is_directory) continue;
    CheckpointInfo& info = found[prefix];
    info.prefix = std::move(prefix);
    info.format = 1;
    info.modified = std::max(info.modified, file->modified);
    info.size += file->size;
  }
  std::vector<CheckpointInfo> out;
  for (auto& [prefix, info] : found) out.push_back(std::move(info));
  return out;
}

// When the files of a checkpoint were written; InfinitePast if there are none.
absl::Time WrittenAt(FileSystem& fs, const std::string& prefix) {
  absl::Time newest = absl::InfinitePast();
  std::vector<std::string> paths = V1Files(fs, prefix);
  paths.push_back(IndexPath(prefix));
  for (const std::string& path : paths) {
    if (const auto info = fs.Stat(path); info.ok()) {
      newest = std::max(newest, info->modified);
    }
  }
  return newest;
}

double UnixSeconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

// When the last checkpoint was written that stays for good: what the state file
// says; if that is lost, the newest checkpoint of the same name that it does
// not list.
double LastPreserved(FileSystem& fs, const std::string& folder,
                     const std::string& prefix, const CheckpointState& state) {
  double last = state.last_preserved_timestamp();
  if (std::isfinite(last) && last > 0) return last;
  last = 0;
  const absl::StatusOr<std::vector<CheckpointInfo>> listed =
      ListCheckpoints(fs, folder);
  if (!listed.ok()) return last;
  for (const CheckpointInfo& info : *listed) {
    if (info.in_state_file || info.prefix == prefix) continue;
    if (WithoutGlobalStep(info.prefix) != WithoutGlobalStep(prefix)) continue;
    last = std::max(last, UnixSeconds(info.modified));
  }
  return last;
}

}  // namespace

absl::StatusOr<CheckpointState> ReadCheckpointState(FileSystem& fs,
                                                    const std::string& folder) {
  const std::string path = JoinPath(folder, kCheckpointStateFile);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(fs, path, kMaxStateSize));
  CheckpointState state;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.AllowUnknownField(true);
  if (!parser.ParseFromString(text, &state)) {
    return InvalidArgument(path, " cannot be parsed: ", error.text);
  }
  if (state.model_checkpoint_path().empty()) {
    return InvalidArgument(path, " has no model_checkpoint_path");
  }
  return state;
}

bool IsV1Name(absl::string_view name) {
  for (const absl::string_view ending : {".meta", ".index", ".pb", ".pbtxt"}) {
    if (absl::EndsWith(name, ending)) return false;
  }
  return name != kCheckpointStateFile && !absl::StrContains(name, ".data-");
}

bool CheckpointExists(FileSystem& fs, const std::string& prefix) {
  const auto is_file = [&fs](const std::string& path) {
    const absl::StatusOr<FileInfo> info = fs.Stat(path);
    return info.ok() && !info->is_directory;
  };
  if (is_file(IndexPath(prefix))) return true;
  const absl::StatusOr<std::vector<std::string>> paths = Glob(fs, prefix);
  return paths.ok() && std::any_of(paths->begin(), paths->end(), is_file);
}

std::string MissingShards(FileSystem& fs, const std::string& prefix) {
  const absl::string_view stem = WithoutShards(prefix);
  int expected = 0;
  if (stem == prefix ||
      !absl::SimpleAtoi(prefix.substr(prefix.size() - 5), &expected)) {
    return "";
  }
  const size_t found = V1Files(fs, prefix).size();
  if (found >= static_cast<size_t>(expected)) return "";
  return absl::StrCat("\"", prefix, "\": only ", found, " of ", expected,
                      " files are there");
}

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
    pass_over("the state file names ", found.status().message());
    // Oldest first in the file.
    const auto& all = state->all_model_checkpoint_paths();
    for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
      if (*entry == state->model_checkpoint_path()) continue;
      found = FindEntry(fs, folder, *entry);
      if (found.ok()) {
        found->explanation = absl::StrCat(
            passed_over, "; an older entry of it: ", found->explanation);
        return found;
      }
      pass_over("an older entry, ", found.status().message());
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
    return FoundCheckpoint{listed->back().prefix, passed_over};
  }
  return NotFound("no checkpoint in \"", folder, "\": ", passed_over,
                  "; no file ends with .index, and none with a .meta beside "
                  "it is one of format V1");
}

absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(
    FileSystem& fs, const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(folder));
  std::set<std::string> in_state;
  std::string latest;
  if (const absl::StatusOr<CheckpointState> state =
          ReadCheckpointState(fs, folder);
      state.ok()) {
    for (const std::string& entry : state->all_model_checkpoint_paths()) {
      const absl::StatusOr<FoundCheckpoint> found =
          FindEntry(fs, folder, entry);
      if (found.ok()) in_state.insert(found->prefix);
    }
    const absl::StatusOr<FoundCheckpoint> found =
        FindEntry(fs, folder, state->model_checkpoint_path());
    if (found.ok()) {
      latest = found->prefix;
      in_state.insert(latest);
    }
  }

  std::vector<CheckpointInfo> out = ListBundles(fs, folder, names);
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

absl::StatusOr<std::vector<std::string>> UpdateCheckpointState(
    FileSystem& fs, const std::string& folder, const std::string& prefix,
    const Retention& retention) {
  const std::string newest = Relative(folder, prefix);
  CheckpointState old;
  if (absl::StatusOr<CheckpointState> read = ReadCheckpointState(fs, folder);
      read.ok()) {
    old = *std::move(read);
  } else if (!absl::IsNotFound(read.status()) &&
             !absl::IsInvalidArgument(read.status())) {
    return read.status();
  }
  // Timestamps come from another kind of saver; its lists stay parallel.
  const bool timed = old.all_model_checkpoint_timestamps_size() > 0 &&
                     old.all_model_checkpoint_timestamps_size() ==
                         old.all_model_checkpoint_paths_size();
  std::vector<std::pair<std::string, double>> entries;
  for (int i = 0; i < old.all_model_checkpoint_paths_size(); ++i) {
    std::string entry = Relative(folder, old.all_model_checkpoint_paths(i));
    if (entry == newest) continue;
    entries.emplace_back(std::move(entry),
                         timed ? old.all_model_checkpoint_timestamps(i) : 0);
  }
  const std::string newest_path = Resolve(folder, newest);
  entries.emplace_back(newest,
                       timed ? UnixSeconds(WrittenAt(fs, newest_path)) : 0);

  // Without any mark the first one that falls off is where counting starts.
  const bool preserving = retention.keep_every_n_hours > 0;
  double preserved = preserving ? LastPreserved(fs, folder, newest_path, old)
                                : old.last_preserved_timestamp();
  // Only what lies in the folder may be removed by the caller: the entries of
  // a copied folder may still name the files of the original.
  std::vector<std::string> fallen;
  const size_t keep = static_cast<size_t>(retention.max_to_keep);
  const size_t excess =
      keep > 0 && entries.size() > keep ? entries.size() - keep : 0;
  for (size_t i = 0; i < excess; ++i) {
    const std::string& entry = entries[i].first;
    const bool relative =
        !absl::StartsWith(entry, "/") && !absl::StrContains(entry, "..");
    const std::string inside = JoinPath(
        folder, relative ? absl::string_view(entry) : LastComponent(entry));
    // The file may say anything; what is no checkpoint is not removed.
    const bool exists =
        fs.Stat(IndexPath(inside)).ok() || !V1Files(fs, inside).empty();
    if (inside == newest_path || !exists ||
        absl::c_linear_search(fallen, inside)) {
      continue;
    }
    if (preserving) {
      const double written = UnixSeconds(WrittenAt(fs, inside));
      const double due = preserved + retention.keep_every_n_hours * 3600;
      const bool stays = preserved > 0 && written >= due;
      if (stays || preserved == 0) preserved = written;
      if (stays) continue;
    }
    fallen.push_back(inside);
  }
  entries.erase(entries.begin(),
                entries.begin() + static_cast<std::ptrdiff_t>(excess));

  CheckpointState state;
  state.set_model_checkpoint_path(newest);
  for (const auto& [entry, time] : entries) {
    state.add_all_model_checkpoint_paths(entry);
    if (timed) state.add_all_model_checkpoint_timestamps(time);
  }
  if (timed || preserved > 0) state.set_last_preserved_timestamp(preserved);
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(state, &text)) {
    return Internal("cannot print the checkpoint state");
  }
  RETURN_IF_ERROR(
      WriteFileAtomically(fs, JoinPath(folder, kCheckpointStateFile), text));
  return fallen;
}

absl::Status RemoveCheckpoint(FileSystem& fs, const std::string& prefix,
                              absl::Span<const std::string> spare) {
  const auto remove = [&](const std::string& path) {
    if (absl::c_linear_search(spare, path)) return absl::OkStatus();
    const absl::Status status = fs.Remove(path);
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  };
  RETURN_IF_ERROR(remove(IndexPath(prefix)));
  RemoveDataFiles(fs, prefix, /*shards=*/0);
  RETURN_IF_ERROR(remove(MetaGraphPath(prefix)));
  for (const std::string& path : V1Files(fs, prefix)) {
    RETURN_IF_ERROR(remove(path));
  }
  return absl::OkStatus();
}

void RemoveStaleTempFiles(FileSystem& fs, const std::string& folder,
                          absl::Time before) {
  const auto names = fs.List(folder);
  if (!names.ok()) return;
  constexpr absl::string_view kMark = ".tempstate";
  for (const std::string& name : *names) {
    const size_t mark = absl::string_view(name).rfind(kMark);
    if (mark == absl::string_view::npos || mark + kMark.size() == name.size() ||
        !absl::c_all_of(name.substr(mark + kMark.size()),
                        absl::ascii_isdigit)) {
      continue;
    }
    const std::string path = JoinPath(folder, name);
    const auto info = fs.Stat(path);
    if (!info.ok() || info->modified >= before) continue;
    if (!info->is_directory) {
      fs.Remove(path).IgnoreError();
      continue;
    }
    // Of a sharded save: the parts.
    if (const auto parts = fs.List(path); parts.ok()) {
      for (const std::string& part : *parts) {
        fs.Remove(JoinPath(path, part)).IgnoreError();
      }
    }
    fs.RemoveDirectory(path).IgnoreError();
  }
}

int64_t GlobalStepOf(absl::string_view prefix) {
  prefix = WithoutShards(prefix);
  const size_t dash = prefix.rfind('-');
  if (dash == absl::string_view::npos || dash + 1 == prefix.size()) return -1;
  const absl::string_view digits = prefix.substr(dash + 1);
  int64_t step = -1;
  if (!std::all_of(digits.begin(), digits.end(),
                   [](char c) { return c >= '0' && c <= '9'; }) ||
      !absl::SimpleAtoi(digits, &step)) {
    return -1;
  }
  return step;
}

absl::string_view WithoutGlobalStep(absl::string_view prefix) {
  prefix = WithoutShards(prefix);
  if (GlobalStepOf(prefix) < 0) return prefix;
  return prefix.substr(0, prefix.rfind('-'));
}

}  // namespace metagraph
