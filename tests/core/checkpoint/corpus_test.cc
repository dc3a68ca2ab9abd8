// Checkpoints that real TensorFlow wrote, of public models and of our goldens.

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint/table.h"
#include "core/checkpoint/verify.h"
#include "core/io/coding.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

namespace stdfs = std::filesystem;

class CorpusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* part : {"corpus", "golden"}) {
      const stdfs::path root = stdfs::path(MG_SHARED_DIR) / part;
      if (!stdfs::exists(root)) {
        GTEST_SKIP() << "there is no " << root << " beside the project";
      }
      for (const auto& entry : stdfs::recursive_directory_iterator(root)) {
        const std::string path = entry.path().string();
        if (entry.path().extension() != ".index") continue;
        // Cases that are damaged on purpose say so in their name.
        if (path.find("/broken_") != std::string::npos) continue;
        indexes_.push_back(path);
      }
    }
    std::sort(indexes_.begin(), indexes_.end());
    ASSERT_FALSE(indexes_.empty());
  }
  std::vector<std::string> indexes_;
};

// Whether the last data block, which ends where the metaindex begins, is
// compressed.
bool IsCompressed(const std::string& bytes) {
  absl::string_view footer(bytes);
  footer.remove_prefix(bytes.size() - 48);
  uint64_t metaindex = 0;
  EXPECT_TRUE(GetVarint64(&footer, &metaindex));
  return metaindex >= 5 && bytes[metaindex - 5] != 0;
}

TEST_F(CorpusTest, EveryIndexReencodesByteForByte) {
  int compressed = 0;
  for (const std::string& path : indexes_) {
    ASSERT_OK_AND_ASSIGN(std::string bytes,
                         ReadFile(FileSystem::Posix(), path));
    auto table = TableReader::Open(*FileSystem::Posix().OpenForReading(path));
    ASSERT_OK(table) << path;
    FakeFileSystem fs;
    auto file = *fs.Create("again");
    TableWriter writer(*file);
    ASSERT_OK((*table)->ForEach([&](absl::string_view key,
                                    absl::string_view value) -> absl::Status {
      // Through the messages, so that these keep every field as well.
      std::string encoded;
      if (key.empty()) {
        tensorflow::BundleHeaderProto header;
        EXPECT_TRUE(header.ParseFromString(std::string(value)));
        encoded = header.SerializeAsString();
      } else {
        tensorflow::BundleEntryProto entry;
        EXPECT_TRUE(entry.ParseFromString(std::string(value)));
        encoded = entry.SerializeAsString();
      }
      EXPECT_EQ(encoded, std::string(value)) << path;
      return writer.Add(key, value);
    })) << path;
    ASSERT_OK(writer.Finish());
    if (IsCompressed(bytes)) {
      ++compressed;
    } else {
      EXPECT_TRUE(fs.ContentOf("again") == bytes) << path << " differs";
    }
  }
  RecordProperty("indexes", static_cast<int>(indexes_.size()));
  RecordProperty("compressed", compressed);
}

TEST_F(CorpusTest, EveryChecksumHolds) {
  for (const std::string& path : indexes_) {
    const std::string prefix = path.substr(0, path.size() - 6);
    ASSERT_OK_AND_ASSIGN(auto reader,
                         BundleReader::Open(FileSystem::Posix(), prefix));
    for (const CheckpointTensor& tensor : reader->tensors()) {
      const absl::Status status = reader->Verify(tensor.name);
      // Some models are kept without their weights.
      if (absl::IsNotFound(status)) break;
      EXPECT_OK(status) << prefix << ": " << tensor.name;
    }
  }
}

// Reading and writing again gives the same data file, for checkpoints in one
// shard and without slices.
TEST_F(CorpusTest, WrittenAgainIsByteIdentical) {
  int written = 0;
  for (const std::string& path : indexes_) {
    const std::string prefix = path.substr(0, path.size() - 6);
    const auto data =
        ReadFile(FileSystem::Posix(), prefix + ".data-00000-of-00001",
                 uint64_t{4} << 20);
    if (!data.ok()) continue;
    ASSERT_OK_AND_ASSIGN(std::string index,
                         ReadFile(FileSystem::Posix(), path));
    if (IsCompressed(index)) continue;

    FakeFileSystem fs;
    fs.Put("m.index", index);
    fs.Put("m.data-00000-of-00001", *data);
    OpenIndex open = TakeApart(fs, "m");
    ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
    std::vector<std::pair<int64_t, std::string>> order;  // as first added
    bool sliced = false;
    for (const auto& [name, entry] : open.entries) {
      sliced |= entry.slices_size() > 0;
      order.emplace_back(entry.offset(), name);
    }
    if (sliced) continue;
    // Empty tensors share their offset with the next one and come first.
    std::sort(order.begin(), order.end());
    ASSERT_OK_AND_ASSIGN(auto writer, BundleWriter::Create(fs, "again"));
    for (const auto& [offset, name] : order) {
      ASSERT_OK_AND_ASSIGN(Tensor tensor, reader->Read(name));
      ASSERT_OK(writer->Add(name, tensor));
    }
    ASSERT_OK(writer->Finish());
    EXPECT_TRUE(fs.ContentOf("again.index") == index) << path;
    EXPECT_TRUE(fs.ContentOf("again.data-00000-of-00001") == *data) << path;
    ++written;
  }
  EXPECT_GT(written, 50);
}

}  // namespace
}  // namespace metagraph
