#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/call_context.h"
#include "core/io/file_system.h"

namespace metagraph {

// The files of another file system as a call sees them: each read and each look
// at a folder asks whether the call is still wanted, and answers CANCELLED or
// DEADLINE_EXCEEDED if it is not. For walks whose length the files decide.
// What was opened ends with the call, too.
class CallFileSystem final : public FileSystem {
 public:
  // Both outlive this, and what it opens.
  CallFileSystem(FileSystem& files, const CallContext& call)
      : files_(files), call_(call) {}

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
  FileSystem& files_;
  const CallContext& call_;
};

}  // namespace metagraph
