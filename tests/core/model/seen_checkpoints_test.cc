#include "core/model/seen_checkpoints.h"

#include <filesystem>
#include <functional>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

class SeenCheckpointsTest : public testing::Test {
 protected:
  void Put(const std::string& prefix) {
    fs_.Put(prefix + ".index", "");
    fs_.Put(prefix + ".data-00000-of-00001", "1234");
  }
  void Note(const std::string& prefix) {
    seen_.Note(prefix, FindFiles(fs_, prefix).stamp);
  }

  FakeFileSystem fs_{"/d"};
  SeenCheckpoints seen_{fs_};
};

TEST_F(SeenCheckpointsTest, NewsUntilNotedAndAgainWhenFilesChange) {
  Put("/d/m-1");
  EXPECT_FALSE(seen_.HasSeen("/d/m-1"));
  Note("/d/m-1");
  EXPECT_TRUE(seen_.HasSeen("/d/m-1"));
  EXPECT_FALSE(seen_.HasSeen("/d/m-2"));
  Put("/d/m-1");
  EXPECT_FALSE(seen_.HasSeen("/d/m-1"));
}

TEST_F(SeenCheckpointsTest, WhatIsBeingReadOrWrittenIsNoNews) {
  Put("/d/m-1");
  {
    const auto first = seen_.Begin("/d/m-1");
    const auto second = seen_.Begin("/d/m-1");
    EXPECT_TRUE(seen_.HasSeen("/d/m-1"));
  }
  EXPECT_FALSE(seen_.HasSeen("/d/m-1"));
}

// However many others come after it.
TEST_F(SeenCheckpointsTest, DoesNotForgetWhatIsThere) {
  Put("/d/newest");
  Note("/d/newest");
  for (int i = 0; i < 3000; ++i) Note(absl::StrCat("/d/gone-", i));
  EXPECT_TRUE(seen_.HasSeen("/d/newest"));
}

TEST_F(SeenCheckpointsTest, WhatARunWroteIsNoNews) {
  for (const char* file : {"/d/m-1.index", "/d/m-1.data-00000-of-00001"}) {
    Put("/d/m-1");
    seen_.AddChangedFile(file);
    EXPECT_TRUE(seen_.HasSeen("/d/m-1")) << file;
    seen_.NoteChangedFiles();
    EXPECT_TRUE(seen_.HasSeen("/d/m-1")) << file;
  }
  Put("/d/m-1");
  EXPECT_FALSE(seen_.HasSeen("/d/m-1"));
  // Format V1; and what is no checkpoint.
  fs_.Put("/d/old-00000-of-00001", "x");
  seen_.AddChangedFile("/d/old-00000-of-00001");
  seen_.AddChangedFile("/d/checkpoint");
  seen_.AddChangedFile("/d/m-2.index.tempstate7");
  seen_.NoteChangedFiles();
  EXPECT_TRUE(seen_.HasSeen("/d/old-\?\?\?\?\?-of-00001"));
}

// Lets something happen right after a file was looked at.
class InterruptedFileSystem final : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<FileInfo> Stat(const std::string& path) override {
    auto info = FakeFileSystem::Stat(path);
    if (path == path_) {
      path_.clear();
      then_();
    }
    return info;
  }
  void AfterLookAt(std::string path, std::function<void()> then) {
    path_ = std::move(path);
    then_ = std::move(then);
  }

 private:
  std::string path_;
  std::function<void()> then_;
};

TEST(SeenCheckpointsRunsTest, ARunThatEndsLeavesTheSaveOfAnotherOne) {
  InterruptedFileSystem fs{"/d"};
  SeenCheckpoints seen(fs);
  const auto write = [&](const std::string& content) {
    fs.Put("/d/m-1.index", content);
    seen.AddChangedFile("/d/m-1.index");
  };
  write("first");
  // While one run ends, another one writes.
  fs.AfterLookAt("/d/m-1.index", [&] { write("second"); });
  seen.NoteChangedFiles();
  EXPECT_TRUE(seen.HasSeen("/d/m-1"));
  seen.NoteChangedFiles();  // the other run ends
  EXPECT_TRUE(seen.HasSeen("/d/m-1"));
  fs.Put("/d/m-1.index", "of somebody else");
  EXPECT_FALSE(seen.HasSeen("/d/m-1"));
}

TEST(SeenCheckpointsSpellingTest, APathMayBeSpelledInAnyWay) {
  TempDir dir;
  namespace stdfs = std::filesystem;
  const std::string folder = dir.path() + "/d";
  ASSERT_TRUE(stdfs::create_directory(folder));
  stdfs::create_directory_symlink(folder, dir.path() + "/link");
  FileSystem& fs = FileSystem::Posix();
  ASSERT_OK(WriteFileAtomically(fs, folder + "/m.index", "x"));
  SeenCheckpoints seen(fs);
  seen.Note(folder + "/m", FindFiles(fs, folder + "/m").stamp);
  for (const char* other : {"/d/./m", "/d/../d/m", "//d//m", "/link/m"}) {
    EXPECT_TRUE(seen.HasSeen(dir.path() + other)) << other;
  }
}

}  // namespace
}  // namespace metagraph
