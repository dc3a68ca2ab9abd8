#include "core/checkpoint/v1_reader.h"

#include <filesystem>
#include <string>

#include "core/checkpoint/verify.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"
#include "tests/core/tensor/memory_limit.h"

namespace metagraph {
namespace {

using tensorflow::SavedSliceMeta;
using tensorflow::SavedTensorSlices;

// Makes a V1 file, record by record.
class V1File {
 public:
  explicit V1File(FakeFileSystem& fs) : fs_(fs) {}

  SavedSliceMeta* Declare(const std::string& name, DataType dtype,
                          const TensorShape& shape) {
    SavedSliceMeta* meta = head_.mutable_meta()->add_tensor();
    meta->set_name(name);
    meta->set_type(dtype);
    shape.ToProto(meta->mutable_shape());
    return meta;
  }
  tensorflow::TensorProto* AddSlice(SavedSliceMeta* meta,
                                    const TensorSlice& slice) {
    slice.ToProto(meta->add_slice());
    SavedTensorSlices& record = records_[EncodeSliceKey(meta->name(), slice)];
    record.mutable_data()->set_name(meta->name());
    slice.ToProto(record.mutable_data()->mutable_slice());
    return record.mutable_data()->mutable_data();
  }
  void Write(const std::string& path) {
    auto file = *fs_.Create(path);
    TableWriter table(*file);
    ASSERT_OK(table.Add("", head_.SerializeAsString()));
    for (const auto& [key, record] : records_) {
      ASSERT_OK(table.Add(key, record.SerializeAsString()));
    }
    ASSERT_OK(table.Finish());
  }

 private:
  FakeFileSystem& fs_;
  SavedTensorSlices head_;
  std::map<std::string, SavedTensorSlices> records_;
};

void PutWhole(FakeFileSystem& fs, const std::string& path) {
  V1File file(fs);
  auto* w =
      file.AddSlice(file.Declare("w", DT_INT32, {2, 2}), TensorSlice::Whole(2));
  for (const int v : {1, 2, 3, 4}) w->add_int_val(v);
  file.AddSlice(file.Declare("s", DT_STRING, {}), TensorSlice())
      ->add_string_val("text");
  file.Write(path);
}

TEST(V1ReaderTest, ReadsWholeTensorsAndTheirSlices) {
  FakeFileSystem fs;
  PutWhole(fs, "m");
  ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "m"));
  EXPECT_EQ(reader->format(), 1);
  ASSERT_EQ(reader->tensors().size(), 2u);
  EXPECT_EQ(reader->tensors()[0].name, "s");
  ExpectTensorEqual<int32_t>(*reader->Read("w"), {2, 2}, {1, 2, 3, 4});
  ExpectTensorEqual<std::string>(*reader->Read("s"), {}, {"text"});
  ExpectTensorEqual<int32_t>(
      *reader->ReadSlice("w", *TensorSlice::Parse("-:1,1")), {2, 1}, {2, 4});
  EXPECT_OK(reader->Verify("w"));
  EXPECT_THAT(reader->Read("x"),
              HasCode(absl::StatusCode::kNotFound,
                      "Tensor name \"x\" not found in checkpoint files m"));
}

TEST(V1ReaderTest, JoinsSlicesOfSeveralFiles) {
  FakeFileSystem fs;
  for (const int row : {0, 1}) {
    V1File file(fs);
    TensorSlice slice = TensorSlice::Whole(2);
    slice.extents[0] = {row, 1};
    auto* w = file.AddSlice(file.Declare("w", DT_FLOAT, {2, 2}), slice);
    w->add_float_val(static_cast<float>(10 * row));
    w->add_float_val(static_cast<float>(10 * row + 1));
    file.Write("m-0000" + std::to_string(row) + "-of-00002");
  }
  ASSERT_OK_AND_ASSIGN(auto reader,
                       CheckpointReader::Open(fs, "m-\?\?\?\?\?-of-00002"));
  ExpectTensorEqual<float>(*reader->Read("w"), {2, 2}, {0, 1, 10, 11});
  EXPECT_EQ(reader->Find("w")->slices.size(), 2u);
  // One file alone lacks a row.
  ASSERT_OK_AND_ASSIGN(reader, CheckpointReader::Open(fs, "m-00000-of-00002"));
  EXPECT_THAT(reader->Read("w"),
              HasCode(absl::StatusCode::kInvalidArgument, "sufficient slices"));
  EXPECT_THAT(reader->Verify("w"),
              HasCode(absl::StatusCode::kDataLoss, "2 of 4"));
}

TEST(V1ReaderTest, ErrorsAreTensorFlows) {
  FakeFileSystem fs;
  EXPECT_THAT(CheckpointReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kNotFound,
                      "Unsuccessful TensorSliceReader constructor: Failed to "
                      "find any matching files for m"));
  PutWhole(fs, "m");
  const std::string good = fs.ContentOf("m");
  fs.Put("m", good.substr(0, good.size() / 2));
  EXPECT_THAT(
      CheckpointReader::Open(fs, "m"),
      HasCode(absl::StatusCode::kDataLoss,
              "Unable to open table file m: DATA_LOSS: not an sstable"));
  std::string flipped = good;
  flipped[20] ^= 1;
  fs.Put("m", flipped);
  EXPECT_THAT(CheckpointReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kInternal,
                      "Failed to find the saved tensor slices at the beginning "
                      "of the checkpoint file: m"));
}

TEST(V1ReaderTest, RefusesRecordsThatDoNotFit) {
  FakeFileSystem fs;
  V1File file(fs);
  // A shape of 2^40 elements backed by one: must not repeat it.
  file.AddSlice(file.Declare("w", DT_FLOAT, {int64_t{1} << 40}),
                TensorSlice::Whole(1))
      ->add_float_val(1);
  TensorSlice outside = TensorSlice::Whole(1);
  outside.extents[0] = {5, 5};
  file.Write("m");
  ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "m"));
  EXPECT_THAT(reader->Read("w"),
              HasCode(absl::StatusCode::kDataLoss, "record holds 1 elements"));
  file.AddSlice(file.Declare("x", DT_FLOAT, {4}), outside);
  file.Write("m");
  EXPECT_THAT(CheckpointReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kDataLoss, "out of bounds"));
}

TEST(V1ReaderTest, RecordsCountAgainstTheBudgetWhileTheyAreRead) {
  constexpr int kMany = 1 << 20;
  FakeFileSystem fs;
  V1File file(fs);
  auto* w = file.AddSlice(file.Declare("w", DT_FLOAT, {kMany}),
                          TensorSlice::Whole(1));
  for (int i = 0; i < kMany; ++i) w->add_float_val(1);
  file.Write("m");
  ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "m"));
  const int64_t before = MemoryBudget::Process().used();
  for (const int64_t times : {1, 2}) {
    // Room for the block alone; then for what is parsed, too, by a little less.
    const MemoryLimit limit(times * 4 * kMany + 1000);
    for (const absl::Status& status :
         {reader->Read("w").status(), reader->Verify("w")}) {
      EXPECT_THAT(status, HasCode(absl::StatusCode::kResourceExhausted,
                                  "bytes to work with"));
    }
    EXPECT_EQ(MemoryBudget::Process().used(), before);
  }
  const MemoryLimit limit(2 * 4 * kMany + 10'000);
  EXPECT_OK(reader->Verify("w"));
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

TEST(V1ReaderTest, RefusesRecordsTooLongForTheirSlice) {
  FakeFileSystem fs;
  V1File file(fs);
  auto* w =
      file.AddSlice(file.Declare("w", DT_FLOAT, {2}), TensorSlice::Whole(1));
  for (int i = 0; i < 1000; ++i) w->add_float_val(1);
  file.Write("m");
  ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "m"));
  EXPECT_THAT(reader->Read("w"),
              HasCode(absl::StatusCode::kDataLoss, "its slice has 2 elements"));
}

TEST(V1ReaderTest, RefusesSlicesThatOverlap) {
  FakeFileSystem fs;
  V1File file(fs);
  auto* meta = file.Declare("w", DT_FLOAT, {4});
  for (const char* slice : {"0,3", "2,2"}) {
    file.AddSlice(meta, *TensorSlice::Parse(slice))->add_float_val(1);
  }
  file.Write("m");
  EXPECT_THAT(
      CheckpointReader::Open(fs, "m"),
      HasCode(absl::StatusCode::kDataLoss, "slices of tensor \"w\" overlap"));
}

// Many records may tell of one tensor.
TEST(V1ReaderTest, LimitsTheSlicesOfATensorInAll) {
  FakeFileSystem fs;
  V1File file(fs);
  for (int record = 0; record < 11; ++record) {
    auto* meta = file.Declare("w", DT_FLOAT, {1, 20000});
    for (int i = 0; i < 1000; ++i) {
      TensorSlice slice = TensorSlice::Whole(2);
      slice.extents[1] = {record * 1000 + i, 1};
      slice.ToProto(meta->add_slice());
    }
  }
  file.Write("m");
  EXPECT_THAT(CheckpointReader::Open(fs, "m"),
              HasCode(absl::StatusCode::kDataLoss, "too many slices"));
}

TEST(V1ReaderTest, ReadsWhatTensorFlowWrote) {
  const std::filesystem::path root =
      std::filesystem::path(MG_SHARED_DIR) / "golden/saver";
  if (!std::filesystem::exists(root)) {
    GTEST_SKIP() << "there is no " << root << " beside the project";
  }
  int files = 0;
  for (const char* name : {"v1_all_dtypes", "v1_simple", "v1_partitioned_3"}) {
    const std::string prefix = (root / name / "ckpt" / "model").string();
    ASSERT_OK_AND_ASSIGN(CheckpointCheck check,
                         VerifyCheckpoint(FileSystem::Posix(), prefix));
    EXPECT_EQ(check.format, 1);
    for (const TensorCheck& tensor : check.tensors) {
      EXPECT_OK(tensor.status) << prefix << ": " << tensor.name;
      ++files;
    }
  }
  EXPECT_GT(files, 10);
}

}  // namespace
}  // namespace metagraph
