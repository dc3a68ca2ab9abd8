#include "core/checkpoint/bundle_writer.h"

#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(BundleWriterTest, WritesTheWorkedExampleByteForByte) {
  FakeFileSystem fs;
  ASSERT_OK_AND_ASSIGN(auto writer, BundleWriter::Create(fs, "m"));
  ASSERT_OK(writer->Add("W1", MakeTensor<float>({2, 2}, {1, 2, 3, 4})));
  ASSERT_OK(writer->Add("s", MakeTensor<std::string>({2}, {"ab", "c"})));
  const TensorShape full{4, 3};
  ASSERT_OK(writer->AddSlice("p", full, *TensorSlice::Parse("0,2:0,3"),
                             MakeTensor<float>({2, 3}, {0, 1, 2, 3, 4, 5})));
  ASSERT_OK(writer->AddSlice("p", full, *TensorSlice::Parse("2,2:0,3"),
                             MakeTensor<float>({2, 3}, {6, 7, 8, 9, 10, 11})));
  EXPECT_EQ(writer->bytes_written(), 73u);
  ASSERT_OK(writer->Finish());
  EXPECT_THAT(fs.AllFiles(), ElementsAre("m.data-00000-of-00001", "m.index"));
  EXPECT_EQ(fs.ContentOf("m.data-00000-of-00001"), ExampleData());
  EXPECT_EQ(fs.ContentOf("m.index"), ExampleIndex());
}

TEST(BundleWriterTest, NothingShowsBeforeFinish) {
  FakeFileSystem fs;
  {
    ASSERT_OK_AND_ASSIGN(auto writer, BundleWriter::Create(fs, "d/m"));
    ASSERT_OK(writer->Add("a", MakeTensor<float>({1}, {1})));
    EXPECT_FALSE(fs.Exists("d/m.index"));
    EXPECT_FALSE(fs.Exists("d/m.data-00000-of-00001"));
  }
  EXPECT_THAT(fs.AllFiles(), IsEmpty());
  EXPECT_THAT(fs.folders(), IsEmpty());
}

TEST(BundleWriterTest, EveryStorableDtypeRoundTrips) {
  std::vector<NamedTensor> tensors;
  for (int number = 1; number <= 23; ++number) {
    const auto dtype = static_cast<DataType>(number);
    if (!IsPlainData(dtype)) continue;
    Tensor tensor = *Tensor::Allocate(dtype, {3, 5});
    for (int64_t i = 0; i < tensor.size_bytes(); ++i) {
      static_cast<char*>(tensor.mutable_raw_data())[i] =
          static_cast<char>(dtype == DT_BOOL ? i % 2 : i * 37 + number);
    }
    tensors.emplace_back(std::string(DataTypeName(dtype)), tensor);
  }
  tensors.emplace_back(
      "string", MakeTensor<std::string>(
                    {2, 2}, {"", std::string(2000000, 'x'), "\xff", "b"}));
  tensors.emplace_back("no strings", MakeTensor<std::string>({0}, {}));
  tensors.emplace_back("one empty string", MakeTensor<std::string>({}, {""}));
  tensors.emplace_back("nothing", MakeTensor<float>({0, 7}, {}));
  tensors.emplace_back("scalar", Tensor::Scalar<int64_t>(-5));
  tensors.emplace_back(
      std::string("odd \xc3\xa4/name"),
      Tensor::Scalar<float>(std::numeric_limits<float>::quiet_NaN()));
  FakeFileSystem fs;
  ASSERT_OK(WriteBundle(fs, "m", tensors));
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_EQ(reader->tensors().size(), tensors.size());
  for (const auto& [name, want] : tensors) {
    ASSERT_OK_AND_ASSIGN(Tensor got, reader->Read(name));
    EXPECT_EQ(got.dtype(), want.dtype()) << name;
    EXPECT_EQ(got.shape().ToString(), want.shape().ToString()) << name;
    if (want.dtype() == DT_STRING) {
      EXPECT_EQ(Values<std::string>(got), Values<std::string>(want)) << name;
    } else {
      EXPECT_EQ(got.bytes(), want.bytes()) << name;
    }
    EXPECT_OK(reader->Verify(name));
  }
}

TEST(BundleWriterTest, LargeAndSmallTensorsStayInOrder) {
  FakeFileSystem fs;
  std::vector<NamedTensor> tensors;
  std::string expected;
  for (const int64_t size : {10, 3000000, 5, 1048576, 1048577, 1}) {
    Tensor tensor = *Tensor::Allocate(DT_UINT8, {size});
    std::memset(tensor.mutable_raw_data(), static_cast<int>(tensors.size()),
                static_cast<size_t>(size));
    expected.append(tensor.bytes().data(), tensor.bytes().size());
    tensors.emplace_back("t" + std::to_string(tensors.size()), tensor);
  }
  ASSERT_OK(WriteBundle(fs, "m", tensors));
  EXPECT_EQ(fs.ContentOf("m.data-00000-of-00001"), expected);
}

TEST(BundleWriterTest, SlicePlainAndWholeMix) {
  FakeFileSystem fs;
  ASSERT_OK_AND_ASSIGN(auto writer, BundleWriter::Create(fs, "m"));
  // A slice that covers everything is an ordinary tensor.
  ASSERT_OK(writer->AddSlice("w", {2}, *TensorSlice::Parse("0,2"),
                             MakeTensor<float>({2}, {1, 2})));
  for (const int64_t column : {0, 1, 2}) {
    TensorSlice slice = TensorSlice::Whole(2);
    slice.extents[1] = {column, 1};
    const float c = static_cast<float>(column);
    ASSERT_OK(writer->AddSlice("columns", {2, 3}, slice,
                               MakeTensor<float>({2, 1}, {c, c + 10})));
  }
  ASSERT_OK(writer->Finish());
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  EXPECT_TRUE(reader->Find("w")->slices.empty());
  ASSERT_OK_AND_ASSIGN(Tensor columns, reader->Read("columns"));
  ExpectTensorEqual<float>(columns, {2, 3}, {0, 1, 2, 10, 11, 12});
}

TEST(BundleWriterTest, RefusesWhatCannotBeSaved) {
  FakeFileSystem fs;
  ASSERT_OK_AND_ASSIGN(auto writer, BundleWriter::Create(fs, "m"));
  const Tensor one = Tensor::Scalar<float>(1);
  ASSERT_OK(writer->Add("a", one));
  EXPECT_THAT(writer->Add("a", one), HasCode(absl::StatusCode::kInvalidArgument,
                                             "Adding duplicate key: a"));
  EXPECT_THAT(writer->Add("", one),
              HasCode(absl::StatusCode::kInvalidArgument, "name"));
  EXPECT_THAT(writer->Add("b", Tensor()),
              HasCode(absl::StatusCode::kInvalidArgument, "no value"));
  EXPECT_THAT(writer->AddSlice("c", {4}, *TensorSlice::Parse("0,2"), one),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "does not match the shape of the tensor to  save: "));
  EXPECT_THAT(writer->AddSlice("c", {4}, *TensorSlice::Parse("3,2"),
                               MakeTensor<float>({2}, {1, 2})),
              HasCode(absl::StatusCode::kInternal, "out of bounds"));
}

TEST(BundleWriterTest, CreatesOneLevelOfFolders) {
  FakeFileSystem fs;
  EXPECT_OK(WriteBundle(fs, "d/m", {{"a", Tensor::Scalar<float>(1)}}));
  EXPECT_TRUE(fs.Exists("d/m.index"));
  EXPECT_THAT(WriteBundle(fs, "x/y/m", {}),
              HasCode(absl::StatusCode::kNotFound, "x/y; No such file"));
}

// Readers of the old checkpoint are not disturbed: no new data file takes the
// name of an old one.
TEST(BundleWriterTest, OverwritingChangesTheDataFileName) {
  FakeFileSystem fs({"d"});
  const auto value = [](float v) {
    return std::vector<NamedTensor>{{"a", Tensor::Scalar<float>(v)}};
  };
  ASSERT_OK(WriteBundle(fs, "d/m", value(1)));
  ASSERT_OK_AND_ASSIGN(auto old, BundleReader::Open(fs, "d/m"));
  fs.Put("d/m.data-00000-of-00001x", "another's");
  fs.Put("d/m.meta", "graph");
  ASSERT_OK(WriteBundle(fs, "d/m", value(2)));
  EXPECT_THAT(fs.AllFiles(),
              ElementsAre("d/m.data-00000-of-00001x", "d/m.data-00000-of-00002",
                          "d/m.index", "d/m.meta"));
  ASSERT_OK_AND_ASSIGN(auto second, BundleReader::Open(fs, "d/m"));
  EXPECT_THAT(second->DataFiles(), ElementsAre("d/m.data-00000-of-00002"));
  ASSERT_OK(WriteBundle(fs, "d/m", value(3)));
  EXPECT_THAT(fs.AllFiles(),
              ElementsAre("d/m.data-00000-of-00001", "d/m.data-00000-of-00001x",
                          "d/m.index", "d/m.meta"));
  ExpectTensorEqual<float>(*old->Read("a"), {}, {1});
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "d/m"));
  ExpectTensorEqual<float>(*reader->Read("a"), {}, {3});
}

// An index that cannot be read now may be a good one: nobody knows which names
// its data has.
TEST(BundleWriterTest, AnIndexThatCannotBeReadIsNotReplaced) {
  class BadSector : public FakeFileSystem {
   public:
    absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
        const std::string& path) override {
      ASSIGN_OR_RETURN(auto file, FakeFileSystem::OpenForReading(path));
      if (!is_bad) return file;
      return std::make_unique<BadFile>(file->size());
    }
    bool is_bad = false;

   private:
    class BadFile : public RandomAccessFile {
     public:
      explicit BadFile(uint64_t size) : size_(size) {}
      absl::Status Read(uint64_t, size_t, void*) const override {
        return absl::UnknownError("m.index; Input/output error");
      }
      uint64_t size() const override { return size_; }

     private:
      const uint64_t size_;
    };
  };
  BadSector fs;
  PutExample(&fs, "m");
  const std::vector<std::string> before = fs.AllFiles();
  fs.is_bad = true;
  EXPECT_THAT(WriteBundle(fs, "m", {{"a", Tensor::Scalar<float>(1)}}),
              HasCode(absl::StatusCode::kUnknown, "Input/output error"));
  EXPECT_EQ(fs.AllFiles(), before);
  EXPECT_EQ(fs.ContentOf("m.index"), ExampleIndex());
}

// Two that commit under one name: one after the other, whatever they are.
TEST(BundleWriterTest, CommitsOfOneNameTakeTurns) {
  TempDir dir;
  FileSystem& fs = FileSystem::Posix();
  const std::string prefix = dir.path() + "/m";
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> writers;
    for (const float value : {1.0f, 2.0f, 3.0f}) {
      writers.emplace_back([&, value] {
        EXPECT_OK(WriteBundle(fs, prefix, {{"a", Tensor::Scalar(value)}}));
      });
    }
    for (std::thread& writer : writers) writer.join();
    ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, prefix));
    EXPECT_OK(reader->Read("a"));
  }
  EXPECT_EQ(fs.List(dir.path())->size(), 2u);
}

}  // namespace
}  // namespace metagraph
