#include "core/model/seen_checkpoints.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/checkpoint/file_names.h"

namespace metagraph {
namespace {

// The checkpoint that a file belongs to; empty if it belongs to none.
std::string PrefixOfFile(absl::string_view path) {
  if (absl::ConsumeSuffix(&path, ".index")) return std::string(path);
  const absl::string_view name = Basename(path);
  if (const size_t data = name.rfind(".data-");
      data != absl::string_view::npos &&
      IsDataFileOf(name.substr(0, data), name)) {
    return JoinPath(Dirname(path), name.substr(0, data));
  }
  if (!IsV1Name(name) || absl::StrContains(name, ".tempstate")) return "";
  return V1PrefixOf(path);
}

}  // namespace

bool WouldEndAlike(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnknown:  // such as an I/O error
      return false;
    default:
      return true;
  }
}

std::string SeenCheckpoints::KeyOf(absl::string_view prefix) const {
  return absl::StrCat(FolderKey(files_, Dirname(prefix)), "/",
                      Basename(prefix));
}

std::unique_ptr<SeenCheckpoints::Busy> SeenCheckpoints::Begin(
    const std::string& prefix) {
  std::string key = KeyOf(prefix);
  MutexLock lock(mu_);
  ++busy_[key];
  ++changes_;
  return std::make_unique<Busy>(*this, std::move(key));
}

void SeenCheckpoints::End(const std::string& key) {
  MutexLock lock(mu_);
  const auto at = busy_.find(key);
  if (--at->second == 0) busy_.erase(at);
  ++changes_;
}

void SeenCheckpoints::Note(const std::string& prefix,
                           const CheckpointStamp& stamp) {
  const std::string key = KeyOf(prefix);
  bool many = false;
  {
    MutexLock lock(mu_);
    noted_[key] = {prefix, stamp};
    ++changes_;
    many = noted_.size() >= prune_at_;
  }
  if (many) Prune();
}

void SeenCheckpoints::AddChangedFile(const std::string& path) {
  const std::string prefix = PrefixOfFile(path);
  if (prefix.empty()) return;
  std::string key = KeyOf(prefix);
  MutexLock lock(mu_);
  Changed& changed = changed_by_ops_[std::move(key)];
  changed.prefix = prefix;
  ++changed.changes;
  ++changes_;
  any_changed_ = true;
}

void SeenCheckpoints::NoteChangedFiles() {
  if (!any_changed_.load(std::memory_order_relaxed)) return;
  std::map<std::string, Changed> all;
  {
    MutexLock lock(mu_);
    all = changed_by_ops_;
  }
  for (const auto& [key, changed] : all) {
    Note(changed.prefix, FindFiles(files_, changed.prefix).stamp);
  }
  MutexLock lock(mu_);
  for (const auto& [key, changed] : all) {
    const auto now = changed_by_ops_.find(key);
    // Of another run's, which goes on, the stamp may be an old one.
    if (now != changed_by_ops_.end() &&
        now->second.changes == changed.changes) {
      changed_by_ops_.erase(now);
    }
  }
  ++changes_;
  any_changed_ = !changed_by_ops_.empty();
}

bool SeenCheckpoints::IsBusy(const std::string& key) const {
  return busy_.count(key) > 0 || changed_by_ops_.count(key) > 0;
}

bool SeenCheckpoints::HasSeen(const std::string& prefix) const {
  const std::string key = KeyOf(prefix);
  while (true) {
    int64_t before = 0;
    {
      MutexLock lock(mu_);
      if (IsBusy(key)) return true;
      before = changes_;
    }
    const CheckpointStamp stamp = FindFiles(files_, prefix).stamp;
    MutexLock lock(mu_);
    if (IsBusy(key)) return true;
    const auto noted = noted_.find(key);
    if (noted != noted_.end() && noted->second.stamp == stamp) return true;
    // The files may have been looked at in the middle of a save.
    if (changes_ == before) return false;
  }
}

void SeenCheckpoints::Prune() {
  std::map<std::string, Noted> all;
  {
    MutexLock lock(mu_);
    all = noted_;
  }
  std::vector<std::string> gone;
  for (const auto& [key, noted] : all) {
    if (!CheckpointExists(files_, noted.prefix)) gone.push_back(key);
  }
  MutexLock lock(mu_);
  for (const std::string& key : gone) noted_.erase(key);
  prune_at_ = std::max<size_t>(1000, 2 * noted_.size());
}

}  // namespace metagraph
