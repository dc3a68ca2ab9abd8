#include "core/checkpoint/v1_writer.h"

#include <string>
#include <vector>

#include "core/checkpoint/v1_reader.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

TensorSlice Row(int64_t row) {
  TensorSlice out = TensorSlice::Whole(2);
  out.extents[0] = {row, 1};
  return out;
}

TEST(V1WriterTest, ReaderFindsEveryDtype) {
  FakeFileSystem fs({"d"});
  const std::vector<NamedTensor> tensors = {
      {"float", MakeTensor<float>({2}, {1.5f, -2})},
      {"double", MakeTensor<double>({}, {0.1})},
      {"half", MakeTensor<half>({1}, {half(3.5f)})},
      {"bfloat16", MakeTensor<bfloat16>({1}, {bfloat16(-3.5f)})},
      {"int8", MakeTensor<int8_t>({2}, {-128, 127})},
      {"uint8", MakeTensor<uint8_t>({1}, {255})},
      {"int16", MakeTensor<int16_t>({1}, {-32768})},
      {"uint16", MakeTensor<uint16_t>({1}, {65535})},
      {"int32", MakeTensor<int32_t>({2, 2}, {1, -2, 3, -4})},
      {"uint32", MakeTensor<uint32_t>({1}, {4294967295u})},
      {"int64", MakeTensor<int64_t>({1}, {int64_t{-1} << 62})},
      {"uint64", MakeTensor<uint64_t>({1}, {~uint64_t{0}})},
      {"bool", MakeTensor<bool>({2}, {true, false})},
      {"complex64", MakeTensor<complex64>({1}, {{1, -2}})},
      {"complex128", MakeTensor<complex128>({1}, {{0.1, 2}})},
      {"string", MakeTensor<std::string>({2}, {"", std::string("a\0b", 3)})},
      {"empty", MakeTensor<float>({0, 3}, {})},
  };
  V1Writer writer(fs, "d/m");
  for (const auto& [name, tensor] : tensors)
    ASSERT_OK(writer.Add(name, tensor));
  EXPECT_TRUE(fs.AllFiles().empty());
  ASSERT_OK(writer.Finish());
  EXPECT_EQ(fs.AllFiles().size(), 1u);

  ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "d/m"));
  EXPECT_EQ(reader->format(), 1);
  EXPECT_EQ(reader->tensors().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    ASSERT_OK_AND_ASSIGN(const Tensor read, reader->Read(name));
    EXPECT_EQ(read.dtype(), tensor.dtype()) << name;
    EXPECT_EQ(read.shape(), tensor.shape()) << name;
    if (tensor.dtype() == DT_STRING) {
      EXPECT_EQ(read.values<std::string>(), tensor.values<std::string>());
    } else {
      EXPECT_EQ(read.bytes(), tensor.bytes()) << name;
    }
  }
}

TEST(V1WriterTest, SlicesAddUpToATensor) {
  FakeFileSystem fs({"d"});
  V1Writer writer(fs, "d/m");
  ASSERT_OK(
      writer.AddSlice("p", {2, 2}, Row(1), MakeTensor<float>({1, 2}, {3, 4})));
  ASSERT_OK(
      writer.AddSlice("p", {2, 2}, Row(0), MakeTensor<float>({1, 2}, {1, 2})));
  ASSERT_OK(writer.Finish());
  ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "d/m"));
  ExpectTensorEqual<float>(*reader->Read("p"), {2, 2}, {1, 2, 3, 4});
}

TEST(V1WriterTest, RefusesWhatTheFormatCannotHold) {
  FakeFileSystem fs({"d"});
  V1Writer writer(fs, "d/m");
  const Tensor row = MakeTensor<float>({1, 2}, {1, 2});
  EXPECT_THAT(writer.Add("", row),
              HasCode(absl::StatusCode::kInvalidArgument, "needs a name"));
  EXPECT_THAT(writer.Add("x", Tensor()),
              HasCode(absl::StatusCode::kInvalidArgument, "no value"));
  ASSERT_OK(writer.AddSlice("p", {2, 2}, Row(0), row));
  EXPECT_THAT(writer.AddSlice("p", {2, 2}, Row(0), row),
              HasCode(absl::StatusCode::kInvalidArgument, "duplicate key: p"));
  EXPECT_THAT(writer.AddSlice("p", {3, 2}, Row(1), row),
              HasCode(absl::StatusCode::kInvalidArgument, "disagree"));

  V1Writer resources(fs, "d/m");
  ASSERT_OK(resources.Add("r", MakeTensor<ResourceHandle>({}, {{}})));
  EXPECT_THAT(resources.Finish(),
              HasCode(absl::StatusCode::kUnimplemented, "resource"));
  EXPECT_TRUE(fs.AllFiles().empty());
}

TEST(V1WriterTest, ACrashLeavesTheOldFileOrTheNewOne) {
  const auto save = [](FileSystem& fs, float value) {
    V1Writer writer(fs, "d/m");
    RETURN_IF_ERROR(writer.Add("a", MakeTensor<float>({1}, {value})));
    return writer.Finish();
  };
  for (const auto loss : FakeFileSystem::kLosses) {
    for (int n = 0;; ++n) {
      FakeFileSystem fs({"d"});
      ASSERT_OK(save(fs, 1));
      fs.Crash(FakeFileSystem::Loss::kNothing);
      fs.FailAfter(n);
      const bool saved = save(fs, 2).ok();
      fs.Crash(loss);
      ASSERT_OK_AND_ASSIGN(auto reader, CheckpointReader::Open(fs, "d/m"));
      ASSERT_OK_AND_ASSIGN(const Tensor a, reader->Read("a"));
      const float value = a.data<float>()[0];
      EXPECT_TRUE(value == 2 || (value == 1 && !saved)) << "operation " << n;
      if (saved) break;
    }
  }
}

TEST(V1WriterTest, AFullDiskLeavesTheOldFileAlone) {
  for (int n = 0;; ++n) {
    FakeFileSystem fs({"d"});
    fs.Put("d/m", "old");
    const auto before = fs.AllFiles();
    fs.FailOnce(n);
    V1Writer writer(fs, "d/m");
    ASSERT_OK(writer.Add("a", MakeTensor<float>({1}, {1})));
    const absl::Status status = writer.Finish();
    if (!fs.failed_once()) {
      EXPECT_OK(status);
      break;
    }
    EXPECT_THAT(status,
                HasCode(absl::StatusCode::kResourceExhausted, "No space"));
    if (fs.ContentOf("d/m") == "old") {
      EXPECT_EQ(fs.AllFiles(), before) << "operation " << n;
    }
  }
}

}  // namespace
}  // namespace metagraph
