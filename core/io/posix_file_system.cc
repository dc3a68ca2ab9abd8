#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/base/status.h"
#include "core/io/file_system.h"

namespace metagraph {
namespace {

absl::StatusCode CodeFor(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EBUSY:
    case ELOOP:
      return absl::StatusCode::kFailedPrecondition;
    case ENOSPC:
    case EFBIG:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case EINVAL:
    case ENAMETOOLONG:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kUnknown;
  }
}

absl::Status ErrnoStatus(int error, absl::string_view path) {
  // Of a temporary file, which is gone when somebody reads this, the name that
  // it was to get.
  path = path.substr(0, path.find(".tempstate"));
  // strerror is thread-safe in glibc since 2.32.
  return absl::Status(CodeFor(error),
                      absl::StrCat(path, "; ", strerror(error)));
}

// The path as the system calls want it: they would cut it at a NUL.
absl::Status CheckPath(const std::string& path) {
  if (path.find('\0') == std::string::npos) return absl::OkStatus();
  return InvalidArgument("the path \"", absl::CEscape(path),
                         "\" has a zero byte in it");
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, FileDescriptor fd, uint64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}

  absl::Status Read(uint64_t offset, size_t size, void* out) const override {
    char* to = static_cast<char*>(out);
    while (size > 0) {
      const ssize_t got =
          ::pread(fd_.get(), to, size, static_cast<off_t>(offset));
      if (got < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus(errno, path_);
      }
      if (got == 0) return OutOfRange("Read less bytes than requested");
      to += got;
      offset += static_cast<uint64_t>(got);
      size -= static_cast<size_t>(got);
    }
    return absl::OkStatus();
  }
  uint64_t size() const override { return size_; }

 private:
  const std::string path_;
  const FileDescriptor fd_;
  const uint64_t size_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, FileDescriptor fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}

  absl::Status Append(absl::string_view data) override {
    while (!data.empty()) {
      const ssize_t put = ::write(fd_.get(), data.data(), data.size());
      if (put < 0) {
        if (errno == EINTR) continue;
        return ErrnoStatus(errno, path_);
      }
      data.remove_prefix(static_cast<size_t>(put));
      written_ += put;
    }
    // Lets the disk begin, so that the final sync has little left to wait for.
    if (written_ - started_ >= kWritebackBytes) {
      ::sync_file_range(fd_.get(), started_, written_ - started_,
                        SYNC_FILE_RANGE_WRITE);
      started_ = written_;
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (::fdatasync(fd_.get()) != 0) return ErrnoStatus(errno, path_);
    return absl::OkStatus();
  }

  absl::Status Close() override {
    const int fd = fd_.Release();
    if (fd >= 0 && ::close(fd) != 0) return ErrnoStatus(errno, path_);
    return absl::OkStatus();
  }

 private:
  static constexpr int64_t kWritebackBytes = int64_t{16} << 20;

  const std::string path_;
  FileDescriptor fd_;
  int64_t written_ = 0;
  int64_t started_ = 0;  // what the kernel was told to write back
};

class PosixFolderLock final : public FolderLock {
 public:
  explicit PosixFolderLock(FileDescriptor fd) : fd_(std::move(fd)) {}

 private:
  const FileDescriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    // Without waiting for the other end of a pipe.
    FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) return ErrnoStatus(errno, path);
    struct stat info;
    if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, path);
    if (S_ISDIR(info.st_mode)) return ErrnoStatus(EISDIR, path);
    if (!S_ISREG(info.st_mode)) {
      return FailedPrecondition(path, "; not a regular file");
    }
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return std::make_unique<PosixRandomAccessFile>(
        path, std::move(fd), static_cast<uint64_t>(info.st_size));
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(
      const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    // Without waiting for the other end of a pipe.
    FileDescriptor fd(
        ::open(path.c_str(),
               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644));
    if (fd.get() < 0 && errno != ENXIO) return ErrnoStatus(errno, path);
    struct stat info = {};
    if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0 ||
        S_ISFIFO(info.st_mode)) {
      return FailedPrecondition(path, "; not a regular file");
    }
    return std::make_unique<PosixWritableFile>(path, std::move(fd));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(CheckPath(from));
    RETURN_IF_ERROR(CheckPath(to));
    if (::rename(from.c_str(), to.c_str()) != 0)
      return ErrnoStatus(errno, from);
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    if (::unlink(path.c_str()) != 0) return ErrnoStatus(errno, path);
    return absl::OkStatus();
  }

  absl::Status CreateDirectory(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    if (::mkdir(path.c_str(), 0755) != 0) return ErrnoStatus(errno, path);
    return absl::OkStatus();
  }

  absl::Status RemoveDirectory(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    if (::rmdir(path.c_str()) != 0) return ErrnoStatus(errno, path);
    return absl::OkStatus();
  }

  absl::Status SyncDirectory(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    const std::string folder = path.empty() ? "." : path;
    FileDescriptor fd(
        ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return ErrnoStatus(errno, folder);
    // Some file systems cannot sync folders and need no such call.
    if (::fsync(fd.get()) != 0 && errno != EINVAL) {
      return ErrnoStatus(errno, folder);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    DIR* folder = ::opendir(path.empty() ? "." : path.c_str());
    if (folder == nullptr) return ErrnoStatus(errno, path);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(folder)) {
      const absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(folder);
    if (error != 0) return ErrnoStatus(error, path);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::StatusOr<FileInfo> Stat(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
    FileInfo out;
    out.size = static_cast<uint64_t>(info.st_size);
    out.modified = absl::TimeFromTimespec(info.st_mtim);
    out.is_directory = S_ISDIR(info.st_mode);
    out.id = absl::StrCat(info.st_dev, ":", info.st_ino);
    return out;
  }

  absl::StatusOr<std::unique_ptr<FolderLock>> TryLockFolder(
      const std::string& path) override {
    RETURN_IF_ERROR(CheckPath(path));
    const std::string folder = path.empty() ? "." : path;
    FileDescriptor fd(
        ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return ErrnoStatus(errno, folder);
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return std::make_unique<FolderLock>();
      return absl::UnavailableError(
          absl::StrCat(folder, "; somebody else holds its lock"));
    }
    return std::make_unique<PosixFolderLock>(std::move(fd));
  }
};

}  // namespace

FileSystem& FileSystem::Posix() {
  static PosixFileSystem* const file_system = new PosixFileSystem;
  return *file_system;
}

}  // namespace metagraph
