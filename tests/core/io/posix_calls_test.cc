// The system calls of the posix file system. The linker takes the definitions
// below before libc's, so that tests see the calls and let some fail.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "core/io/file_system.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

// What happens to the calls of this thread while it lives.
class SystemCalls {
 public:
  SystemCalls() { current_ = this; }
  ~SystemCalls() { current_ = nullptr; }
  static SystemCalls* current() { return current_; }

  // The next `times` calls of that name fail.
  void Fail(const std::string& call, int error, int times = 1) {
    failures_[call] = {error, times};
  }
  // Reads and writes move at most so many bytes at a time.
  void MoveAtMost(size_t bytes) { most_ = bytes; }
  size_t most() const { return most_; }

  // Notes "call file"; false, and errno set, if it is to fail.
  bool Note(const std::string& call, const std::string& path) {
    // Temporary names differ from run to run.
    std::string name(Basename(path));
    name = name.substr(0, name.find(".tempstate"));
    log.push_back(call + " " + name);
    const auto failure = failures_.find(call);
    if (failure == failures_.end() || failure->second.second == 0) return true;
    --failure->second.second;
    errno = failure->second.first;
    return false;
  }
  bool Note(const std::string& call, int fd) {
    char path[4096];
    const ssize_t size = ::readlink(
        ("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof(path));
    return Note(call, std::string(path, size < 0 ? 0 : size));
  }

  std::vector<std::string> log;

 private:
  inline static thread_local SystemCalls* current_ = nullptr;
  std::map<std::string, std::pair<int, int>> failures_;
  size_t most_ = size_t{1} << 30;
};

}  // namespace
}  // namespace metagraph

extern "C" {

int fdatasync(int fd) {
  auto* const calls = metagraph::SystemCalls::current();
  if (calls != nullptr && !calls->Note("fdatasync", fd)) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

int fsync(int fd) {
  auto* const calls = metagraph::SystemCalls::current();
  if (calls != nullptr && !calls->Note("fsync", fd)) return -1;
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int rename(const char* from, const char* to) noexcept {
  auto* const calls = metagraph::SystemCalls::current();
  if (calls != nullptr && !calls->Note("rename", to)) return -1;
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int flock(int fd, int operation) noexcept {
  auto* const calls = metagraph::SystemCalls::current();
  const char* name = operation == (LOCK_EX | LOCK_NB) ? "lock" : "other lock";
  if (calls != nullptr && !calls->Note(name, fd)) return -1;
  return static_cast<int>(::syscall(SYS_flock, fd, operation));
}

ssize_t write(int fd, const void* data, size_t size) {
  auto* const calls = metagraph::SystemCalls::current();
  if (calls != nullptr) {
    if (!calls->Note("write", fd)) return -1;
    size = std::min(size, calls->most());
  }
  return ::syscall(SYS_write, fd, data, size);
}

ssize_t pread(int fd, void* out, size_t size, off_t offset) {
  auto* const calls = metagraph::SystemCalls::current();
  if (calls != nullptr) {
    if (!calls->Note("pread", fd)) return -1;
    size = std::min(size, calls->most());
  }
  return ::syscall(SYS_pread64, fd, out, size, offset);
}

int close(int fd) {
  auto* const calls = metagraph::SystemCalls::current();
  const bool fails = calls != nullptr && !calls->Note("close", fd);
  const int error = errno;
  const int result = static_cast<int>(::syscall(SYS_close, fd));
  if (fails) errno = error;
  return fails ? -1 : result;
}

}  // extern "C"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

class PosixCallsTest : public testing::Test {
 protected:
  static FileSystem& fs() { return FileSystem::Posix(); }
  std::string Path(const std::string& name) const { return dir_.Join(name); }
  std::string folder() const { return std::string(Basename(dir_.path())); }

  const TempDir dir_;
};

TEST_F(PosixCallsTest, SyncReachesTheDisk) {
  ASSERT_OK_AND_ASSIGN(const auto file, fs().Create(Path("a")));
  SystemCalls calls;
  ASSERT_OK(file->Append("x"));
  ASSERT_OK(file->Sync());
  EXPECT_THAT(calls.log, ElementsAre("write a", "fdatasync a"));
  calls.Fail("fdatasync", EIO);
  EXPECT_THAT(file->Sync(), HasCode(StatusCode::kUnknown, "Input/output"));
}

TEST_F(PosixCallsTest, SyncDirectoryReachesTheDisk) {
  SystemCalls calls;
  ASSERT_OK(fs().SyncDirectory(dir_.path()));
  EXPECT_THAT(calls.log, ElementsAre("fsync " + folder(), "close " + folder()));
  calls.Fail("fsync", EIO);
  EXPECT_THAT(fs().SyncDirectory(dir_.path()),
              HasCode(StatusCode::kUnknown, "Input/output"));
  calls.Fail("fsync", EINVAL);
  EXPECT_OK(fs().SyncDirectory(dir_.path()))
      << "some file systems cannot and need not";
  EXPECT_THAT(fs().SyncDirectory(Path("none")),
              HasCode(StatusCode::kNotFound, "none"));
}

// The content before the name, the name before the answer.
TEST_F(PosixCallsTest, AnAtomicWriteSyncsInTheRightOrder) {
  SystemCalls calls;
  ASSERT_OK(WriteFileAtomically(fs(), Path("a"), "new"));
  EXPECT_THAT(calls.log,
              ElementsAre("write a", "fdatasync a", "close a", "rename a",
                          "fsync " + folder(), "close " + folder()));
}

TEST_F(PosixCallsTest, AnAtomicWriteThatFailsSaysSoAndLeavesNothing) {
  for (const char* call : {"write", "fdatasync", "close", "rename"}) {
    SystemCalls calls;
    calls.Fail(call, ENOSPC);
    EXPECT_THAT(WriteFileAtomically(fs(), Path("a"), "new"),
                HasCode(StatusCode::kResourceExhausted, "No space"))
        << call;
    EXPECT_THAT(*fs().List(dir_.path()), ElementsAre()) << call;
  }
  SystemCalls calls;
  calls.Fail("fsync", ENOSPC);
  EXPECT_THAT(WriteFileAtomically(fs(), Path("a"), "new"),
              HasCode(StatusCode::kResourceExhausted, "No space"));
}

TEST_F(PosixCallsTest, InterruptedAndPartialWritesGoOn) {
  ASSERT_OK_AND_ASSIGN(const auto file, fs().Create(Path("a")));
  {
    SystemCalls calls;
    calls.MoveAtMost(4);
    calls.Fail("write", EINTR, 2);
    ASSERT_OK(file->Append("hello world"));
    EXPECT_EQ(calls.log.size(), 5u);
    calls.Fail("write", EIO);
    EXPECT_THAT(file->Append("x"), HasCode(StatusCode::kUnknown, "a; "));
    ASSERT_OK(file->Close());
    ASSERT_OK(file->Close()) << "closing twice does nothing";
  }
  EXPECT_EQ(*ReadFile(fs(), Path("a")), "hello world");
}

TEST_F(PosixCallsTest, InterruptedAndPartialReadsGoOn) {
  ASSERT_OK(WriteFileAtomically(fs(), Path("a"), "hello world"));
  ASSERT_OK_AND_ASSIGN(const auto file, fs().OpenForReading(Path("a")));
  std::string data(10, '\0');
  {
    SystemCalls calls;
    calls.MoveAtMost(4);
    calls.Fail("pread", EINTR, 2);
    ASSERT_OK(file->Read(1, 10, data.data()));
    EXPECT_EQ(calls.log.size(), 5u);
    EXPECT_EQ(data, "ello world");
    calls.Fail("pread", EIO);
    EXPECT_THAT(file->Read(1, 10, data.data()),
                HasCode(StatusCode::kUnknown, "Input/output"));
    EXPECT_THAT(file->Read(2, 10, data.data()),
                HasCode(StatusCode::kOutOfRange, "less bytes"));
  }
}

TEST_F(PosixCallsTest, CloseReportsLateErrors) {
  ASSERT_OK_AND_ASSIGN(const auto file, fs().Create(Path("a")));
  SystemCalls calls;
  calls.Fail("close", ENOSPC);
  EXPECT_THAT(file->Close(),
              HasCode(StatusCode::kResourceExhausted, "No space"));
}

TEST_F(PosixCallsTest, EveryErrorHasItsCode) {
  const std::pair<int, StatusCode> codes[] = {
      {ENOENT, StatusCode::kNotFound},
      {EACCES, StatusCode::kPermissionDenied},
      {EPERM, StatusCode::kPermissionDenied},
      {EROFS, StatusCode::kPermissionDenied},
      {EEXIST, StatusCode::kAlreadyExists},
      {ENOTDIR, StatusCode::kFailedPrecondition},
      {EISDIR, StatusCode::kFailedPrecondition},
      {ENOTEMPTY, StatusCode::kFailedPrecondition},
      {EBUSY, StatusCode::kFailedPrecondition},
      {ELOOP, StatusCode::kFailedPrecondition},
      {ENOSPC, StatusCode::kResourceExhausted},
      {EFBIG, StatusCode::kResourceExhausted},
      {EDQUOT, StatusCode::kResourceExhausted},
      {EMFILE, StatusCode::kResourceExhausted},
      {ENFILE, StatusCode::kResourceExhausted},
      {ENOMEM, StatusCode::kResourceExhausted},
      {EINVAL, StatusCode::kInvalidArgument},
      {ENAMETOOLONG, StatusCode::kInvalidArgument},
      {EIO, StatusCode::kUnknown},
  };
  for (const auto& [error, code] : codes) {
    SystemCalls calls;
    calls.Fail("rename", error);
    EXPECT_EQ(fs().Rename(Path("a"), Path("b")).code(), code)
        << strerror(error);
  }
}

TEST_F(PosixCallsTest, AFolderIsLockedForOneAtATime) {
  const int other = ::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_GE(other, 0);
  {
    SystemCalls calls;
    calls.Fail("lock", EINTR, 2);
    ASSERT_OK_AND_ASSIGN(const auto lock, fs().TryLockFolder(dir_.path()));
    EXPECT_EQ(calls.log.size(), 3u);
    EXPECT_EQ(::flock(other, LOCK_EX | LOCK_NB), -1);
    EXPECT_EQ(errno, EWOULDBLOCK);
    EXPECT_THAT(fs().TryLockFolder(dir_.path()),
                HasCode(StatusCode::kUnavailable, "somebody else holds"));
  }
  EXPECT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0) << "given back";
  EXPECT_THAT(fs().TryLockFolder(dir_.path()),
              HasCode(StatusCode::kUnavailable, "somebody else holds"));
  ::close(other);
}

TEST_F(PosixCallsTest, AFileSystemWithoutLocksDoesWithout) {
  SystemCalls calls;
  calls.Fail("lock", ENOLCK);
  EXPECT_OK(fs().TryLockFolder(dir_.path()));
  EXPECT_THAT(fs().TryLockFolder(Path("none")),
              HasCode(StatusCode::kNotFound, "none"));
}

TEST_F(PosixCallsTest, APipeIsNoFileAndIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(fs().OpenForReading(Path("pipe")),
              HasCode(StatusCode::kFailedPrecondition, "not a regular file"));
  EXPECT_THAT(fs().Create(Path("pipe")),
              HasCode(StatusCode::kFailedPrecondition, "not a regular file"));
  // Nor is it written to where somebody reads it.
  const int reader = ::open(Path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  EXPECT_THAT(fs().Create(Path("pipe")),
              HasCode(StatusCode::kFailedPrecondition, "not a regular file"));
  ::close(reader);
}

TEST_F(PosixCallsTest, FoldersAreKnownByWhatTheyAre) {
  ASSERT_OK(fs().CreateDirectory(Path("a")));
  ASSERT_OK(fs().CreateDirectory(Path("b")));
  ASSERT_EQ(::symlink(Path("a").c_str(), Path("link").c_str()), 0);
  EXPECT_EQ(FolderKey(fs(), Path("a")), FolderKey(fs(), Path("link")));
  EXPECT_EQ(FolderKey(fs(), Path("a")), FolderKey(fs(), Path("b/../a")));
  EXPECT_NE(FolderKey(fs(), Path("a")), FolderKey(fs(), Path("b")));
  EXPECT_EQ(FolderKey(fs(), Path("none")), Path("none"));
  EXPECT_NE(FolderKey(fs(), ""), "");
}

}  // namespace
}  // namespace metagraph
