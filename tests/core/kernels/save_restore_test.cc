#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/io/file_system.h"
#include "tests/support/op_tester.h"

namespace metagraph::save_restore_test {

using ::absl::StatusCode;
using Strings = std::vector<std::string>;

class SaveRestoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "save_restore_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }

  static OpTester& Names(OpTester& op, const std::string& prefix,
                         const Strings& names, const Strings& specs) {
    op.state().files = &FileSystem::Posix();
    op.Scalar<std::string>(prefix);
    op.Input<std::string>({static_cast<int64_t>(names.size())}, names);
    return op.Input<std::string>({static_cast<int64_t>(specs.size())}, specs);
  }

  // A checkpoint with a = [1, 2, 3, 4] and b = "text".
  void Save(const std::string& prefix) {
    OpTester op("SaveV2");
    Names(op, prefix, {"a", "b"}, {"", ""});
    op.Attr("dtypes", std::vector<DataType>{DT_FLOAT, DT_STRING});
    op.Input<float>({4}, {1, 2, 3, 4}).Scalar<std::string>("text");
    ASSERT_OK(op.Run());
  }

  std::string folder_;
};

TEST_F(SaveRestoreTest, RestoresWhatWasSaved) {
  Save(Path("m"));
  OpTester op("RestoreV2");
  op.Attr("dtypes", std::vector<DataType>{DT_STRING, DT_FLOAT, DT_FLOAT});
  Names(op, Path("m"), {"b", "a", "a"}, {"", "", "4 1,2"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {}, {"text"});
  ExpectTensorEqual<float>(op.output(1), {4}, {1, 2, 3, 4});
  ExpectTensorEqual<float>(op.output(2), {2}, {2, 3});
}

TEST_F(SaveRestoreTest, PrefixesMayBeFileUris) {
  const std::string uri = "file://" + Path("m");
  Save(uri);
  EXPECT_TRUE(std::filesystem::exists(Path("m.index")));
  OpTester op("RestoreV2");
  op.Attr("dtypes", std::vector<DataType>{DT_STRING});
  Names(op, uri, {"b"}, {""});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {}, {"text"});
  OpTester merge("MergeV2Checkpoints");
  merge.state().files = &FileSystem::Posix();
  merge.Attr("delete_old_dirs", false).Input<std::string>({1}, {uri});
  merge.Scalar<std::string>("file://localhost" + Path("n"));
  ASSERT_OK(merge.Run());
  EXPECT_TRUE(std::filesystem::exists(Path("n.index")));
  OpTester save("Save");
  save.state().files = &FileSystem::Posix();
  save.Attr("T", std::vector<DataType>{DT_FLOAT});
  save.Scalar<std::string>("file://" + Path("v1"));
  save.Input<std::string>({1}, {"a"}).Scalar<float>(7);
  ASSERT_OK(save.Run());
  OpTester one("Restore");
  one.state().files = &FileSystem::Posix();
  one.Attr("dt", DT_FLOAT).Scalar<std::string>("file://" + Path("v1"));
  one.Scalar<std::string>("a");
  ASSERT_OK(one.Run());
  ExpectTensorEqual<float>(one.output(0), {}, {7});
  OpTester elsewhere("RestoreV2");
  elsewhere.Attr("dtypes", std::vector<DataType>{DT_STRING});
  Names(elsewhere, "gs://bucket/m", {"b"}, {""});
  EXPECT_THAT(elsewhere.Run(),
              HasCode(StatusCode::kUnimplemented,
                      "File system scheme 'gs' not implemented (file: "
                      "'gs://bucket/m')"));
}

TEST_F(SaveRestoreTest, OldSaversWriteOneFile) {
  OpTester save("Save");
  save.state().files = &FileSystem::Posix();
  save.Attr("T", std::vector<DataType>{DT_FLOAT, DT_STRING});
  save.Scalar<std::string>(Path("old")).Input<std::string>({2}, {"a", "b"});
  save.Input<float>({2}, {1, 2}).Scalar<std::string>("text");
  ASSERT_OK(save.Run());
  OpTester slices("SaveSlices");
  slices.Attr("T", std::vector<DataType>{DT_INT32, DT_INT32});
  Names(slices, Path("parts"), {"p", "p"}, {"3 0,2", "3 2,1"});
  slices.Input<int32_t>({2}, {7, 8}).Input<int32_t>({1}, {9});
  ASSERT_OK(slices.Run());

  OpTester restore("RestoreV2");
  restore.Attr("dtypes", std::vector<DataType>{DT_FLOAT, DT_STRING});
  Names(restore, Path("old"), {"a", "b"}, {"", ""});
  ASSERT_OK(restore.Run());
  ExpectTensorEqual<float>(restore.output(0), {2}, {1, 2});
  ExpectTensorEqual<std::string>(restore.output(1), {}, {"text"});
  OpTester whole("RestoreV2");
  whole.Attr("dtypes", std::vector<DataType>{DT_INT32});
  Names(whole, Path("parts"), {"p"}, {""});
  ASSERT_OK(whole.Run());
  ExpectTensorEqual<int32_t>(whole.output(0), {3}, {7, 8, 9});
}

TEST_F(SaveRestoreTest, OldSaversCheckTheirInputs) {
  OpTester names("Save");
  names.state().files = &FileSystem::Posix();
  names.Attr("T", std::vector<DataType>{DT_FLOAT});
  names.Scalar<std::string>(Path("m")).Input<std::string>({2}, {"a", "b"});
  names.Input<float>({1}, {1});
  EXPECT_THAT(names.Run(),
              HasCode(StatusCode::kInvalidArgument, "Input 1 (tensor_names)"));
  OpTester shape("SaveSlices");
  shape.Attr("T", std::vector<DataType>{DT_FLOAT});
  Names(shape, Path("m"), {"p"}, {"3 0,2"}).Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(shape.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "does not match the shape of the tensor"));
  OpTester folder("Save");
  folder.state().files = &FileSystem::Posix();
  folder.Attr("T", std::vector<DataType>{DT_FLOAT});
  folder.Scalar<std::string>(Path("no/m")).Input<std::string>({1}, {"a"});
  folder.Input<float>({1}, {1});
  EXPECT_THAT(folder.Run(), HasCode(StatusCode::kNotFound, "no/m"));
}

TEST_F(SaveRestoreTest, SavesSlicesThatTogetherMakeATensor) {
  OpTester save("SaveV2");
  save.Attr("dtypes", std::vector<DataType>{DT_INT32, DT_INT32});
  Names(save, Path("m"), {"p", "p"}, {"3 0,2", "3 2,1"});
  save.Input<int32_t>({2}, {5, 6}).Input<int32_t>({1}, {7});
  ASSERT_OK(save.Run());
  OpTester op("RestoreV2");
  op.Attr("dtypes", std::vector<DataType>{DT_INT32});
  Names(op, Path("m"), {"p"}, {""});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {3}, {5, 6, 7});
}

TEST_F(SaveRestoreTest, SaveRefusesWhatDoesNotFitTogether) {
  struct Case {
    Strings names, specs;
    const char* text;
  };
  for (const Case& c : {
           Case{{"x", "y"}, {""}, "different number of elements: 2 vs. 1"},
           Case{{"x", "y"}, {"", ""}, "Got 2 tensor names but 1 tensors."},
           Case{{"x"},
                {"4 0,3"},
                "does not match the shape of the tensor to  save: 4 0,3, "
                "tensor: [2]"},
           Case{{"x"}, {"bad"}, "Need least two elements"},
       }) {
    OpTester op("SaveV2");
    op.Attr("dtypes", std::vector<DataType>{DT_FLOAT});
    Names(op, Path("m"), c.names, c.specs).Input<float>({2}, {1, 2});
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, c.text));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SaveRestoreTest, PrefixAndNamesMustHaveTheRightRank) {
  OpTester op("RestoreV2");
  op.state().files = &FileSystem::Posix();
  op.Attr("dtypes", std::vector<DataType>{DT_FLOAT});
  op.Input<std::string>({2}, {"a", "b"});
  op.Input<std::string>({1}, {"x"}).Input<std::string>({1}, {""});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Input prefix should have a single element, "
                                "got 2 instead."));
  op.ClearInputs().Scalar<std::string>("a");
  op.Scalar<std::string>("x").Scalar<std::string>("");
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "should be an 1-D tensors, got [] and []"));
}

TEST_F(SaveRestoreTest, RestoreSaysWhatIsMissingOrWrong) {
  Save(Path("m"));
  struct Case {
    std::string prefix;
    Strings names, specs;
    StatusCode code;
    std::string text;
  };
  for (const Case& c : {
           Case{"none",
                {"a"},
                {""},
                StatusCode::kNotFound,
                "Failed to find any matching files for " + Path("none")},
           Case{"m",
                {"y"},
                {""},
                StatusCode::kNotFound,
                "Key y not found in checkpoint"},
           Case{"m",
                {"b"},
                {""},
                StatusCode::kInvalidArgument,
                "tensor_name = b; expected dtype float does not equal original "
                "dtype string"},
           Case{"m",
                {"a"},
                {"3 0,2"},
                StatusCode::kInvalidArgument,
                "tensor_name = a; shape in shape_and_slice spec [3] does not "
                "match the shape stored in checkpoint: [4]"},
           Case{"m",
                {"a", "b"},
                {"", ""},
                StatusCode::kInvalidArgument,
                "Got 2 tensor names, but 1 expected dtypes."},
       }) {
    OpTester op("RestoreV2");
    op.Attr("dtypes", std::vector<DataType>{DT_FLOAT});
    Names(op, Path(c.prefix), c.names, c.specs);
    EXPECT_THAT(op.Run(), HasCode(c.code, c.text));
  }
}

TEST_F(SaveRestoreTest, WithoutFilesEveryOpIsRefused) {
  OpTester save("SaveV2");
  save.Attr("dtypes", std::vector<DataType>{DT_FLOAT});
  Names(save, Path("m"), {"x"}, {""}).Scalar<float>(1);
  save.state().files = nullptr;
  EXPECT_EQ(save.Run().code(), StatusCode::kPermissionDenied);
  OpTester restore("RestoreV2");
  restore.Attr("dtypes", std::vector<DataType>{DT_FLOAT});
  Names(restore, Path("m"), {"x"}, {""});
  restore.state().files = nullptr;
  EXPECT_EQ(restore.Run().code(), StatusCode::kPermissionDenied);
}

TEST_F(SaveRestoreTest, MergesShardsIntoOneCheckpoint) {
  Save(Path("part0"));
  OpTester op("MergeV2Checkpoints");
  op.state().files = &FileSystem::Posix();
  op.Attr("delete_old_dirs", false);
  op.Input<std::string>({1}, {Path("part0")}).Scalar(Path("m"));
  ASSERT_OK(op.Run());
  OpTester restore("RestoreV2");
  restore.Attr("dtypes", std::vector<DataType>{DT_FLOAT});
  Names(restore, Path("m"), {"a"}, {""});
  ASSERT_OK(restore.Run());
  ExpectTensorEqual<float>(restore.output(0), {4}, {1, 2, 3, 4});
}

TEST_F(SaveRestoreTest, MergeChecksItsInputs) {
  OpTester op("MergeV2Checkpoints");
  op.state().files = &FileSystem::Posix();
  op.Scalar(Path("a")).Scalar(Path("m"));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "checkpoint_prefixes should be an 1-D tensor"));
  op.ClearInputs();
  op.Input<std::string>({1}, {Path("a")}).Input<std::string>({1}, {Path("m")});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "destination_prefix should be a scalar"));
  op.ClearInputs().Input<std::string>({0}, {}).Scalar(Path("m"));
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument, "At least one prefix"));
  op.ClearInputs().Input<std::string>({1}, {Path("a")}).Scalar(Path("m"));
  EXPECT_FALSE(op.Run().ok());
}

TEST_F(SaveRestoreTest, RestoresOneTensorOrASliceOfIt) {
  Save(Path("m"));
  OpTester whole("Restore");
  whole.state().files = &FileSystem::Posix();
  whole.Attr("dt", DT_FLOAT).Scalar(Path("m")).Scalar<std::string>("a");
  ASSERT_OK(whole.Run());
  ExpectTensorEqual<float>(whole.output(0), {4}, {1, 2, 3, 4});

  OpTester slice("RestoreSlice");
  slice.state().files = &FileSystem::Posix();
  slice.Attr("dt", DT_FLOAT).Scalar(Path("m")).Scalar<std::string>("a");
  slice.Scalar<std::string>("4 2,2");
  ASSERT_OK(slice.Run());
  ExpectTensorEqual<float>(slice.output(0), {2}, {3, 4});
  slice.ClearInputs().Input<std::string>({2}, {"a", "b"});
  slice.Scalar<std::string>("a").Scalar<std::string>("");
  EXPECT_THAT(slice.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "Input 0 (file_pattern) must be a string "
                                   "scalar; got a tensor of 2 elements"));
}

TEST_F(SaveRestoreTest, NamesShards) {
  OpTester name("ShardedFilename");
  name.Scalar<std::string>("a/b").Scalar<int32_t>(1).Scalar<int32_t>(12);
  ASSERT_OK(name.Run());
  ExpectTensorEqual<std::string>(name.output(0), {}, {"a/b-00001-of-00012"});
  name.ClearInputs().Scalar<std::string>("a");
  name.Input<int32_t>({1}, {1}).Scalar<int32_t>(12);
  EXPECT_THAT(name.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "shard must be a scalar, got shape [1]"));

  OpTester spec("ShardedFilespec");
  spec.Scalar<std::string>("a").Scalar<int32_t>(3);
  ASSERT_OK(spec.Run());
  ExpectTensorEqual<std::string>(spec.output(0), {}, {"a-\?\?\?\?\?-of-00003"});
  spec.ClearInputs().Input<std::string>({0}, {}).Scalar<int32_t>(3);
  EXPECT_THAT(spec.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "basename must be a scalar, got shape [0]"));
}

// A folder may have both formats under one name.
TEST_F(SaveRestoreTest, OldOpsPreferTheOldFormat) {
  Save(Path("m"));
  OpTester save("Save");
  save.state().files = &FileSystem::Posix();
  save.Attr("T", std::vector<DataType>{DT_FLOAT}).Scalar(Path("m"));
  save.Input<std::string>({1}, {"a"}).Scalar<float>(7);
  ASSERT_OK(save.Run());
  OpTester old("Restore");
  old.state().files = &FileSystem::Posix();
  old.Attr("dt", DT_FLOAT).Scalar(Path("m")).Scalar<std::string>("a");
  ASSERT_OK(old.Run());
  ExpectTensorEqual<float>(old.output(0), {}, {7});
  OpTester fresh("RestoreV2");
  fresh.Attr("dtypes", std::vector<DataType>{DT_FLOAT});
  Names(fresh, Path("m"), {"a"}, {""});
  ASSERT_OK(fresh.Run());
  ExpectTensorEqual<float>(fresh.output(0), {4}, {1, 2, 3, 4});
}

}  // namespace metagraph::save_restore_test
