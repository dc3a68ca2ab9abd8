// Saves that are interrupted at every operation.

#include <string>
#include <vector>

#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/checkpoint_writer.h"
#include "core/checkpoint/retention.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

using Loss = FakeFileSystem::Loss;

std::vector<NamedTensor> Weights(float value) {
  return {{"a", MakeTensor<float>({2}, {value, value})},
          {"b", MakeTensor<std::string>({1}, {std::to_string(value)})},
          {"c", MakeTensor<float>({3}, {value, value, value})}};
}

// The value that all tensors of the checkpoint agree on.
absl::StatusOr<float> ValueOf(FileSystem& fs, const std::string& prefix) {
  ASSIGN_OR_RETURN(auto reader, BundleReader::Open(fs, prefix));
  ASSIGN_OR_RETURN(const Tensor a, reader->Read("a"));
  ASSIGN_OR_RETURN(const Tensor b, reader->Read("b"));
  ASSIGN_OR_RETURN(const Tensor c, reader->Read("c"));
  const float value = a.data<float>()[0];
  if (b.data<std::string>()[0] != std::to_string(value) ||
      c.data<float>()[2] != value) {
    return absl::InternalError("a mix");
  }
  return value;
}

absl::Status SaveAndPoint(FileSystem& fs, const std::string& prefix,
                          float value) {
  RETURN_IF_ERROR(WriteBundle(fs, prefix, Weights(value)));
  return UpdateCheckpointState(fs, "d", prefix, {2}).status();
}

absl::StatusOr<float> LatestValue(FileSystem& fs) {
  ASSIGN_OR_RETURN(const FoundCheckpoint found, LatestCheckpoint(fs, "d"));
  return ValueOf(fs, found.prefix);
}

class CrashTest : public ::testing::TestWithParam<const char*> {};

// Under the same name, and under a new one.
INSTANTIATE_TEST_SUITE_P(Prefixes, CrashTest,
                         ::testing::Values("d/m-1", "d/m-2"));

TEST_P(CrashTest, LeavesTheOldCheckpointOrTheNewOne) {
  for (const Loss loss : FakeFileSystem::kLosses) {
    for (int n = 0;; ++n) {
      FakeFileSystem fs({"d"});
      ASSERT_OK(SaveAndPoint(fs, "d/m-1", 1));
      fs.Crash(Loss::kNothing);
      fs.FailAfter(n);
      const bool saved = SaveAndPoint(fs, GetParam(), 2).ok();
      fs.Crash(loss);
      const absl::StatusOr<float> found = LatestValue(fs);
      ASSERT_OK(found) << "operation " << n;
      if (saved) {
        EXPECT_EQ(*found, 2);
        break;
      }
      EXPECT_TRUE(*found == 1 || *found == 2) << n;
      // The next save goes through.
      ASSERT_OK(SaveAndPoint(fs, GetParam(), 3));
      EXPECT_EQ(*LatestValue(fs), 3);
    }
  }
}

TEST_P(CrashTest, FullDiskLeavesTheOldCheckpointAndNothingElse) {
  for (int n = 0;; ++n) {
    FakeFileSystem fs({"d"});
    ASSERT_OK(SaveAndPoint(fs, "d/m-1", 1));
    const auto before = fs.AllFiles();
    fs.FailOnce(n);
    const absl::Status status = WriteBundle(fs, GetParam(), Weights(2));
    if (!fs.failed_once()) {
      EXPECT_OK(status);
      break;
    }
    if (status.ok()) continue;  // only an old file could not be removed
    EXPECT_THAT(status,
                HasCode(absl::StatusCode::kResourceExhausted, "No space"));
    ASSERT_OK_AND_ASSIGN(const float value, LatestValue(fs));
    if (value == 1) {
      // The very last step, making the index durable, may fail late.
      if (fs.ContentOf(std::string(GetParam()) + ".index").empty() ||
          std::string(GetParam()) == "d/m-1") {
        EXPECT_EQ(fs.AllFiles(), before) << "operation " << n;
      }
    }
  }
}

// What was saved is not lost with the folders that were made for it.
TEST(NewFolderCrashTest, AFinishedSaveStays) {
  for (const Loss loss : FakeFileSystem::kLosses) {
    FakeFileSystem fs;
    CallContext call;
    ASSERT_OK(WriteCheckpointV2(
        fs, "new/run/m", {{"a", "", Tensor::Scalar<float>(1)}}, 1,
        [](int64_t) {}, call));
    fs.Crash(loss);
    ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "new/run/m"));
    ExpectTensorEqual<float>(*reader->Read("a"), {}, {1});
  }
}

TEST(ShardedCrashTest, LeavesTheOldCheckpointOrTheNewOne) {
  const auto save = [](FileSystem& fs, float value) {
    std::vector<TensorToSave> tensors;
    for (auto& [name, tensor] : Weights(value)) {
      tensors.push_back({name, "", tensor});
    }
    CallContext call;
    return WriteCheckpointV2(
               fs, "d/m", tensors, 2, [](int64_t) {}, call)
        .status();
  };
  for (const Loss loss : FakeFileSystem::kLosses) {
    for (int n = 0;; ++n) {
      FakeFileSystem fs({"d"});
      ASSERT_OK(save(fs, 1));
      fs.Crash(Loss::kNothing);
      fs.FailAfter(n);
      const bool saved = save(fs, 2).ok();
      fs.Crash(loss);
      const absl::StatusOr<float> found = ValueOf(fs, "d/m");
      ASSERT_OK(found) << "operation " << n;
      if (saved) {
        EXPECT_EQ(*found, 2);
        break;
      }
      EXPECT_TRUE(*found == 1 || *found == 2) << n;
    }
  }
}

}  // namespace
}  // namespace metagraph
