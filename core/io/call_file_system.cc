#include "core/io/call_file_system.h"

#include <utility>

#include "core/base/status.h"

namespace metagraph {
namespace {

class CallFile final : public RandomAccessFile {
 public:
  CallFile(std::unique_ptr<RandomAccessFile> file, const CallContext& call)
      : file_(std::move(file)), call_(call) {}

  absl::Status Read(uint64_t offset, size_t size, void* out) const override {
    RETURN_IF_ERROR(call_.Check());
    return file_->Read(offset, size, out);
  }
  uint64_t size() const override { return file_->size(); }

 private:
  const std::unique_ptr<RandomAccessFile> file_;
  const CallContext& call_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RandomAccessFile>>
CallFileSystem::OpenForReading(const std::string& path) {
  RETURN_IF_ERROR(call_.Check());
  ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file,
                   files_.OpenForReading(path));
  return std::make_unique<CallFile>(std::move(file), call_);
}

absl::StatusOr<std::unique_ptr<WritableFile>> CallFileSystem::Create(
    const std::string& path) {
  return files_.Create(path);
}

absl::Status CallFileSystem::Rename(const std::string& from,
                                    const std::string& to) {
  return files_.Rename(from, to);
}

absl::Status CallFileSystem::Remove(const std::string& path) {
  return files_.Remove(path);
}

absl::Status CallFileSystem::CreateDirectory(const std::string& path) {
  return files_.CreateDirectory(path);
}

absl::Status CallFileSystem::RemoveDirectory(const std::string& path) {
  return files_.RemoveDirectory(path);
}

absl::Status CallFileSystem::SyncDirectory(const std::string& path) {
  return files_.SyncDirectory(path);
}

absl::StatusOr<std::vector<std::string>> CallFileSystem::List(
    const std::string& path) {
  RETURN_IF_ERROR(call_.Check());
  return files_.List(path);
}

absl::StatusOr<FileInfo> CallFileSystem::Stat(const std::string& path) {
  RETURN_IF_ERROR(call_.Check());
  return files_.Stat(path);
}

absl::StatusOr<std::unique_ptr<FolderLock>> CallFileSystem::TryLockFolder(
    const std::string& path) {
  return files_.TryLockFolder(path);
}

}  // namespace metagraph
