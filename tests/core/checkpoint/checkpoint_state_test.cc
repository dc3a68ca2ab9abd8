#include "core/checkpoint/checkpoint_state.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "core/checkpoint/v1_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string State(const std::string& newest,
                  const std::vector<std::string>& all) {
  std::string text = "model_checkpoint_path: \"" + newest + "\"\n";
  for (const std::string& entry : all) {
    text += "all_model_checkpoint_paths: \"" + entry + "\"\n";
  }
  return text;
}

// A folder "/d" with the checkpoints m-1 and m-2.
class CheckpointStateTest : public ::testing::Test {
 protected:
  CheckpointStateTest() : fs_({"/d"}) {
    PutExample(&fs_, "/d/m-1");
    PutExample(&fs_, "/d/m-2");
  }
  void Remove(const std::string& prefix) {
    ASSERT_OK(fs_.Remove(prefix + ".index"));
  }
  FakeFileSystem fs_;
};

TEST_F(CheckpointStateTest, RelativeEntry) {
  fs_.Put("/d/checkpoint", State("m-1", {"m-1", "m-2"}));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-1");
  EXPECT_EQ(found.explanation, "named by the state file");
}

TEST_F(CheckpointStateTest, AbsoluteEntryElsewhere) {
  fs_.Put("/other.index", ExampleIndex());
  fs_.Put("/d/checkpoint", State("/other", {"/other"}));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/other");
}

TEST_F(CheckpointStateTest, MovedFolder) {
  fs_.Put("/d/checkpoint", State("/home/me/run/m-1", {"/home/me/run/m-1"}));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-1");
  EXPECT_THAT(found.explanation, HasSubstr("may have been moved"));
}

TEST_F(CheckpointStateTest, WindowsPath) {
  fs_.Put("/d/checkpoint", State("C:\\\\runs\\\\7\\\\m-1", {}));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/m-1");
}

TEST_F(CheckpointStateTest, DanglingEntryFallsBackToOlderOnes) {
  fs_.Put("/d/checkpoint", State("m-9", {"m-1", "m-2", "m-8", "m-9"}));
  ASSERT_OK_AND_ASSIGN(FoundCheckpoint found, LatestCheckpoint(fs_, "/d"));
  EXPECT_EQ(found.prefix, "/d/m-2");
  EXPECT_THAT(found.explanation, HasSubstr("\"m-9\" is not there"));
  EXPECT_THAT(found.explanation, HasSubstr("\"m-8\" is not there"));
}

TEST_F(CheckpointStateTest, NoUsableEntryFallsBackToTheNewestIndex) {
  fs_.Put("/d/checkpoint", State("x-9", {"x-9"}));
  PutExample(&fs_, "/d/m-0");  // the last one written
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/m-0");
}

TEST_F(CheckpointStateTest, MissingAndUnparsableStateFiles) {
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

TEST_F(CheckpointStateTest, NothingToFindSaysWhereItLooked) {
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

TEST_F(CheckpointStateTest, OldFormatCounts) {
  fs_.Put("/d/v1-00000-of-00002", "");
  fs_.Put("/d/checkpoint", State("v1-\?\?\?\?\?-of-00002", {}));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/v1-\?\?\?\?\?-of-00002");
  // A folder of that name is not a checkpoint.
  ASSERT_OK(fs_.CreateDirectory("/d/sub"));
  EXPECT_FALSE(CheckpointExists(fs_, "/d/sub"));
}

TEST_F(CheckpointStateTest, ListsOldestFirst) {
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

TEST_F(CheckpointStateTest, ListsFormatV1) {
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

TEST_F(CheckpointStateTest, UpdateWritesTensorFlowsLook) {
  ASSERT_OK_AND_ASSIGN(auto fallen,
                       UpdateCheckpointState(fs_, "/d", "/d/m-1", {5}));
  EXPECT_THAT(fallen, IsEmpty());
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/m-2", {5}));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"),
            "model_checkpoint_path: \"m-2\"\n"
            "all_model_checkpoint_paths: \"m-1\"\n"
            "all_model_checkpoint_paths: \"m-2\"\n");
  // Again the first: it moves to the end.
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/m-1", {5}));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"), State("m-1", {"m-2", "m-1"}));
}

TEST_F(CheckpointStateTest, UpdateReportsWhatFallsOff) {
  PutExample(&fs_, "/d/m-3");
  fs_.Put("/far/m-8.index", "");
  fs_.Put("/d/checkpoint",
          State("/d/m-2", {"/far/m-8", "gone", "m-1", "/d/m-2"}));
  ASSERT_OK_AND_ASSIGN(auto fallen,
                       UpdateCheckpointState(fs_, "/d", "/d/m-3", {1}));
  // Not what lies in another folder, and not what is gone.
  EXPECT_THAT(fallen, ElementsAre("/d/m-1", "/d/m-2"));
  EXPECT_EQ(fs_.ContentOf("/d/checkpoint"), State("m-3", {"m-3"}));
}

TEST_F(CheckpointStateTest, UpdateKeepsTimestampsParallel) {
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

TEST_F(CheckpointStateTest, OneInSoManyHoursStaysForGood) {
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
    ASSERT_OK_AND_ASSIGN(auto fallen,
                         UpdateCheckpointState(fs_, "/d", prefix, {2, 1.0}));
    for (const std::string& old : fallen) {
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
TEST_F(CheckpointStateTest, UpdateGivesUpNothingButCheckpoints) {
  fs_.Put("/d/notes.txt", "mine");
  fs_.Put("/d/m-1.meta", "a graph");
  fs_.Put("/d/n.txt-00000-of-00002", "mine");
  PutExample(&fs_, "/d/m-3");
  fs_.Put("/d/checkpoint",
          State("m-1", {"/elsewhere/notes.txt", "m-1.meta", "checkpoint",
                        "m-3.index", "*", "n.txt-\?\?\?\?\?-of-00002",
                        "m-3.data-00000-of-00001", "m-2", "/x/m-2", "m-1"}));
  ASSERT_OK_AND_ASSIGN(auto fallen,
                       UpdateCheckpointState(fs_, "/d", "/d/m-3", {1}));
  EXPECT_THAT(fallen, ElementsAre("/d/m-2", "/d/m-1"));
}

TEST_F(CheckpointStateTest, RemoveSparesWhatItIsTold) {
  fs_.Put("/d/m-1.meta", "the only graph");
  const std::string spare[] = {"/d/m-1.meta"};
  ASSERT_OK(RemoveCheckpoint(fs_, "/d/m-1", spare));
  EXPECT_TRUE(fs_.Exists("/d/m-1.meta"));
  EXPECT_FALSE(fs_.Exists("/d/m-1.index"));
}

TEST_F(CheckpointStateTest, RemoveTakesIndexDataAndMeta) {
  fs_.Put("/d/m-1.meta", "");
  PutExample(&fs_, "/d/m-11");
  ASSERT_OK(RemoveCheckpoint(fs_, "/d/m-1"));
  EXPECT_THAT(fs_.AllFiles(),
              ElementsAre("/d/m-11.data-00000-of-00001", "/d/m-11.index",
                          "/d/m-2.data-00000-of-00001", "/d/m-2.index"));
  EXPECT_OK(RemoveCheckpoint(fs_, "/d/m-1"));
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

TEST(GlobalStepTest, IsTheNumberAtTheEnd) {
  EXPECT_EQ(GlobalStepOf("/d/model.ckpt-2000"), 2000);
  EXPECT_EQ(GlobalStepOf("model-00000042"), 42);
  EXPECT_EQ(GlobalStepOf("model"), -1);
  EXPECT_EQ(GlobalStepOf("model-20-\?\?\?\?\?-of-00002"), 20);
  EXPECT_EQ(GlobalStepOf("model-"), -1);
  EXPECT_EQ(GlobalStepOf("model-12a"), -1);
  EXPECT_EQ(GlobalStepOf("model-99999999999999999999"), -1);
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

}  // namespace
}  // namespace metagraph
