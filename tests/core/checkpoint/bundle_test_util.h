#pragma once

// Checkpoints in memory for the tests of this folder.

#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint/bundle_reader.h"
#include "core/checkpoint/bundle_writer.h"
#include "core/checkpoint/table.h"
#include "core/tensor/tensor.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/hex.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {

using NamedTensor = std::pair<std::string, Tensor>;

// The worked example of FORMAT.md: W1, s and p in two slices, as TensorFlow
// writes it.
inline std::string ExampleData() {
  return FromHex(
      "0000803f000000400000404000008040020103717c6761626300000000000080"
      "3f0000004000004040000080400000a0400000c0400000e04000000041000010"
      "410000204100003041");
}
inline std::string ExampleIndex() {
  return FromHex(
      "00000608011a020801000a150070000101028082808308011208120208021202"
      "08032019281835c0db3d17060415828280830801120812020802120208032031"
      "281835d4844e0200021357310801120812020802120208022810354c28987400"
      "0122700801120812020804120208033a080a0210020a0210033a0a0a04080210"
      "020a0210030001117308071204120208022010280935d530d85f000000000100"
      "000000762fa42f000000000100000000c0f2a1b00001037400a2010000000001"
      "00000000b51a8057a70108b4010f000000000000000000000000000000000000"
      "0000000000000000000000000000000057fb808b247547db");
}
inline void PutExample(FakeFileSystem* fs, const std::string& prefix) {
  fs->Put(prefix + ".data-00000-of-00001", ExampleData());
  fs->Put(prefix + ".index", ExampleIndex());
}

// The text of a state file.
inline std::string State(const std::string& newest,
                         const std::vector<std::string>& all) {
  std::string text = "model_checkpoint_path: \"" + newest + "\"\n";
  for (const std::string& entry : all) {
    text += "all_model_checkpoint_paths: \"" + entry + "\"\n";
  }
  return text;
}

inline absl::Status WriteBundle(FileSystem& fs, const std::string& prefix,
                                const std::vector<NamedTensor>& tensors) {
  ASSIGN_OR_RETURN(std::unique_ptr<BundleWriter> writer,
                   BundleWriter::Create(fs, prefix));
  for (const auto& [name, tensor] : tensors) {
    RETURN_IF_ERROR(writer->Add(name, tensor));
  }
  return writer->Finish();
}

// An index of arbitrary entries.
inline void PutIndex(FakeFileSystem* fs, const std::string& prefix,
                     const tensorflow::BundleHeaderProto& header,
                     const BundleEntries& entries) {
  auto file = *fs->Create(prefix + ".index");
  TableWriter table(*file);
  ASSERT_OK(table.Add("", header.SerializeAsString()));
  for (const auto& [key, entry] : entries) {
    ASSERT_OK(table.Add(key, entry.SerializeAsString()));
  }
  ASSERT_OK(table.Finish());
}

// The example's index taken apart, to be changed and put back.
struct OpenIndex {
  tensorflow::BundleHeaderProto header;
  BundleEntries entries;
};
inline OpenIndex TakeApart(FakeFileSystem& fs, const std::string& prefix) {
  OpenIndex out;
  auto table = *TableReader::Open(*fs.OpenForReading(prefix + ".index"));
  EXPECT_OK(table->ForEach([&](absl::string_view key,
                               absl::string_view value) -> absl::Status {
    const bool good =
        key.empty()
            ? out.header.ParseFromString(std::string(value))
            : out.entries[std::string(key)].ParseFromString(std::string(value));
    return good ? absl::OkStatus() : absl::InternalError("bad entry");
  }));
  return out;
}

}  // namespace metagraph
