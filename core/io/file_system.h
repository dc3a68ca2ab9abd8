#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace metagraph {

// A file open for reading at any offset. Thread-safe.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  // Fills out[0, size). OUT_OF_RANGE if the file ends before.
  virtual absl::Status Read(uint64_t offset, size_t size, void* out) const = 0;
  virtual uint64_t size() const = 0;  // when it was opened
};

// A new file, written front to back.
class WritableFile {
 public:
  virtual ~WritableFile() = default;  // closes; errors are lost
  virtual absl::Status Append(absl::string_view data) = 0;
  virtual absl::Status Sync() = 0;  // data reaches the disk
  virtual absl::Status Close() = 0;
};

// A folder that is locked, until this is destroyed.
class FolderLock {
 public:
  virtual ~FolderLock() = default;
};

struct FileInfo {
  uint64_t size = 0;
  absl::Time modified;
  bool is_directory = false;
  // Tells files apart however they are reached; empty if nothing does.
  std::string id;
};

// All that the product asks of files; posix in the daemon, fakes in tests.
// Errors: NOT_FOUND, PERMISSION_DENIED, ALREADY_EXISTS, FAILED_PRECONDITION
// (not a folder, not empty), RESOURCE_EXHAUSTED (disk full, too many files),
// text "<path>; <reason>".
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) = 0;
  // Truncates an existing file.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> Create(
      const std::string& path) = 0;
  virtual absl::Status Rename(const std::string& from,
                              const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status CreateDirectory(const std::string& path) = 0;
  virtual absl::Status RemoveDirectory(const std::string& path) = 0;
  // Makes creations and renames in the folder durable.
  // "" is the current one.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  // Names without the folder, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) = 0;
  virtual absl::StatusOr<FileInfo> Stat(const std::string& path) = 0;
  // The folder's lock; UNAVAILABLE if somebody else holds it: a thread or a
  // process, or one of another machine if the file system can tell. For short
  // work; it ends with the process. A file system that cannot lock gives a lock
  // that does nothing.
  virtual absl::StatusOr<std::unique_ptr<FolderLock>> TryLockFolder(
      const std::string& path) = 0;

  // The machine's files. Lives as long as the process.
  static FileSystem& Posix();
};

// The whole file. RESOURCE_EXHAUSTED if larger than `max_size`.
absl::StatusOr<std::string> ReadFile(FileSystem& fs, const std::string& path,
                                     uint64_t max_size = uint64_t{1} << 31);

// Replaces `path` by `data` so that a crash leaves the old file or the new
// one: temporary file, sync, rename, folder sync.
absl::Status WriteFileAtomically(FileSystem& fs, const std::string& path,
                                 absl::string_view data);

// A name beside `path` that nobody else uses: "<path>.tempstate<number>".
std::string TempPathFor(absl::string_view path);

// What TensorFlow takes for a file's name as a path of this machine:
// "file:///a/b" is "/a/b", a name without scheme stays as it is. UNIMPLEMENTED
// for another scheme ("gs://bucket/a").
absl::StatusOr<std::string> LocalPath(absl::string_view name);

// The same text for all paths that lead to one folder; `path` itself if there
// is no such folder, or nothing to know it by.
std::string FolderKey(FileSystem& fs, absl::string_view path);

// "a/b/c" → "a/b"; "c" → "". And the last component.
absl::string_view Dirname(absl::string_view path);
absl::string_view Basename(absl::string_view path);
std::string JoinPath(absl::string_view directory, absl::string_view name);

}  // namespace metagraph
