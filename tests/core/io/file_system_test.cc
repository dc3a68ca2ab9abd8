#include "core/io/file_system.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;

void Write(FileSystem& fs, const std::string& path, absl::string_view data) {
  auto file = fs.Create(path);
  ASSERT_THAT(file, IsOk());
  ASSERT_THAT((*file)->Append(data), IsOk());
  ASSERT_THAT((*file)->Close(), IsOk());
}

TEST(PosixFileSystemTest, WritesAndReadsAtOffsets) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  Write(fs, dir.Join("a"), "hello world");
  auto file = fs.OpenForReading(dir.Join("a"));
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ((*file)->size(), 11u);
  std::string part(5, '\0');
  ASSERT_THAT((*file)->Read(6, 5, part.data()), IsOk());
  EXPECT_EQ(part, "world");
  EXPECT_THAT((*file)->Read(7, 5, part.data()),
              HasCode(absl::StatusCode::kOutOfRange, "less bytes"));
}

TEST(PosixFileSystemTest, ErrorsCarryPathReasonAndCode) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  EXPECT_THAT(fs.OpenForReading(dir.Join("none")),
              HasCode(absl::StatusCode::kNotFound,
                      dir.Join("none") + "; No such file or directory"));
  EXPECT_THAT(fs.Create(dir.Join("none/a")),
              HasCode(absl::StatusCode::kNotFound, "none/a"));
  EXPECT_THAT(fs.OpenForReading(dir.path()),
              HasCode(absl::StatusCode::kFailedPrecondition, "directory"));
  EXPECT_THAT(fs.CreateDirectory(dir.path()),
              HasCode(absl::StatusCode::kAlreadyExists, dir.path()));
  Write(fs, dir.Join("a"), "x");
  EXPECT_THAT(fs.List(dir.Join("a")),
              HasCode(absl::StatusCode::kFailedPrecondition, "a"));
  ASSERT_THAT(fs.CreateDirectory(dir.Join("sub")), IsOk());
  Write(fs, dir.Join("sub/a"), "x");
  EXPECT_THAT(fs.RemoveDirectory(dir.Join("sub")),
              HasCode(absl::StatusCode::kFailedPrecondition, "not empty"));
}

TEST(PosixFileSystemTest, PipesAreRefusedWithoutWaiting) {
  TempDir dir;
  ASSERT_EQ(::mkfifo(dir.Join("pipe").c_str(), 0600), 0);
  EXPECT_THAT(FileSystem::Posix().OpenForReading(dir.Join("pipe")),
              HasCode(absl::StatusCode::kFailedPrecondition,
                      "pipe; not a regular file"));
}

TEST(PosixFileSystemTest, PathsWithAZeroByteAreRefused) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  Write(fs, dir.Join("a"), "x");
  const std::string path = dir.Join("a") + '\0' + "b";
  const auto refused = HasCode(absl::StatusCode::kInvalidArgument, "a\\000b");
  EXPECT_THAT(fs.OpenForReading(path), refused);
  EXPECT_THAT(fs.Create(path), refused);
  EXPECT_THAT(fs.Rename(path, dir.Join("c")), refused);
  EXPECT_THAT(fs.Rename(dir.Join("a"), path), refused);
  EXPECT_THAT(fs.Remove(path), refused);
  EXPECT_THAT(fs.CreateDirectory(path), refused);
  EXPECT_THAT(fs.RemoveDirectory(path), refused);
  EXPECT_THAT(fs.SyncDirectory(path), refused);
  EXPECT_THAT(fs.List(path), refused);
  EXPECT_THAT(fs.Stat(path), refused);
  EXPECT_THAT(fs.Stat(dir.Join("a")), IsOk());
}

TEST(PosixFileSystemTest, UnreadableFolderIsPermissionDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  TempDir dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0), 0);
  EXPECT_THAT(FileSystem::Posix().List(dir.path()),
              HasCode(absl::StatusCode::kPermissionDenied, dir.path()));
  ::chmod(dir.path().c_str(), 0700);
}

TEST(PosixFileSystemTest, FullDiskIsResourceExhausted) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  auto file = FileSystem::Posix().Create("/dev/full");
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT((*file)->Append("x"),
              HasCode(absl::StatusCode::kResourceExhausted, "/dev/full"));
}

TEST(PosixFileSystemTest, LeavesNoDescriptorOpen) {
  const auto open = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  const auto before = open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(WriteFileAtomically(fs, dir.Join("file"), "text"));
    EXPECT_OK(ReadFile(fs, dir.Join("file")));
    EXPECT_OK(fs.List(dir.path()));
    EXPECT_OK(fs.Stat(dir.Join("file")));
    EXPECT_OK(fs.TryLockFolder(dir.path()));
    EXPECT_OK(fs.SyncDirectory(dir.path()));
    EXPECT_FALSE(fs.OpenForReading(dir.path()).ok());
    EXPECT_FALSE(fs.OpenForReading(dir.Join("absent")).ok());
    EXPECT_OK(fs.Create(dir.Join("dropped")));
  }
  EXPECT_EQ(open(), before);
}

TEST(PosixFileSystemTest, ListIsSortedAndStatTellsKinds) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  Write(fs, dir.Join("b"), "12");
  Write(fs, dir.Join("a"), "");
  ASSERT_THAT(fs.CreateDirectory(dir.Join("c")), IsOk());
  EXPECT_THAT(*fs.List(dir.path()), ElementsAre("a", "b", "c"));
  EXPECT_EQ(fs.Stat(dir.Join("b"))->size, 2u);
  EXPECT_FALSE(fs.Stat(dir.Join("b"))->is_directory);
  EXPECT_TRUE(fs.Stat(dir.Join("c"))->is_directory);
  EXPECT_GT(fs.Stat(dir.Join("b"))->modified, absl::FromUnixSeconds(1e9));
  EXPECT_THAT(fs.SyncDirectory(dir.path()), IsOk());
}

TEST(PosixFileSystemTest, OpenFileOutlivesItsName) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  Write(fs, dir.Join("a"), "old");
  auto file = fs.OpenForReading(dir.Join("a"));
  ASSERT_THAT(file, IsOk());
  Write(fs, dir.Join("b"), "new");
  ASSERT_THAT(fs.Rename(dir.Join("b"), dir.Join("a")), IsOk());
  std::string data(3, '\0');
  ASSERT_THAT((*file)->Read(0, 3, data.data()), IsOk());
  EXPECT_EQ(data, "old");
}

TEST(ReadFileTest, RefusesFilesOverTheLimit) {
  FakeFileSystem fs;
  fs.Put("a", "12345");
  EXPECT_EQ(*ReadFile(fs, "a", 5), "12345");
  EXPECT_THAT(ReadFile(fs, "a", 4),
              HasCode(absl::StatusCode::kResourceExhausted, "limit of 4"));
}

TEST(WriteFileAtomicallyTest, ReplacesThroughPosix) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  ASSERT_THAT(WriteFileAtomically(fs, dir.Join("a"), "old"), IsOk());
  ASSERT_THAT(WriteFileAtomically(fs, dir.Join("a"), "new"), IsOk());
  EXPECT_EQ(*ReadFile(fs, dir.Join("a")), "new");
  EXPECT_THAT(*fs.List(dir.path()), ElementsAre("a"));
}

TEST(WriteFileAtomicallyTest, CrashAnywhereLeavesOldOrNew) {
  for (const auto loss : FakeFileSystem::kLosses) {
    for (int n = 0;; ++n) {
      FakeFileSystem fs({"d"});
      fs.Put("d/a", "old");
      fs.FailAfter(n);
      const bool written = WriteFileAtomically(fs, "d/a", "new").ok();
      fs.Crash(loss);
      const std::string found = fs.ContentOf("d/a");
      if (written) {
        EXPECT_EQ(found, "new");
        break;
      }
      EXPECT_TRUE(found == "old" || found == "new") << n << ": " << found;
    }
  }
}

TEST(WriteFileAtomicallyTest, FailureLeavesNothingBehind) {
  for (int n = 0; n < 4; ++n) {
    FakeFileSystem fs({"d"});
    fs.Put("d/a", "old");
    fs.FailOnce(n);
    EXPECT_THAT(WriteFileAtomically(fs, "d/a", "new"),
                HasCode(absl::StatusCode::kResourceExhausted, "No space"));
    EXPECT_THAT(fs.AllFiles(), ElementsAre("d/a"));
    EXPECT_EQ(fs.ContentOf("d/a"), "old");
  }
}

TEST(PathTest, Parts) {
  EXPECT_EQ(Dirname("a/b/c"), "a/b");
  EXPECT_EQ(Dirname("c"), "");
  EXPECT_EQ(Dirname("/c"), "/");
  EXPECT_EQ(Basename("a/b/c"), "c");
  EXPECT_EQ(Basename("c"), "c");
  EXPECT_EQ(Basename("a/"), "");
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
}

TEST(PathTest, TakesWhatTensorFlowTakesForAFile) {
  const auto local = [](const char* name) { return *LocalPath(name); };
  EXPECT_EQ(local("file:///tmp/a"), "/tmp/a");
  EXPECT_EQ(local("file://localhost/tmp/a"), "/tmp/a");
  EXPECT_EQ(local("file://"), "");
  for (const char* name :
       {"", "a", "/a/b", "a:b", "a/b://c", "://a", "1://a"}) {
    EXPECT_EQ(local(name), name);
  }
  EXPECT_THAT(LocalPath("gs://bucket/a").status(),
              HasCode(absl::StatusCode::kUnimplemented,
                      "File system scheme 'gs' not implemented (file: "
                      "'gs://bucket/a')"));
}

TEST(PathTest, TemporaryNamesDiffer) {
  EXPECT_NE(TempPathFor("a"), TempPathFor("a"));
  EXPECT_EQ(TempPathFor("a").rfind("a.tempstate", 0), 0u);
}

}  // namespace
}  // namespace metagraph
