#include "core/checkpoint/bundle_reader.h"

#include <string>
#include <thread>
#include <vector>

#include "core/checkpoint/tensor_slice.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Names(const CheckpointReader& reader) {
  std::vector<std::string> names;
  for (const auto& tensor : reader.tensors()) names.push_back(tensor.name);
  return names;
}

TEST(BundleReaderTest, ReadsTheWorkedExample) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_THAT(Names(*reader), ElementsAre("W1", "p", "s"));
  EXPECT_EQ(reader->num_shards(), 1);

  const CheckpointTensor* p = reader->Find("p");
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->dtype, DT_FLOAT);
  EXPECT_EQ(p->shape.ToString(), "[4,3]");
  EXPECT_EQ(p->stored_bytes, 48u);
  ASSERT_EQ(p->slices.size(), 2u);
  EXPECT_EQ(p->slices[1].ToString(), "2,2:0,3");
  EXPECT_EQ(reader->Find("q"), nullptr);

  ASSERT_OK_AND_ASSIGN(Tensor w1, reader->Read("W1"));
  ExpectTensorEqual<float>(w1, {2, 2}, {1, 2, 3, 4});
  ASSERT_OK_AND_ASSIGN(Tensor s, reader->Read("s"));
  ExpectTensorEqual<std::string>(s, {2}, {"ab", "c"});
  ASSERT_OK_AND_ASSIGN(Tensor whole, reader->Read("p"));
  ExpectTensorEqual<float>(whole, {4, 3},
                           {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  for (const char* name : {"W1", "s", "p"}) EXPECT_OK(reader->Verify(name));
}

TEST(BundleReaderTest, ReadsAnySliceHoweverItIsStored) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  const auto read = [&](const char* name, const char* slice) {
    return *reader->ReadSlice(name, *TensorSlice::Parse(slice));
  };
  ExpectTensorEqual<float>(read("p", "0,2:0,3"), {2, 3}, {0, 1, 2, 3, 4, 5});
  ExpectTensorEqual<float>(read("p", "1,2:-"), {2, 3}, {3, 4, 5, 6, 7, 8});
  ExpectTensorEqual<float>(read("p", "1,3:1,1"), {3, 1}, {4, 7, 10});
  ExpectTensorEqual<float>(read("W1", "-:1,1"), {2, 1}, {2, 4});
  ExpectTensorEqual<std::string>(read("s", "1,1"), {1}, {"c"});
}

TEST(BundleReaderTest, RefusesSlicesOutOfBounds) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_THAT(reader->ReadSlice("p", *TensorSlice::Parse("3,2:-")),
              HasCode(absl::StatusCode::kInternal,
                      "Extent in dimension 0 out of bounds: shape = [4,3], "
                      "slice = 3,2:-"));
  EXPECT_THAT(reader->ReadSlice("p", *TensorSlice::Parse("0,1")),
              HasCode(absl::StatusCode::kInvalidArgument, "ranks"));
}

TEST(BundleReaderTest, MissingNameIsNotFound) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_THAT(reader->Read("W9"), HasCode(absl::StatusCode::kNotFound,
                                          "Key W9 not found in checkpoint"));
}

TEST(BundleReaderTest, MissingFilesAreNotFound) {
  FakeFileSystem fs;
  EXPECT_THAT(BundleReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kNotFound, "m.index"));
  EXPECT_THAT(CheckpointReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kNotFound, "m"));
  fs.Put("m.index", ExampleIndex());
  // The index alone can be listed.
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_EQ(reader->tensors().size(), 3u);
  EXPECT_THAT(reader->Read("W1"),
              HasCode(absl::StatusCode::kNotFound, "m.data-00000-of-00001"));
}

// A save may remove the data files between the index that names them and
// their opening.
TEST(BundleReaderTest, ReadsTheOneThatReplacedIt) {
  class ReplacedOnce : public FakeFileSystem {
   public:
    absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
        const std::string& path) override {
      if (!replaced_ && path == "m.data-00000-of-00001") {
        replaced_ = true;
        EXPECT_OK(WriteBundle(*this, "m", {{"W1", Tensor::Scalar<float>(7)}}));
      }
      return FakeFileSystem::OpenForReading(path);
    }

   private:
    bool replaced_ = false;
  };
  ReplacedOnce fs;
  PutExample(&fs, "m");
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  ExpectTensorEqual<float>(*reader->Read("W1"), {}, {7});
}

TEST(BundleReaderTest, ShortDataFileIsOutOfRange) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  fs.Put("m.data-00000-of-00001", ExampleData().substr(0, 20));
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_OK(reader->Read("W1"));
  EXPECT_THAT(reader->Read("s"), HasCode(absl::StatusCode::kOutOfRange,
                                         "Read less bytes than requested"));
  EXPECT_THAT(reader->Read("p"), HasCode(absl::StatusCode::kOutOfRange,
                                         "Read less bytes than requested"));
}

TEST(BundleReaderTest, FlippedDataIsDataLoss) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  std::string data = ExampleData();
  data[3] ^= 1;   // W1
  data[24] ^= 1;  // s
  data[17] ^= 2;  // a length of s
  fs.Put("m.data-00000-of-00001", data);
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_THAT(reader->Read("W1"),
              HasCode(absl::StatusCode::kDataLoss,
                      "TensorBundle at m shard 0 (16 bytes): Checksum does not "
                      "match: stored"));
  EXPECT_THAT(reader->Read("s"), HasCode(absl::StatusCode::kDataLoss, ""));
  EXPECT_THAT(reader->Verify("W1"), HasCode(absl::StatusCode::kDataLoss, ""));
  EXPECT_OK(reader->Read("p"));
}

TEST(BundleReaderTest, DamagedIndexNamesTheFile) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  std::string index = ExampleIndex();
  index[10] ^= 1;
  fs.Put("m.index", index);
  EXPECT_THAT(BundleReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kDataLoss,
                      "Unable to read file (m.index). Perhaps the file is "
                      "corrupt or was produced by a newer version of "
                      "TensorFlow with format changes (failed to seek to "
                      "header entry): block checksum mismatch"));
  fs.Put("m.index", "");
  EXPECT_THAT(BundleReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kDataLoss,
                      "file is too short to be an sstable"));
  index = ExampleIndex();
  index.back() ^= 1;
  fs.Put("m.index", index);
  EXPECT_THAT(BundleReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kDataLoss,
                      "not an sstable (bad magic number)"));
}

TEST(BundleReaderTest, EveryTruncationOfTheIndexIsAnError) {
  const std::string index = ExampleIndex();
  for (size_t size = 0; size < index.size(); ++size) {
    FakeFileSystem fs;
    PutExample(&fs, "m");
    fs.Put("m.index", index.substr(0, size));
    EXPECT_THAT(BundleReader::Open(fs, "m"),
                HasCode(absl::StatusCode::kDataLoss, ""))
        << size;
  }
}

TEST(BundleReaderTest, EveryFlippedBitIsAnErrorOrChangesNothing) {
  const std::string index = ExampleIndex();
  const std::string data = ExampleData();
  const auto check = [](FakeFileSystem& fs, size_t bit) {
    auto reader = BundleReader::Open(fs, "m");
    if (!reader.ok()) return;
    EXPECT_EQ((*reader)->tensors().size(), 3u) << bit;
    if (auto w1 = (*reader)->Read("W1"); w1.ok()) {
      ExpectTensorEqual<float>(*w1, {2, 2}, {1, 2, 3, 4});
    }
    if (auto s = (*reader)->Read("s"); s.ok()) {
      ExpectTensorEqual<std::string>(*s, {2}, {"ab", "c"});
    }
    if (auto p = (*reader)->Read("p"); p.ok()) {
      ExpectTensorEqual<float>(*p, {4, 3},
                               {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    }
  };
  FakeFileSystem fs;
  PutExample(&fs, "m");
  for (size_t bit = 0; bit < 8 * index.size(); ++bit) {
    std::string flipped = index;
    flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
    fs.Put("m.index", flipped);
    check(fs, bit);
  }
  fs.Put("m.index", index);
  for (size_t bit = 0; bit < 8 * data.size(); ++bit) {
    std::string flipped = data;
    flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
    fs.Put("m.data-00000-of-00001", flipped);
    check(fs, bit);
  }
}

// Indexes whose checksums are right and whose content is a lie.
class HostileIndexTest : public ::testing::Test {
 protected:
  HostileIndexTest() {
    PutExample(&fs_, "m");
    index_ = TakeApart(fs_, "m");
  }
  absl::StatusOr<std::unique_ptr<BundleReader>> Open() {
    PutIndex(&fs_, "m", index_.header, index_.entries);
    return BundleReader::Open(fs_, "m");
  }
  absl::Status ReadStatus(const std::string& name) {
    ASSIGN_OR_RETURN(auto reader, Open());
    return reader->Read(name).status();
  }

  FakeFileSystem fs_;
  OpenIndex index_;
};

TEST_F(HostileIndexTest, UnchangedIsFine) {
  ASSERT_OK(ReadStatus("W1"));
  EXPECT_EQ(fs_.ContentOf("m.index"), ExampleIndex());
}

TEST_F(HostileIndexTest, SizeThatDoesNotFitTheShape) {
  index_.entries["W1"].set_size(12);
  EXPECT_THAT(ReadStatus("W1"),
              HasCode(absl::StatusCode::kDataLoss,
                      "Invalid size in bundle entry: key W1; stored size 12; "
                      "expected size 16"));
}

TEST_F(HostileIndexTest, HugeShapeTakesNoMemory) {
  auto entry = index_.entries["W1"];
  entry.mutable_shape()->mutable_dim(0)->set_size(int64_t{1} << 58);
  entry.mutable_shape()->mutable_dim(1)->set_size(1);
  index_.entries["W1"] = entry;
  EXPECT_THAT(ReadStatus("W1"), HasCode(absl::StatusCode::kDataLoss, "W1"));
  index_.entries = {{"W1", entry}};  // nothing else to lie over
  index_.entries["W1"].set_size(int64_t{1} << 60);
  EXPECT_THAT(ReadStatus("W1"), HasCode(absl::StatusCode::kOutOfRange, ""));
  index_.entries["W1"].mutable_shape()->mutable_dim(1)->set_size(int64_t{1}
                                                                 << 58);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss, "W1"));
}

TEST_F(HostileIndexTest, HugeStringCountTakesNoMemory) {
  index_.entries["s"].mutable_shape()->mutable_dim(0)->set_size(int64_t{1}
                                                                << 40);
  EXPECT_THAT(ReadStatus("s"), HasCode(absl::StatusCode::kDataLoss, "s"));
}

TEST_F(HostileIndexTest, StringLengthBeyondThePiece) {
  std::string piece;
  PutVarint64(&piece, uint64_t{1} << 62);
  PutVarint64(&piece, uint64_t{3} << 62);
  fs_.Put("m.data-00000-of-00001", piece);
  auto entry = index_.entries["s"];
  entry.set_offset(0);
  entry.set_size(static_cast<int64_t>(piece.size()));
  index_.entries = {{"s", entry}};
  EXPECT_THAT(ReadStatus("s"),
              HasCode(absl::StatusCode::kDataLoss, "does not fit"));
}

TEST_F(HostileIndexTest, NegativeAndOverflowingOffsets) {
  index_.entries["W1"].set_offset(-1);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss, "offset -1"));
  index_.entries["W1"].set_offset(INT64_MAX - 8);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss, "W1"));
}

TEST_F(HostileIndexTest, OffsetBeyondTheFile) {
  index_.entries["W1"].set_offset(1000);
  EXPECT_THAT(ReadStatus("W1"), HasCode(absl::StatusCode::kOutOfRange, ""));
}

TEST_F(HostileIndexTest, OverlappingTensors) {
  index_.entries["W1"].set_offset(8);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss,
                              "lie over each other in the data file"));
}

TEST_F(HostileIndexTest, ShardThatDoesNotExist) {
  index_.entries["W1"].set_shard_id(1);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss, "in shard 1 of 1"));
  index_.header.set_num_shards(2147483647);  // costs nothing
  index_.entries["W1"].set_shard_id(2147483646);
  EXPECT_THAT(ReadStatus("W1"), HasCode(absl::StatusCode::kNotFound, ""));
}

TEST_F(HostileIndexTest, NegativeDimension) {
  index_.entries["W1"].mutable_shape()->mutable_dim(0)->set_size(-2);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kDataLoss, "W1"));
}

TEST_F(HostileIndexTest, UnknownAndVariantTypesFailOnlyTheirTensor) {
  index_.entries["W1"].set_dtype(DT_VARIANT);
  EXPECT_THAT(ReadStatus("W1"),
              HasCode(absl::StatusCode::kUnimplemented, "variant"));
  index_.entries["W1"].set_dtype(static_cast<DataType>(77));
  EXPECT_THAT(ReadStatus("W1"),
              HasCode(absl::StatusCode::kUnimplemented, "77"));
  EXPECT_OK(ReadStatus("p"));
}

TEST_F(HostileIndexTest, MissingSlice) {
  index_.entries.erase(index_.entries.begin());
  EXPECT_THAT(ReadStatus("p"),
              HasCode(absl::StatusCode::kDataLoss,
                      "slice 0,2:0,3 of tensor \"p\" is missing"));
  EXPECT_OK(ReadStatus("W1"));
}

TEST_F(HostileIndexTest, SlicesThatLeaveAGap) {
  auto& p = index_.entries["p"];
  p.mutable_slices()->DeleteSubrange(1, 1);
  EXPECT_THAT(ReadStatus("p"),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Does not have sufficient slices for partitioned tensor "
                      "p to restore in slice_spec: -:-"));
  ASSERT_OK_AND_ASSIGN(auto reader, Open());
  EXPECT_THAT(reader->Verify("p"),
              HasCode(absl::StatusCode::kDataLoss, "6 of 12 elements"));
}

TEST_F(HostileIndexTest, OverlappingSlices) {
  auto& p = index_.entries["p"];
  const auto shifted = *TensorSlice::Parse("1,2:0,3");
  auto entry = std::prev(std::next(index_.entries.begin(), 2))->second;
  entry.set_offset(1000);
  index_.entries[EncodeSliceKey("p", shifted)] = entry;
  shifted.ToProto(p.mutable_slices(1));
  EXPECT_THAT(ReadStatus("p"), HasCode(absl::StatusCode::kDataLoss, "overlap"));
}

TEST_F(HostileIndexTest, SliceOfAnotherShape) {
  index_.entries.begin()->second.mutable_shape()->mutable_dim(0)->set_size(1);
  index_.entries.begin()->second.set_size(12);
  EXPECT_THAT(ReadStatus("p"),
              HasCode(absl::StatusCode::kDataLoss, "stored with the shape"));
}

TEST_F(HostileIndexTest, BigEndianAndNewerVersionsAreRefused) {
  index_.header.set_endianness(tensorflow::BundleHeaderProto::BIG);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kUnimplemented, "big-endian"));
  index_.header.clear_endianness();
  index_.header.mutable_version()->set_min_consumer(2);
  EXPECT_THAT(Open(), HasCode(absl::StatusCode::kInvalidArgument,
                              "Checkpoint min consumer version 2 above current "
                              "version 1"));
}

TEST_F(HostileIndexTest, BoolsAreZeroOrOne) {
  const std::string bytes("\x00\x01\x02\xff", 4);
  fs_.Put("m.data-00000-of-00001", bytes);
  tensorflow::BundleEntryProto& entry = index_.entries["b"];
  entry.set_dtype(DT_BOOL);
  entry.mutable_shape()->add_dim()->set_size(4);
  entry.set_size(4);
  entry.set_crc32c(MaskCrc32c(Crc32c(bytes)));
  index_.entries.erase("W1");
  ASSERT_OK_AND_ASSIGN(auto reader, Open());
  ASSERT_OK_AND_ASSIGN(Tensor b, reader->Read("b"));
  const char* raw = static_cast<const char*>(b.raw_data());
  EXPECT_EQ(std::string(raw, 4), std::string("\x00\x01\x01\x01", 4));
}

TEST(BundleReaderTest, TensorsCanBeReadInParallel) {
  FakeFileSystem fs;
  PutExample(&fs, "m");
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&reader] {
      for (int turn = 0; turn < 50; ++turn) {
        for (const char* name : {"W1", "p", "s"}) {
          EXPECT_OK(reader->Read(name));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace metagraph
