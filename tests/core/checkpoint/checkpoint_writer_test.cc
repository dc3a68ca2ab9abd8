#include "core/checkpoint/checkpoint_writer.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr auto kIgnore = [](int64_t) {};

std::vector<TensorToSave> Three() {
  return {{"x", "", Tensor::Scalar<float>(1)},
          {"a", "", Tensor::Scalar<float>(2)},
          {"m", "", Tensor::Scalar<float>(3)}};
}

TEST(CheckpointWriterTest, SpreadsTensorsOverDataFiles) {
  FakeFileSystem fs;
  CallContext call;
  std::vector<int64_t> written;
  ASSERT_OK_AND_ASSIGN(
      const int64_t bytes,
      WriteCheckpointV2(
          fs, "d/m", Three(), 3, [&](int64_t size) { written.push_back(size); },
          call));
  EXPECT_EQ(bytes, 12);
  EXPECT_THAT(written, ElementsAre(4, 4, 4));
  EXPECT_THAT(fs.AllFiles(),
              ElementsAre("d/m.data-00000-of-00003", "d/m.data-00001-of-00003",
                          "d/m.data-00002-of-00003", "d/m.index"));
  EXPECT_THAT(fs.folders(), ElementsAre("d"));
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "d/m"));
  ExpectTensorEqual<float>(*reader->Read("m"), {}, {3});
}

// No more files than tensors.
TEST(CheckpointWriterTest, MoreShardsThanTensors) {
  FakeFileSystem fs;
  CallContext call;
  ASSERT_OK(WriteCheckpointV2(fs, "m", Three(), 100, kIgnore, call));
  EXPECT_THAT(fs.AllFiles(), SizeIs(4));
}

TEST(CheckpointWriterTest, FailureLeavesNothingBehind) {
  for (const int shards : {0, 1, 2}) {  // 0: format V1
    for (int n = 0;; ++n) {
      FakeFileSystem fs;
      CallContext call;
      fs.FailOnce(n);
      const absl::Status status =
          shards == 0
              ? WriteCheckpointV1(fs, "d/m", Three(), kIgnore, call).status()
              : WriteCheckpointV2(fs, "d/m", Three(), shards, kIgnore, call)
                    .status();
      if (status.ok()) break;
      // The last step, making the rename durable, may fail after the fact.
      if (fs.Exists("d/m.index") || fs.Exists("d/m")) continue;
      EXPECT_THAT(fs.AllFiles(), ElementsAre()) << n;
      EXPECT_THAT(fs.folders(), ElementsAre()) << n;
    }
  }
}

// Whatever fails, a save that says it is done has synced all of it.
TEST(CheckpointWriterTest, NoFailureThatMattersIsSwallowed) {
  // Large enough that V1 writes while tensors are added.
  std::vector<TensorToSave> tensors = Three();
  tensors[1].value = Tensor::Scalar<std::string>(std::string(300'000, 'x'));
  for (const int shards : {0, 1, 2}) {  // 0: format V1
    bool failed = true;
    for (int n = 0; failed; ++n) {
      SCOPED_TRACE(absl::StrCat("operation ", n, ", ", shards, " shards"));
      FakeFileSystem fs({"d"});
      CallContext call;
      fs.FailOnce(n);
      const absl::Status status =
          shards == 0
              ? WriteCheckpointV1(fs, "d/m", tensors, kIgnore, call).status()
              : WriteCheckpointV2(fs, "d/m", tensors, shards, kIgnore, call)
                    .status();
      failed = fs.failed_once();
      EXPECT_TRUE(failed || status.ok()) << status;
      if (!status.ok()) continue;
      fs.Crash(FakeFileSystem::Loss::kAllUnsynced);
      ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "d/m"));
      for (const TensorToSave& tensor : tensors) {
        EXPECT_OK(reader->Verify(tensor.key));
      }
    }
  }
}

TEST(CheckpointWriterTest, TheFormatsDoNotHideEachOther) {
  FakeFileSystem fs;
  CallContext call;
  ASSERT_OK(WriteCheckpointV1(fs, "one", Three(), kIgnore, call));
  ASSERT_OK(WriteCheckpointV2(fs, "two", Three(), 1, kIgnore, call));
  EXPECT_THAT(WriteCheckpointV2(fs, "one", Three(), 1, kIgnore, call),
              HasCode(absl::StatusCode::kFailedPrecondition, "format V1"));
  EXPECT_THAT(WriteCheckpointV1(fs, "two", Three(), kIgnore, call),
              HasCode(absl::StatusCode::kFailedPrecondition, "format V2"));
  EXPECT_THAT(WriteCheckpointV1(fs, "m.meta", Three(), kIgnore, call),
              HasCode(absl::StatusCode::kInvalidArgument, "no name for it"));
  fs.Put("notes.txt", "mine");
  EXPECT_THAT(WriteCheckpointV1(fs, "notes.txt", Three(), kIgnore, call),
              HasCode(absl::StatusCode::kFailedPrecondition, "no checkpoint"));
  EXPECT_EQ(fs.ContentOf("notes.txt"), "mine");
}

TEST(CheckpointWriterTest, StopsWhenTheCallerDoes) {
  FakeFileSystem fs;
  for (const int shards : {0, 1, 2}) {
    CallContext call;
    const auto cancel = [&call](int64_t) { call.Cancel(); };
    const absl::Status status =
        shards == 0 ? WriteCheckpointV1(fs, "m", Three(), cancel, call).status()
                    : WriteCheckpointV2(fs, "m", Three(), shards, cancel, call)
                          .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    EXPECT_THAT(fs.AllFiles(), ElementsAre());
  }
}

// Also when all values are written, up to the moment from which it counts.
TEST(CheckpointWriterTest, StopsAfterTheLastValue) {
  FakeFileSystem fs;
  CallContext call;
  size_t count = 0;
  const auto cancel = [&](int64_t) {
    if (++count == Three().size()) call.Cancel();
  };
  EXPECT_THAT(WriteCheckpointV2(fs, "m", Three(), 1, cancel, call),
              HasCode(absl::StatusCode::kCancelled, ""));
  EXPECT_THAT(fs.AllFiles(), ElementsAre());
}

}  // namespace
}  // namespace metagraph
