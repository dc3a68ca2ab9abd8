#include "core/io/foreign_file.h"

#include <string>
#include <utility>
#include <vector>

#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "gmock/gmock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::testing::HasSubstr;

std::string Zip(const std::string& first_name) {
  std::string out("PK\x03\x04", 4);
  out.resize(26);
  out += {static_cast<char>(first_name.size()), '\0', '\0', '\0'};
  return out + first_name + "and what it holds";
}

std::string Record() {
  std::string out;
  PutFixed64(&out, 24);
  PutFixed32(&out, MaskCrc32c(Crc32c(out)));
  return out + std::string(28, 'x');
}

std::string Tar() {
  std::string out(512, '\0');
  out.replace(0, 10, "model.meta");
  out.replace(257, 5, "ustar");
  return out;
}

TEST(ForeignFileTest, NamesWhatLiesInPlaceOfAModel) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n",
       "Git LFS pointer"},
      {"\xEF\xBB\xBFversion https://git-lfs.github.com/spec/v1\r\n",
       "git lfs pull"},
      {"version http://git-media.io/v/2\n", "Git LFS pointer"},
      {"/annex/objects/SHA256E-s13--ab.pb\n", "git annex get"},
      {"\r\n <!DOCTYPE html>\n<html>", "HTML page"},
      {"<HTML><body>Sign in</body></HTML>", "HTML page"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
       "XML document"},
      {"404: Not Found", "\"404: Not Found\""},
      {"{\"message\": \"Bad credentials\"}", "JSON"},
      {"{\"modelTopology\": {}}", "TensorFlow.js"},
      {"(dp0\nS'w'\n", "pickle"},
      {std::string("\x80\x04\x95\x10\0\0", 6), "pickle"},
      {std::string("\x1f\x8b\x08\0", 4), "gzip"},
      {"BZh91AY&SY", "bzip2"},
      {std::string("\xfd"
                   "7zXZ\0\0",
                   7),
       "xz file"},
      {Tar(), "tar archive"},
      {Zip("saved_model/saved_model.pb"), "zip archive"},
      {Zip("w.npy"), "NumPy archive"},
      {Zip("archive/data.pkl"), "PyTorch"},
      {Zip("metadata.json"), "Keras model"},
      {"\x89HDF\r\n\x1a\n and more", "HDF5"},
      {std::string("\x1c\0\0\0TFL3\x14\0", 10), "TensorFlow Lite"},
      {std::string("\x08\x07\x12\x07pytorch\x1a\x03"
                   "1.9"),
       "ONNX"},
      {std::string("\x08\x03:\x10", 4), "ONNX"},
      {std::string("\x93NUMPY\x01\0", 8), "NumPy array"},
      {Record(), "file of records"},
      {std::string("\x40\0\0\0\0\0\0\0{\"w\":", 13), "safetensors"},
      {std::string("\xff\xfen\0o\0d\0e\0", 10), "UTF-16"},
  };
  for (const auto& [head, expected] : cases) {
    EXPECT_THAT(DescribeForeignFile(head), HasSubstr(expected)) << head;
  }
}

TEST(ForeignFileTest, LetsGraphsAndCheckpointsPass) {
  const std::vector<std::string> ours = {
      "", "node { name: \"a\" op: \"NoOp\" }",
      "# a comment\r\nmeta_info_def { }", "\xEF\xBB\xBFnode {}",
      "versions { producer: 134 }", "model_checkpoint_path: \"model-3\"",
      // Binary: a GraphDef, a MetaGraphDef, a SavedModel.
      std::string("\x0a\x09\x0a\x01"
                  "a\x12\x04NoOp",
                  11),
      std::string("\x0a\x00\x12\x00", 4),
      std::string("\x08\x01\x12\x20\x0a\x0c\x12\x00", 8),
      std::string(4096, '\0'),  // the weights of a checkpoint
  };
  for (const std::string& head : ours) {
    EXPECT_EQ(DescribeForeignFile(head), "") << head;
  }
}

TEST(ForeignFileTest, ExplainsAnErrorOnlyWhereTheFileDoes) {
  FakeFileSystem fs({"/d"});
  ASSERT_OK(WriteFileAtomically(fs, "/d/a.meta", "<html></html>"));
  ASSERT_OK(WriteFileAtomically(fs, "/d/b.meta", "not known"));
  ASSERT_OK(WriteFileAtomically(fs, "/d/c.meta", std::string(999, '\0')));
  const absl::Status bad = absl::InvalidArgumentError("cannot be parsed");
  EXPECT_THAT(
      ExplainForeignFile(fs, "/d/a.meta", bad),
      HasCode(absl::StatusCode::kDataLoss, "\"/d/a.meta\" is an HTML page"));
  EXPECT_EQ(ExplainForeignFile(fs, "/d/b.meta", bad), bad);
  EXPECT_THAT(ExplainForeignFile(fs, "/d/c.meta", bad),
              HasCode(absl::StatusCode::kDataLoss, "zeros"));
  EXPECT_EQ(ExplainForeignFile(fs, "/d/absent", bad), bad);
  EXPECT_OK(ExplainForeignFile(fs, "/d/a.meta", absl::OkStatus()));
}

}  // namespace
}  // namespace metagraph
