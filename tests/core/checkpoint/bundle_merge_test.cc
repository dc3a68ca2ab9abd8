#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;

std::vector<NamedTensor> One(const std::string& name, float value) {
  return {{name, Tensor::Scalar<float>(value)}};
}

TEST(MergeBundlesTest, RenamesDataAndRemovesInputs) {
  FakeFileSystem fs({"d", "d/m_temp"});
  ASSERT_OK(WriteBundle(fs, "d/m_temp/part-00000-of-00002", One("b", 1)));
  ASSERT_OK(WriteBundle(fs, "d/m_temp/part-00001-of-00002", One("a", 2)));
  ASSERT_OK(MergeBundles(
      fs, {"d/m_temp/part-00000-of-00002", "d/m_temp/part-00001-of-00002"},
      "d/m", true));
  EXPECT_THAT(fs.AllFiles(),
              ElementsAre("d/m.data-00000-of-00002", "d/m.data-00001-of-00002",
                          "d/m.index"));
  EXPECT_THAT(fs.folders(), ElementsAre("d"));
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "d/m"));
  EXPECT_EQ(reader->num_shards(), 2);
  ExpectTensorEqual<float>(*reader->Read("b"), {}, {1});
  ExpectTensorEqual<float>(*reader->Read("a"), {}, {2});
}

TEST(MergeBundlesTest, JoinsSlicesOfOneTensor) {
  FakeFileSystem fs({"t"});
  int row = 0;
  for (const char* part : {"t/0", "t/1"}) {
    ASSERT_OK_AND_ASSIGN(auto writer, BundleWriter::Create(fs, part));
    TensorSlice slice = TensorSlice::Whole(2);
    slice.extents[0] = {row, 1};
    const float r = static_cast<float>(row++);
    ASSERT_OK(writer->AddSlice("p", {2, 2}, slice,
                               MakeTensor<float>({1, 2}, {r, r + 10})));
    ASSERT_OK(writer->Finish());
  }
  ASSERT_OK(MergeBundles(fs, {"t/0", "t/1"}, "m", false));
  EXPECT_THAT(fs.folders(), ElementsAre("t"));
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  ExpectTensorEqual<float>(*reader->Read("p"), {2, 2}, {0, 10, 1, 11});
}

TEST(MergeBundlesTest, EmptyInputsLeaveNoGapInTheShards) {
  FakeFileSystem fs({"t"});
  ASSERT_OK(WriteBundle(fs, "t/0", {}));
  ASSERT_OK(WriteBundle(fs, "t/1", One("a", 5)));
  ASSERT_OK(MergeBundles(fs, {"t/0", "t/1"}, "m", true));
  EXPECT_THAT(fs.AllFiles(), ElementsAre("m.data-00000-of-00001", "m.index"));
  ASSERT_OK_AND_ASSIGN(auto reader, BundleReader::Open(fs, "m"));
  ExpectTensorEqual<float>(*reader->Read("a"), {}, {5});
}

TEST(MergeBundlesTest, RefusesDuplicatesAndMissingInputs) {
  FakeFileSystem fs({"t"});
  ASSERT_OK(WriteBundle(fs, "t/0", One("a", 1)));
  ASSERT_OK(WriteBundle(fs, "t/1", One("a", 2)));
  EXPECT_THAT(MergeBundles(fs, {"t/0", "t/1"}, "m", true),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Duplicate tensor keyed by a encountered, when merging "
                      "prefix: t/1"));
  EXPECT_THAT(MergeBundles(fs, {"t/0", "t/9"}, "m", true),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "allow_missing_files was set to false and t/9 did not "
                      "exist"));
  fs.Put("t/9.index", "x");
  EXPECT_THAT(MergeBundles(fs, {"t/9"}, "m", true),
              HasCode(absl::StatusCode::kDataLoss, "t/9"));
  // The inputs are as they were.
  EXPECT_OK(BundleReader::Open(fs, "t/0")->get()->Read("a"));
}

TEST(MergeBundlesTest, FailureKeepsTheInputs) {
  for (int n = 0;; ++n) {
    FakeFileSystem fs({"t"});
    ASSERT_OK(WriteBundle(fs, "t/0", One("a", 1)));
    ASSERT_OK(WriteBundle(fs, "t/1", One("b", 2)));
    const auto before = fs.AllFiles();
    fs.FailOnce(n);
    const absl::Status status = MergeBundles(fs, {"t/0", "t/1"}, "m", false);
    if (status.ok()) break;
    // The last step, making the rename durable, may fail after the fact.
    if (fs.Exists("m.index")) continue;
    EXPECT_EQ(fs.AllFiles(), before) << n;
  }
}

}  // namespace
}  // namespace metagraph
