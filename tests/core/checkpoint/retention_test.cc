#include "core/checkpoint/retention.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/checkpoint_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A folder "/d" with the checkpoints m-1 and m-2.
class UpdateCheckpointStateTest : public ::testing::Test {
 protected:
  UpdateCheckpointStateTest() : fs_({"/d"}) {
    PutExample(&fs_, "/d/m-1");
    PutExample(&fs_, "/d/m-2");
  }
  FakeFileSystem fs_;
};

TEST_F(UpdateCheckpointStateTest, WritesTensorFlowsLook) {
  ASSERT_OK_AND_ASSIGN(auto expired,
                       UpdateCheckpointState(fs_, "/d", "/d/m-1", {5}));
  EXPECT_THAT(expired, IsEmpty());
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/m-2", {5}));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"),
            "model_checkpoint_path: \"m-2\"\n"
            "all_model_checkpoint_paths: \"m-1\"\n"
            "all_model_checkpoint_paths: \"m-2\"\n");
  // Again the first: it moves to the end.
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/m-1", {5}));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"), State("m-1", {"m-2", "m-1"}));
}

TEST_F(UpdateCheckpointStateTest, ReplacesAStateFileThatCannotBeRead) {
  fs_.Put("/d/checkpoint", "model_checkpoint_path: {{");
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/m-1", {5}));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"), State("m-1", {"m-1"}));
}

TEST_F(UpdateCheckpointStateTest, ReportsWhatFallsOff) {
  PutExample(&fs_, "/d/m-3");
  fs_.Put("/far/m-8.index", "");
  fs_.Put("/d/checkpoint",
          State("/d/m-2", {"/far/m-8", "gone", "m-1", "/d/m-2"}));
  ASSERT_OK_AND_ASSIGN(auto expired,
                       UpdateCheckpointState(fs_, "/d", "/d/m-3", {1}));
  // Not what lies in another folder, and not what is gone.
  EXPECT_THAT(expired, ElementsAre("/d/m-1", "/d/m-2"));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"), State("m-3", {"m-3"}));
}

TEST_F(UpdateCheckpointStateTest, KeepsTimestampsParallel) {
  fs_.Put("/d/checkpoint", State("m-1", {"m-1"}) +
                               "all_model_checkpoint_timestamps: 7.5\n"
                               "last_preserved_timestamp: 3.25\n");
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/m-2", {5}));
  ASSERT_OK_AND_ASSIGN(auto state, ReadCheckpointState(fs_, "/d"));
  ASSERT_EQ(state.all_model_checkpoint_timestamps_size(), 2);
  EXPECT_EQ(state.all_model_checkpoint_timestamps(0), 7.5);
  EXPECT_GT(state.all_model_checkpoint_timestamps(1), 1e9);
  EXPECT_EQ(state.last_preserved_timestamp(), 3.25);
}

TEST_F(UpdateCheckpointStateTest, OneInSoManyHoursStaysForGood) {
  ASSERT_OK(fs_.Remove("/d/m-1.index"));
  ASSERT_OK(fs_.Remove("/d/m-2.index"));
  const absl::Time start = absl::FromUnixSeconds(1000000);
  // A save every 20 minutes, two stay, and one an hour for good.
  std::vector<std::string> removed;
  for (int i = 0; i < 10; ++i) {
    const std::string prefix = absl::StrCat("/d/m-", 20 * i);
    fs_.Put(prefix + ".index", "");
    fs_.SetModified(prefix + ".index", start + absl::Minutes(20 * i));
    // What there is to know is in the folder: the state file may get lost.
    if (i == 6) fs_.Put("/d/checkpoint", State("m-100", {"m-80", "m-100"}));
    ASSERT_OK_AND_ASSIGN(auto expired,
                         UpdateCheckpointState(fs_, "/d", prefix, {2, 1.0}));
    for (const std::string& old : expired) {
      removed.push_back(old);
      ASSERT_OK(RemoveCheckpoint(fs_, old));
    }
  }
  EXPECT_THAT(removed, ElementsAre("/d/m-0", "/d/m-20", "/d/m-40", "/d/m-80",
                                   "/d/m-100", "/d/m-140"));
  std::vector<std::string> left;
  ASSERT_OK_AND_ASSIGN(const auto listed, ListCheckpoints(fs_, "/d"));
  for (const CheckpointInfo& info : listed) {
    left.push_back(info.prefix);
  }
  EXPECT_THAT(left, ElementsAre("/d/m-60", "/d/m-120", "/d/m-160", "/d/m-180"));
  ASSERT_OK_AND_ASSIGN(auto state, ReadCheckpointState(fs_, "/d"));
  EXPECT_EQ(state.last_preserved_timestamp(), 1000000 + 120 * 60);
}

// Whatever the state file says, only checkpoints fall off.
TEST_F(UpdateCheckpointStateTest, GivesUpNothingButCheckpoints) {
  fs_.Put("/d/notes.txt", "mine");
  fs_.Put("/d/m-1.meta", "a graph");
  fs_.Put("/d/n.txt-00000-of-00002", "mine");
  PutExample(&fs_, "/d/m-3");
  fs_.Put("/d/checkpoint",
          State("m-1", {"/elsewhere/notes.txt", "m-1.meta", "checkpoint",
                        "m-3.index", "*", "n.txt-\?\?\?\?\?-of-00002",
                        "m-3.data-00000-of-00001", "m-2", "/x/m-2", "m-1"}));
  ASSERT_OK_AND_ASSIGN(auto expired,
                       UpdateCheckpointState(fs_, "/d", "/d/m-3", {1}));
  EXPECT_THAT(expired, ElementsAre("/d/m-2", "/d/m-1"));
}

// What stays and what falls, as text.
std::string Retain(std::vector<StateEntry> entries, const Retention& retention,
                   double last_preserved = 0) {
  const Retained out =
      ApplyRetention(std::move(entries), retention, last_preserved);
  std::vector<std::string> paths;
  for (const StateEntry& entry : out.entries) paths.push_back(entry.path);
  return absl::StrCat(absl::StrJoin(paths, " "), " | ",
                      absl::StrJoin(out.expired, " "), " | ",
                      out.last_preserved);
}

// One written at that hour.
StateEntry At(int hour, bool counts = true) {
  return {absl::StrCat("m", hour), 0, absl::StrCat("/d/m", hour), 3600.0 * hour,
          counts};
}

TEST(ApplyRetentionTest, OldestFallFirst) {
  EXPECT_EQ(Retain({At(1), At(2), At(3)}, {}), "m1 m2 m3 |  | 0");
  EXPECT_EQ(Retain({At(1), At(2), At(3)}, {3}), "m1 m2 m3 |  | 0");
  EXPECT_EQ(Retain({At(1), At(2), At(3)}, {1}), "m3 | /d/m1 /d/m2 | 0");
  EXPECT_EQ(Retain({At(1)}, {1}), "m1 |  | 0");
}

TEST(ApplyRetentionTest, AnotherSeriesIsLeftAlone) {
  StateEntry gone = At(0, false);
  gone.prefix.clear();
  EXPECT_EQ(Retain({gone, At(1, false), At(2), At(3, false), At(4)}, {1}),
            "m1 m3 m4 | /d/m2 | 0");
}

// A path that is written in two ways keeps its files as long as one entry
// stays.
TEST(ApplyRetentionTest, OneCheckpointTwice) {
  StateEntry again = At(1);
  again.path = "/old/place/m1";
  EXPECT_EQ(Retain({again, At(2), At(1), At(3)}, {2}), "m1 m3 | /d/m2 | 0");
}

TEST(ApplyRetentionTest, WhatIsNotThereCountsButDoesNotFall) {
  StateEntry gone = At(1);
  gone.prefix.clear();
  EXPECT_EQ(Retain({gone, At(2), At(3)}, {2}), "m2 m3 |  | 0");
}

TEST(ApplyRetentionTest, OneInSoManyHoursStays) {
  const Retention retention = {1, 2.0};
  // The first sets the mark.
  EXPECT_EQ(Retain({At(1), At(2)}, retention), "m2 | /d/m1 | 3600");
  EXPECT_EQ(Retain({At(2), At(3)}, retention, 3600), "m3 | /d/m2 | 3600");
  EXPECT_EQ(Retain({At(3), At(4)}, retention, 3600), "m4 |  | 10800");
  EXPECT_EQ(Retain({At(3), At(4), At(5), At(6)}, retention, 3600),
            "m6 | /d/m4 | 18000");
}

// Two savers in one folder, as those of a generator and a discriminator.
TEST_F(UpdateCheckpointStateTest, CountsItsOwnSeries) {
  for (const char* name : {"gen-1", "gen-2", "dis-1"}) {
    PutExample(&fs_, absl::StrCat("/d/", name));
  }
  fs_.Put("/d/checkpoint", State("gen-2", {"gen-1", "m-1", "m-2", "gen-2"}));
  ASSERT_OK_AND_ASSIGN(auto expired,
                       UpdateCheckpointState(fs_, "/d", "/d/dis-1", {1}));
  EXPECT_THAT(expired, IsEmpty());
  PutExample(&fs_, "/d/gen-3");
  ASSERT_OK_AND_ASSIGN(expired,
                       UpdateCheckpointState(fs_, "/d", "/d/gen-3", {2}));
  EXPECT_THAT(expired, ElementsAre("/d/gen-1"));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"),
            State("gen-3", {"m-1", "m-2", "gen-2", "dis-1", "gen-3"}));
}

// Another folder's checkpoint does not stand for one that has its name here.
TEST_F(UpdateCheckpointStateTest, LeavesTheNamesakeOfAnotherFolderAlone) {
  PutExample(&fs_, "/far/m-2");
  PutExample(&fs_, "/d/m-3");
  PutExample(&fs_, "/d/m-4");
  fs_.Put("/d/checkpoint", State("m-3", {"/far/m-2", "./m-1", "m-3"}));
  ASSERT_OK_AND_ASSIGN(auto expired,
                       UpdateCheckpointState(fs_, "/d", "/d/m-4", {1}));
  EXPECT_THAT(expired, ElementsAre("/d/m-1", "/d/m-3"));
}

// Names of the caller's own choice, as TensorFlow's Saver counts them.
TEST_F(UpdateCheckpointStateTest, CountsWhatTheSaverWroteItself) {
  PutExample(&fs_, "/d/best");
  const std::string own[] = {"/d/m-1", "/d/m-2"};
  fs_.Put("/d/checkpoint", State("m-2", {"m-1", "m-2"}));
  ASSERT_OK_AND_ASSIGN(auto expired,
                       UpdateCheckpointState(fs_, "/d", "/d/best", {2}, own));
  EXPECT_THAT(expired, ElementsAre("/d/m-1"));
}

}  // namespace
}  // namespace metagraph
