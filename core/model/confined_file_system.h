#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/io/file_system.h"

namespace metagraph {

// `path` made absolute, with base as the current folder, and without "." and
// ".." components. Symbolic links are not followed.
std::string NormalizePath(absl::string_view base, absl::string_view path);

// What the ops of a model may touch: files below some folders. A relative path
// starts in the first of them. PERMISSION_DENIED outside, also where a linked
// folder leads outside; a link to a file is taken as its owner meant it.
class ConfinedFileSystem final : public FileSystem {
 public:
  // `files` outlives this; `roots` are absolute, at least one.
  // `on_change` is told of files that were renamed to a path or removed.
  ConfinedFileSystem(
      FileSystem& files, std::vector<std::string> roots,
      std::function<void(const std::string&)> on_change =
          [](const std::string&) {});

  // The path as the wrapped file system wants it, or PERMISSION_DENIED.
  absl::StatusOr<std::string> Resolve(const std::string& path) const;
  // The same of a folder that is gone into.
  absl::StatusOr<std::string> ResolveFolder(const std::string& path) const;

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override;
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(
      const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override;
  absl::StatusOr<FileInfo> Stat(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<FolderLock>> TryLockFolder(
      const std::string& path) override;

 private:
  // Of `path`, which is `full` when it is whole. PERMISSION_DENIED: it lies
  // outside, or the folder does where its links lead.
  absl::Status CheckFolder(const std::string& path, const std::string& full,
                           const std::string& folder) const;
  // Whether the folder, below `root` by its name, lies in any of the roots.
  bool LeadsInside(std::string folder, const std::string& root) const;

  FileSystem& files_;
  const std::vector<std::string> roots_;  // normalized
  const std::function<void(const std::string&)> on_change_;
};

}  // namespace metagraph
