#include "core/checkpoint/named_checkpoint.h"

#include <string>

#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/checkpoint_writer.h"
#include "core/checkpoint/retention.h"
#include "core/checkpoint/v1_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using ::testing::HasSubstr;

class NamedCheckpointTest : public ::testing::Test {
 protected:
  NamedCheckpointTest() : fs_({"/d"}) {}
  std::string Find(const std::string& path) {
    const auto found = CheckpointOfPath(fs_, path);
    return found.ok() ? *found : std::string(found.status().message());
  }
  void PutV1(const std::string& path) {
    CallContext call;
    ASSERT_OK(WriteCheckpointV1(
        fs_, path, {{"w", "", MakeTensor<float>({1}, {2})}}, [](int64_t) {},
        call));
  }
  FakeFileSystem fs_;
};

TEST_F(NamedCheckpointTest, TakesAnyOfItsFiles) {
  PutExample(&fs_, "/d/m-1");
  PutExample(&fs_, "/d/m-2");
  fs_.Put("/d/m-1.meta", "a graph");
  fs_.Put("/d/checkpoint", State("m-2", {"m-1", "m-2"}));
  for (const char* path : {"/d/m-1", "/d/m-1.index", "/d/m-1.meta",
                           "/d/m-1.data-00000-of-00001"}) {
    EXPECT_EQ(Find(path), "/d/m-1") << path;
  }
  for (const char* path : {"/d", "/d/", "/d/checkpoint"}) {
    EXPECT_EQ(Find(path), "/d/m-2") << path;
  }
}

TEST_F(NamedCheckpointTest, SaysWhatIsMissing) {
  PutExample(&fs_, "/d/model-1");
  PutExample(&fs_, "/d/model-2");
  ASSERT_OK(fs_.Remove("/d/model-2.index"));
  EXPECT_THAT(Find("/d/model-2"), HasSubstr("\"/d/model-2.index\""));
  EXPECT_THAT(Find("/d/model-2.data-00000-of-00001"),
              HasSubstr("not its index"));
  EXPECT_THAT(Find("/d/modell-1"), HasSubstr("did you mean \"model-1\""));
  EXPECT_THAT(Find("/d/x.data-00000-of-00001"), HasSubstr("no checkpoint"));
}

TEST_F(NamedCheckpointTest, TakesFormatV1InOneOrSeveralFiles) {
  PutV1("/d/one.ckpt");
  PutV1("/d/parts");
  for (const char* part :
       {"/d/parts-00000-of-00002", "/d/parts-00001-of-00002"}) {
    ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(fs_, "/d/parts"));
    fs_.Put(part, bytes);
  }
  ASSERT_OK(fs_.Remove("/d/parts"));
  const std::string pattern = "/d/parts-\?\?\?\?\?-of-00002";
  EXPECT_EQ(Find("/d/one.ckpt"), "/d/one.ckpt");
  EXPECT_EQ(Find("/d/parts"), pattern);
  EXPECT_EQ(Find("/d/parts.meta"), pattern);
  EXPECT_EQ(Find("/d/parts-00001-of-00002"), pattern);
  EXPECT_EQ(Find(pattern), pattern);
}

TEST_F(NamedCheckpointTest, TakesAPrefixThatEndsInASlash) {
  PutExample(&fs_, "/d/");
  for (const char* path :
       {"/d/", "/d/.index", "/d/.meta", "/d/.data-00000-of-00001"}) {
    EXPECT_EQ(Find(path), "/d/") << path;
  }
  ASSERT_OK_AND_ASSIGN(const auto listed, ListCheckpoints(fs_, "/d"));
  ASSERT_EQ(listed.size(), 1);
  EXPECT_EQ(listed[0].prefix, "/d/");
  // What TensorFlow writes for it, and does not find again.
  for (const char* entry : {".", "/d/."}) {
    fs_.Put("/d/checkpoint", State(entry, {entry}));
    ASSERT_OK_AND_ASSIGN(const auto latest, LatestCheckpoint(fs_, "/d"));
    EXPECT_EQ(latest.prefix, "/d/");
    EXPECT_EQ(latest.explanation, "named by the state file");
  }
  // A step makes it one of the same series.
  PutExample(&fs_, "/d/-30");
  ASSERT_OK_AND_ASSIGN(const auto expired,
                       UpdateCheckpointState(fs_, "/d", "/d/-30", {1, 0}));
  EXPECT_THAT(expired, testing::ElementsAre("/d/"));
  ASSERT_OK(UpdateCheckpointState(fs_, "/d", "/d/", {}));
  EXPECT_EQ(ReadCheckpointState(fs_, "/d")->model_checkpoint_path(), ".");
}

TEST_F(NamedCheckpointTest, KnowsFormatV1ByItsContent) {
  PutExample(&fs_, "/d/m-1");
  PutV1("/d/pretrained.ckpt");
  fs_.Put("/d/copy-of-an-index", ExampleIndex());
  fs_.Put("/d/.m-2.index.AbCdEf", ExampleIndex());
  fs_.Put("/d/README", "a text that is long enough to have a footer, or not");
  EXPECT_TRUE(IsV1Checkpoint(fs_, "/d/pretrained.ckpt"));
  EXPECT_FALSE(IsV1Checkpoint(fs_, "/d/copy-of-an-index"));
  ASSERT_OK_AND_ASSIGN(const auto listed, ListCheckpoints(fs_, "/d"));
  std::vector<std::string> prefixes;
  for (const auto& info : listed) prefixes.push_back(info.prefix);
  EXPECT_THAT(prefixes,
              testing::UnorderedElementsAre("/d/m-1", "/d/pretrained.ckpt"));
  // One that nothing tells of is taken only if there is no other.
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/m-1");
  ASSERT_OK(fs_.Remove("/d/m-1.index"));
  EXPECT_EQ(LatestCheckpoint(fs_, "/d")->prefix, "/d/pretrained.ckpt");
}

}  // namespace
}  // namespace metagraph
