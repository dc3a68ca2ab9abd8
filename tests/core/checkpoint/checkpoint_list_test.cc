#include "core/checkpoint/checkpoint_list.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

using ::testing::HasSubstr;

// A folder "/d" with the checkpoints m-1 and m-2.
class CheckpointListTest : public ::testing::Test {
 protected:
  CheckpointListTest() : fs_({"/d"}) {
    PutExample(&fs_, "/d/m-1");
    PutExample(&fs_, "/d/m-2");
  }
  void Remove(const std::string& prefix) {
    ASSERT_OK(fs_.Remove(prefix + ".index"));
  }
  FakeFileSystem fs_;
};

TEST_F(CheckpointListTest, RelativeEntry) {
  fs_.Put("/d/checkpoint", State("m-1", {"m-1", "m-2"}));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-1");
  EXPECT_EQ(found.explanation, "named by the state file");
}

// Counts how often it is asked for a file.
class CountingFileSystem final : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<FileInfo> Stat(const std::string& path) override {
    ++stats;
    return FakeFileSystem::Stat(path);
  }
  int stats = 0;
};

TEST(CheckpointListSizeTest, ManyEntriesOfOneCheckpointAreLookedForOnce) {
  CountingFileSystem files({"/d"});
  PutExample(&files, "/d/m-1");
  files.Put("/d/checkpoint",
            State("m-1", std::vector<std::string>(5000, "m-1")));
  ASSERT_OK_AND_ASSIGN(const auto listed, ListCheckpoints(files, "/d"));
  EXPECT_TRUE(listed[0].in_state_file);
  EXPECT_LT(files.stats, 100);
}

TEST(CheckpointListSizeTest, ManyNamesOfOneCheckpointAreNotAllLookedFor) {
  CountingFileSystem files({"/d"});
  PutExample(&files, "/d/m-1");
  std::vector<std::string> names;
  for (int i = 0; i < 30000; ++i) {
    names.push_back(absl::StrCat("/away", i, "/m-1"));
  }
  files.Put("/d/checkpoint", State("m-1", names));
  ASSERT_OK_AND_ASSIGN(const auto listed, ListCheckpoints(files, "/d"));
  EXPECT_TRUE(listed[0].in_state_file);
  EXPECT_LT(files.stats, 50'000);
}

TEST_F(CheckpointListTest, ManyEntriesThatAreNotThere) {
  std::vector<std::string> gone;
  for (int i = 0; i < 20000; ++i) gone.push_back(absl::StrCat("z", i));
  std::vector<std::string> all = gone;
  all.insert(all.begin(), "m-1");
  fs_.Put("/d/checkpoint", State("z", all));
  // The folder knows more than so many names.
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-2");
  EXPECT_THAT(found.explanation, HasSubstr("97 more older entries"));
  EXPECT_LT(found.explanation.size(), 1000);
  ASSERT_OK_AND_ASSIGN(const auto listed, ListCheckpoints(fs_, "/d"));
  EXPECT_FALSE(listed[0].in_state_file);
  all = gone;
  all.push_back("m-1");
  fs_.Put("/d/checkpoint", State("z", all));
  ASSERT_OK_AND_ASSIGN(found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-1");
  ASSERT_OK_AND_ASSIGN(const auto again, ListCheckpoints(fs_, "/d"));
  EXPECT_TRUE(again[0].in_state_file);
}

// Whoever may write the folder may not end the process that looks at it.
TEST_F(CheckpointListTest, DeepNestingInTheStateFile) {
  std::string text = State("m-1", {"m-1"});
  for (int i = 0; i < 1000000; ++i) text += "a{";
  fs_.Put("/d/checkpoint", text);
  EXPECT_THAT(ReadCheckpointState(fs_, "/d"),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "/d/checkpoint cannot be parsed: line "));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-2");
}

TEST_F(CheckpointListTest, AbsoluteEntryElsewhere) {
  fs_.Put("/other.index", ExampleIndex());
  fs_.Put("/d/checkpoint", State("/other", {"/other"}));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/other");
}

TEST_F(CheckpointListTest, MovedFolder) {
  fs_.Put("/d/checkpoint", State("/home/me/run/m-1", {"/home/me/run/m-1"}));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-1");
  EXPECT_THAT(found.explanation, HasSubstr("may have been moved"));
}

TEST_F(CheckpointListTest, StateFileAsEditorsLeaveIt) {
  fs_.Put("/d/checkpoint",
          "\xEF\xBB\xBF# the best one\r\nmodel_checkpoint_path: 'm-1'\r\n");
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->explanation,
            "named by the state file");
}

TEST_F(CheckpointListTest, WindowsPath) {
  fs_.Put("/d/checkpoint", State("C:\\\\runs\\\\7\\\\m-1", {}));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/m-1");
}

TEST_F(CheckpointListTest, DanglingEntryFallsBackToOlderOnes) {
  fs_.Put("/d/checkpoint", State("m-9", {"m-1", "m-2", "m-8", "m-9"}));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-2");
  EXPECT_THAT(found.explanation, HasSubstr("\"m-9\" is not there"));
  EXPECT_THAT(found.explanation, HasSubstr("\"m-8\" is not there"));
}

TEST_F(CheckpointListTest, NoUsableEntryFallsBackToTheNewestIndex) {
  fs_.Put("/d/checkpoint", State("x-9", {"x-9"}));
  PutExample(&fs_, "/d/m-0");  // the last one written
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/m-0");
}

TEST_F(CheckpointListTest, MissingAndUnparsableStateFiles) {
  EXPECT_THAT(ReadCheckpointState(fs_, "/d"),
              HasCode(absl::StatusCode::kNotFound, "/d/checkpoint"));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-2");
  EXPECT_THAT(found.explanation, HasSubstr("there is no state file"));

  fs_.Put("/d/checkpoint", "model_checkpoint_path: m-1");
  EXPECT_THAT(ReadCheckpointState(fs_, "/d"),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "/d/checkpoint cannot be parsed: line 1"));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/m-2");

  fs_.Put("/d/checkpoint", "all_model_checkpoint_paths: \"m-1\"");
  EXPECT_THAT(
      ReadCheckpointState(fs_, "/d"),
      HasCode(absl::StatusCode::kInvalidArgument, "no model_checkpoint_path"));
}

TEST_F(CheckpointListTest, NothingToFindSaysWhereItLooked) {
  Remove("/d/m-1");
  Remove("/d/m-2");
  fs_.Put("/d/checkpoint", State("/gone/m-2", {"/gone/m-1", "/gone/m-2"}));
  const auto found = LatestCheckpoint(fs_, "/d");
  EXPECT_THAT(
      found, HasCode(absl::StatusCode::kNotFound, "no checkpoint in \"/d\": "));
  EXPECT_THAT(found, HasCode(absl::StatusCode::kNotFound, "\"/gone/m-1\""));
  EXPECT_THAT(found, HasCode(absl::StatusCode::kNotFound, ".index"));
  EXPECT_THAT(LatestCheckpoint(fs_, "/none"),
              HasCode(absl::StatusCode::kNotFound, "/none"));
}

TEST_F(CheckpointListTest, OldFormatCounts) {
  fs_.Put("/d/v1-00000-of-00002", "");
  fs_.Put("/d/checkpoint", State("v1-\?\?\?\?\?-of-00002", {}));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/v1-\?\?\?\?\?-of-00002");
  // A folder of that name is not a checkpoint.
  ASSERT_OK(fs_.CreateDirectory("/d/sub"));
  EXPECT_FALSE(CheckpointExists(fs_, "/d/sub"));
}

TEST_F(CheckpointListTest, ListsOldestFirst) {
  fs_.Put("/d/checkpoint", State("/elsewhere/m-1", {"/elsewhere/m-1"}));
  PutExample(&fs_, "/d/m-1");  // written again: now the newest
  ASSERT_OK_AND_ASSIGN(auto listed, ListCheckpoints(fs_, "/d"));
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].prefix, "/d/m-2");
  EXPECT_EQ(listed[0].global_step, 2);
  EXPECT_EQ(listed[0].size, 73u + 248u);
  EXPECT_FALSE(listed[0].in_state_file);
  EXPECT_EQ(listed[1].prefix, "/d/m-1");
  EXPECT_TRUE(listed[1].in_state_file);
  EXPECT_TRUE(listed[1].latest);
  EXPECT_LT(listed[0].modified, listed[1].modified);
}

TEST_F(CheckpointListTest, ListsFormatV1) {
  const std::string pattern = "/d/old-7-\?\?\?\?\?-of-00002";
  for (const char* name :
       {"old-7-00000-of-00002", "old-7-00001-of-00002", "old-7.meta", "single",
        "single.meta", "named", "nothing", "m-1.meta", "alone.meta"}) {
    fs_.Put(absl::StrCat("/d/", name), "1234");
  }
  fs_.Put("/d/checkpoint", State("named", {"named", "alone.meta"}));
  ASSERT_OK_AND_ASSIGN(auto listed, ListCheckpoints(fs_, "/d"));
  std::map<std::string, CheckpointInfo> v1;
  for (const CheckpointInfo& info : listed) {
    if (info.format == 1) v1[info.prefix] = info;
  }
  ASSERT_EQ(v1.size(), 3u);
  EXPECT_EQ(listed.size(), 5u);
  EXPECT_EQ(v1["/d/named"].size, 4u);
  EXPECT_TRUE(v1["/d/named"].latest);
  EXPECT_EQ(v1["/d/single"].global_step, -1);
  EXPECT_EQ(v1[pattern].size, 8u);
  EXPECT_EQ(v1[pattern].global_step, 7);
  EXPECT_FALSE(v1[pattern].in_state_file);

  // Without a state file the newest is found all the same.
  ASSERT_OK(fs_.Remove("/d/checkpoint"));
  fs_.Put("/d/old-7-00001-of-00002", "again");
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, pattern);
}

}  // namespace
}  // namespace metagraph
