#include "core/checkpoint/verify.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

TEST(VerifyTest, GoodCheckpointIsGood) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  std::vector<uint64_t> progress;
  ASSERT_OK_AND_ASSIGN(
      CheckpointCheck check,
      VerifyCheckpoint(fs, "m", [&](uint64_t done, uint64_t total) {
        EXPECT_EQ(total, 73u);
        progress.push_back(done);
        return true;
      }));
  EXPECT_TRUE(check.ok());
  EXPECT_EQ(check.format, 2);
  EXPECT_EQ(check.total_bytes, 73u);
  ASSERT_EQ(check.tensors.size(), 3u);
  EXPECT_EQ(check.tensors[1].name, "p");
  EXPECT_EQ(check.tensors[1].slices, 2);
  EXPECT_EQ(progress, (std::vector<uint64_t>{16, 64, 73}));
}

TEST(VerifyTest, EachBadTensorIsReported) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  std::string data = ExampleData();
  data[0] ^= 1;
  fs.Put("m.data-00000-of-00001", data.substr(0, 60));
  ASSERT_OK_AND_ASSIGN(CheckpointCheck check, VerifyCheckpoint(fs, "m"));
  EXPECT_EQ(check.bad, 2);
  EXPECT_THAT(check.tensors[0].status,
              HasCode(absl::StatusCode::kDataLoss, "Checksum"));
  EXPECT_THAT(check.tensors[1].status,
              HasCode(absl::StatusCode::kOutOfRange, "Read less"));
  EXPECT_OK(check.tensors[2].status);
}

TEST(VerifyTest, FailsWithoutACheckpointAndWhenCancelled) {
  FakeFileSystem fs;
  EXPECT_THAT(VerifyCheckpoint(fs, "m"),
              HasCode(absl::StatusCode::kNotFound, "m"));
  PutExample(&fs, "m");
  EXPECT_THAT(
      VerifyCheckpoint(fs, "m", [](uint64_t, uint64_t) { return false; }),
      HasCode(absl::StatusCode::kCancelled, ""));
}

}  // namespace
}  // namespace metagraph
