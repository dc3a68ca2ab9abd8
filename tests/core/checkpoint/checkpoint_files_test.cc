#include "core/checkpoint/checkpoint_files.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/checkpoint/v1_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;

TEST(FindFilesTest, FormatV2) {
  FakeFileSystem fs({"/d"});
  PutExample(&fs, "/d/m-1");
  PutExample(&fs, "/d/m-10");
  fs.Put("/d/m-1", "hidden by the index");
  fs.Put("/d/m-1.meta", "");
  fs.Put("/d/m-1.data-00000-of-00001.tempstate7", "half");
  const CheckpointFiles found = FindFiles(fs, "/d/m-1");
  EXPECT_EQ(found.format, 2);
  EXPECT_THAT(found.paths,
              ElementsAre("/d/m-1.data-00000-of-00001", "/d/m-1.index"));
  EXPECT_EQ(found.written, fs.Stat("/d/m-1.index")->modified);
  EXPECT_EQ(found.stamp.bytes, 73u + 248u);
  // A data file changes the stamp, though it came after the index.
  fs.Put("/d/m-1.data-00000-of-00001", ExampleData());
  const CheckpointFiles again = FindFiles(fs, "/d/m-1");
  EXPECT_EQ(again.written, found.written);
  EXPECT_NE(again.stamp, found.stamp);
  // Without the index there is no checkpoint, but there are files.
  ASSERT_OK(fs.Remove("/d/m-1.index"));
  ASSERT_OK(fs.Remove("/d/m-1"));
  EXPECT_EQ(FindFiles(fs, "/d/m-1").format, 0);
  EXPECT_THAT(FindFiles(fs, "/d/m-1").paths,
              ElementsAre("/d/m-1.data-00000-of-00001"));
}

TEST(FindFilesTest, FormatV1) {
  FakeFileSystem fs({"/d"});
  for (const char* name :
       {"m-00000-of-00002", "m-00001-of-00002", "m-00000-of-00003", "single"}) {
    fs.Put(absl::StrCat("/d/", name), "1234");
  }
  const std::string pattern = "/d/m-\?\?\?\?\?-of-00002";
  CheckpointFiles found = FindFiles(fs, pattern);
  EXPECT_EQ(found.format, 1);
  EXPECT_THAT(found.paths,
              ElementsAre("/d/m-00000-of-00002", "/d/m-00001-of-00002"));
  EXPECT_EQ(found.stamp.bytes, 8u);
  EXPECT_EQ(FindFiles(fs, "/d/*-of-00003").paths.size(), 1u);
  EXPECT_EQ(FindFiles(fs, "/d/single").format, 1);
  // These are no tables: not ours to remove.
  EXPECT_EQ(FindOwnFiles(fs, pattern).format, 0);
  EXPECT_EQ(FindOwnFiles(fs, "/d/single").format, 0);
}

TEST(FindFilesTest, Nothing) {
  FakeFileSystem fs({"/d", "/d/m"});
  for (const char* prefix : {"", "/d/", "/d/m", "/gone/m", "m"}) {
    EXPECT_EQ(FindFiles(fs, prefix).format, 0) << prefix;
    EXPECT_TRUE(FindFiles(fs, prefix).paths.empty()) << prefix;
  }
}

TEST(RemoveCheckpointTest, SparesWhatItIsTold) {
  FakeFileSystem fs({"/d"});
  PutExample(&fs, "/d/m-1");
  fs.Put("/d/m-1.meta", "the only graph");
  const std::string spare[] = {"/d/m-1.meta"};
  ASSERT_OK(RemoveCheckpoint(fs, "/d/m-1", spare));
  EXPECT_TRUE(fs.Exists("/d/m-1.meta"));
  EXPECT_FALSE(fs.Exists("/d/m-1.index"));
}

TEST(RemoveCheckpointTest, TakesIndexDataAndMeta) {
  FakeFileSystem fs({"/d"});
  PutExample(&fs, "/d/m-1");
  PutExample(&fs, "/d/m-2");
  fs.Put("/d/m-1.meta", "");
  PutExample(&fs, "/d/m-11");
  ASSERT_OK(RemoveCheckpoint(fs, "/d/m-1"));
  EXPECT_THAT(fs.AllFiles(),
              ElementsAre("/d/m-11.data-00000-of-00001", "/d/m-11.index",
                          "/d/m-2.data-00000-of-00001", "/d/m-2.index"));
  EXPECT_OK(RemoveCheckpoint(fs, "/d/m-1"));
}

// One that is half removed is no checkpoint any more.
TEST(RemoveCheckpointTest, AnIndexNeverOutlivesItsData) {
  bool removed = false;
  for (int n = 0; !removed; ++n) {
    FakeFileSystem fs({"/d"});
    PutExample(&fs, "/d/m");
    fs.FailAfter(n);
    removed = RemoveCheckpoint(fs, "/d/m").ok();
    EXPECT_TRUE(!fs.Exists("/d/m.index") ||
                fs.Exists("/d/m.data-00000-of-00001"))
        << "operation " << n;
  }
}

TEST(RemoveCheckpointTest, TakesTheFilesOfFormatV1) {
  FakeFileSystem fs({"/old"});
  for (const char* name : {"a-1", "a-1.meta", "a-10", "b-00000-of-00002",
                           "b-00001-of-00002", "b-00000-of-00003", "b.meta"}) {
    const std::string path = absl::StrCat("/old/", name);
    fs.Put(path, "");
    if (absl::EndsWith(name, ".meta")) continue;
    V1Writer writer(fs, path);
    ASSERT_OK(writer.Add("w", Tensor::Scalar<float>(1)));
    ASSERT_OK(writer.Finish());
  }
  ASSERT_OK(RemoveCheckpoint(fs, "/old/a-1"));
  ASSERT_OK(RemoveCheckpoint(fs, "/old/b-\?\?\?\?\?-of-00002"));
  // What a state file says may be anything; it is no wildcard here.
  ASSERT_OK(RemoveCheckpoint(fs, "/old/*"));
  ASSERT_OK(RemoveCheckpoint(fs, "/old/\?-10"));
  EXPECT_THAT(fs.AllFiles(), ElementsAre("/old/a-10", "/old/b-00000-of-00003"));
}

TEST(StaleTempFilesTest, OnlyOldOnesGo) {
  FakeFileSystem fs({"d", "d/m.tempstate5"});
  const std::vector<std::string> kept = {"d/m.index", "d/m.tempstate",
                                         "d/m.tempstate7x", "d/tempstate9"};
  for (const std::string& path : kept) fs.Put(path, "x");
  for (const char* path : {"d/m.index.tempstate12", "d/m.tempstate5/part.index",
                           "d/checkpoint.tempstate3"}) {
    fs.Put(path, "x");
  }
  const auto before = fs.AllFiles();
  RemoveStaleTempFiles(fs, "d", absl::InfinitePast());
  EXPECT_EQ(fs.AllFiles(), before);
  RemoveStaleTempFiles(fs, "d", absl::InfiniteFuture());
  EXPECT_EQ(fs.AllFiles().size(), kept.size());
  for (const std::string& path : kept) EXPECT_EQ(fs.ContentOf(path), "x");
  EXPECT_FALSE(fs.Stat("d/m.tempstate5").ok());
  RemoveStaleTempFiles(fs, "absent", absl::InfiniteFuture());
}

// Writing to a part does not touch the folder of a sharded save.
TEST(StaleTempFilesTest, AFolderIsInUseWhileAPartIs) {
  TempDir dir;
  FileSystem& posix = FileSystem::Posix();
  const std::string folder = dir.path() + "/m.tempstate5";
  ASSERT_OK(posix.CreateDirectory(folder));
  const std::string part = folder + "/part.data-00000-of-00001.tempstate6";
  ASSERT_OK(WriteFileAtomically(posix, part, "half"));
  const absl::Time now = posix.Stat(part)->modified;
  namespace stdfs = std::filesystem;
  stdfs::last_write_time(folder,
                         stdfs::last_write_time(part) - std::chrono::hours(2));
  RemoveStaleTempFiles(posix, dir.path(), now - absl::Hours(1));
  EXPECT_OK(posix.Stat(part));
  RemoveStaleTempFiles(posix, dir.path(), now + absl::Hours(1));
  EXPECT_FALSE(posix.Stat(folder).ok());
}

}  // namespace
}  // namespace metagraph
