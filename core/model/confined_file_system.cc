#include "core/model/confined_file_system.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"

namespace metagraph {

std::string NormalizePath(absl::string_view base, absl::string_view path) {
  std::vector<absl::string_view> parts;
  const auto add = [&](absl::string_view more) {
    for (absl::string_view part : absl::StrSplit(more, '/')) {
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(part);
      } else if (!parts.empty()) {
        parts.pop_back();
      }
    }
  };
  if (!absl::StartsWith(path, "/")) add(base);
  add(path);
  return absl::StrCat("/", absl::StrJoin(parts, "/"));
}

ConfinedFileSystem::ConfinedFileSystem(
    FileSystem& files, std::vector<std::string> roots,
    std::function<void(const std::string&)> on_change)
    : files_(files),
      roots_([&] {
        for (std::string& root : roots) root = NormalizePath("/", root);
        return std::move(roots);
      }()),
      on_change_(std::move(on_change)) {}

absl::StatusOr<std::string> ConfinedFileSystem::Resolve(
    const std::string& path) const {
  std::string full = NormalizePath(roots_[0], path);
  RETURN_IF_ERROR(CheckFolder(path, full, std::string(Dirname(full))));
  return full;
}

absl::StatusOr<std::string> ConfinedFileSystem::ResolveFolder(
    const std::string& path) const {
  std::string full = NormalizePath(roots_[0], path);
  RETURN_IF_ERROR(CheckFolder(path, full, full));
  return full;
}

absl::Status ConfinedFileSystem::CheckFolder(const std::string& path,
                                             const std::string& full,
                                             const std::string& folder) const {
  for (const std::string& root : roots_) {
    if (full == root || root == "/") return absl::OkStatus();
    if (!absl::StartsWith(full, absl::StrCat(root, "/"))) continue;
    if (LeadsInside(folder, root)) return absl::OkStatus();
    return absl::PermissionDeniedError(
        absl::StrCat(path,
                     "; a linked folder in it leads outside the folders "
                     "that this model may use: ",
                     absl::StrJoin(roots_, ", ")));
  }
  return absl::PermissionDeniedError(
      absl::StrCat(path, "; outside the folders that this model may use: ",
                   absl::StrJoin(roots_, ", ")));
}

bool ConfinedFileSystem::LeadsInside(std::string folder,
                                     const std::string& root) const {
  if (folder == root) return true;
  absl::flat_hash_set<std::string> allowed;
  for (const std::string& one : roots_) {
    if (const auto info = files_.Stat(one); info.ok()) allowed.insert(info->id);
  }
  // What is not there leads nowhere yet; its first folder that is, counts.
  auto info = files_.Stat(folder);
  while (absl::IsNotFound(info.status()) && folder.size() > root.size()) {
    folder = std::string(Dirname(folder));
    info = files_.Stat(folder);
  }
  // What cannot be known is left to the operation itself.
  if (!info.ok() || info->id.empty()) return true;
  // Climbs by "..", which goes by where links have led.
  while (!allowed.contains(info->id)) {
    folder = JoinPath(folder, "..");
    const auto above = files_.Stat(folder);
    if (!above.ok() || above->id == info->id) return false;
    info = above;
  }
  return true;
}

absl::StatusOr<std::unique_ptr<RandomAccessFile>>
ConfinedFileSystem::OpenForReading(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Resolve(path));
  return files_.OpenForReading(full);
}

absl::StatusOr<std::unique_ptr<WritableFile>> ConfinedFileSystem::Create(
    const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Resolve(path));
  return files_.Create(full);
}

absl::Status ConfinedFileSystem::Rename(const std::string& from,
                                        const std::string& to) {
  ASSIGN_OR_RETURN(const std::string full_from, Resolve(from));
  ASSIGN_OR_RETURN(const std::string full_to, Resolve(to));
  RETURN_IF_ERROR(files_.Rename(full_from, full_to));
  on_change_(full_to);
  return absl::OkStatus();
}

absl::Status ConfinedFileSystem::Remove(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Resolve(path));
  RETURN_IF_ERROR(files_.Remove(full));
  on_change_(full);
  return absl::OkStatus();
}

absl::Status ConfinedFileSystem::CreateDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Resolve(path));
  return files_.CreateDirectory(full);
}

absl::Status ConfinedFileSystem::RemoveDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Resolve(path));
  return files_.RemoveDirectory(full);
}

absl::Status ConfinedFileSystem::SyncDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, ResolveFolder(path));
  return files_.SyncDirectory(full);
}

absl::StatusOr<std::vector<std::string>> ConfinedFileSystem::List(
    const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, ResolveFolder(path));
  return files_.List(full);
}

absl::StatusOr<std::unique_ptr<FolderLock>> ConfinedFileSystem::TryLockFolder(
    const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, ResolveFolder(path));
  return files_.TryLockFolder(full);
}

absl::StatusOr<FileInfo> ConfinedFileSystem::Stat(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string full, Resolve(path));
  return files_.Stat(full);
}

}  // namespace metagraph
