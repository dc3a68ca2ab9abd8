#include "core/model/confined_file_system.h"

#include <filesystem>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

TEST(NormalizePathTest, ResolvesDotsAndRelativePaths) {
  EXPECT_EQ(NormalizePath("/a/b", "c"), "/a/b/c");
  EXPECT_EQ(NormalizePath("/a/b", "./c//d/"), "/a/b/c/d");
  EXPECT_EQ(NormalizePath("/a/b", "../../../c"), "/c");
  EXPECT_EQ(NormalizePath("/a/b", "/x/../y"), "/y");
}

TEST(ConfinedFileSystemTest, OpensWhatIsInside) {
  TempDir dir;
  ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), dir.Join("file"), "x"));
  ConfinedFileSystem files(FileSystem::Posix(), {dir.path()});
  EXPECT_OK(files.OpenForReading(dir.Join("file")));
  EXPECT_OK(files.OpenForReading("file"));
  EXPECT_OK(files.Stat("sub/../file"));
}

TEST(ConfinedFileSystemTest, FollowsLinkedFoldersThatStayInside) {
  TempDir dir;
  TempDir outside;
  namespace fs = std::filesystem;
  fs::create_directories(dir.Join("versions/3/deep"));
  fs::create_directory_symlink("versions/3", dir.Join("latest"));
  fs::create_directory_symlink(outside.path(), dir.Join("out"));
  fs::create_directory(outside.Join("sub"));
  ConfinedFileSystem files(FileSystem::Posix(), {dir.path()});
  EXPECT_OK(files.Create("latest/deep/a"));
  EXPECT_OK(files.Stat("versions/3/deep/a"));
  for (const char* path :
       {"out/x", "out/sub/x", "out/not/there/x", "latest/../out/x"}) {
    EXPECT_THAT(files.Create(path),
                HasCode(absl::StatusCode::kPermissionDenied, "leads outside"))
        << path;
  }
  EXPECT_THAT(files.Rename("latest/deep/a", "out/a"),
              HasCode(absl::StatusCode::kPermissionDenied, "leads outside"));
  // Nor is a linked folder gone into.
  EXPECT_THAT(files.List("out"),
              HasCode(absl::StatusCode::kPermissionDenied, "leads outside"));
  EXPECT_THAT(files.TryLockFolder("out"),
              HasCode(absl::StatusCode::kPermissionDenied, "leads outside"));
  EXPECT_OK(files.List("latest"));
  // Outside is what lies in none of the folders.
  ConfinedFileSystem both(FileSystem::Posix(), {dir.path(), outside.path()});
  EXPECT_OK(both.Create("out/x"));
  // The root itself may be a link.
  fs::create_directory_symlink(dir.path(), outside.Join("root"));
  ConfinedFileSystem linked(FileSystem::Posix(), {outside.Join("root")});
  EXPECT_OK(linked.Stat("latest/deep/a"));
  EXPECT_THAT(linked.Stat("out/x"),
              HasCode(absl::StatusCode::kPermissionDenied, "leads outside"));
}

TEST(ConfinedFileSystemTest, RefusesWhatIsOutside) {
  TempDir dir;
  ConfinedFileSystem files(FileSystem::Posix(), {dir.path(), "/declared"});
  for (const std::string& path :
       {std::string("/etc/passwd"), std::string("../x"), dir.path() + "/../x",
        dir.path() + "-beside", std::string("/")}) {
    EXPECT_THAT(files.OpenForReading(path),
                HasCode(absl::StatusCode::kPermissionDenied, path));
  }
  EXPECT_THAT(files.Create("/etc/x"),
              HasCode(absl::StatusCode::kPermissionDenied, "/etc/x"));
  EXPECT_THAT(files.Rename("a", "/etc/x"),
              HasCode(absl::StatusCode::kPermissionDenied, "/etc/x"));
  EXPECT_THAT(files.Stat("/declared/x"),
              HasCode(absl::StatusCode::kNotFound, ""));
}

}  // namespace
}  // namespace metagraph
