#include "core/checkpoint/table.h"

#include <snappy.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using Entries = std::map<std::string, std::string>;

std::string Write(const Entries& entries) {
  FakeFileSystem fs;
  auto file = *fs.Create("t");
  TableWriter writer(*file);
  for (const auto& [key, value] : entries) {
    EXPECT_OK(writer.Add(key, value));
  }
  EXPECT_OK(writer.Finish());
  return fs.ContentOf("t");
}

absl::StatusOr<std::unique_ptr<TableReader>> Open(const std::string& bytes) {
  FakeFileSystem fs;
  fs.Put("t", bytes);
  return TableReader::Open(*fs.OpenForReading("t"));
}

absl::StatusOr<Entries> Read(const std::string& bytes) {
  ASSIGN_OR_RETURN(auto reader, Open(bytes));
  Entries out;
  RETURN_IF_ERROR(
      reader->ForEach([&out](absl::string_view key, absl::string_view value) {
        out.emplace(key, value);
        return absl::OkStatus();
      }));
  return out;
}

// A block with its type and checksum.
std::string Stored(std::string contents, char type) {
  contents.push_back(type);
  PutFixed32(&contents, MaskCrc32c(Crc32c(contents)));
  return contents;
}

// A table of one data block whose contents and type are given; its index names
// the block so many times, by keys that rise.
std::string TableOf(const std::string& block, char type,
                    const std::string& last_key = "z", int times = 1) {
  const std::string empty("\0\0\0\0\1\0\0\0", 8);
  std::string out = Stored(block, type);
  std::string footer;
  PutVarint64(&footer, out.size());
  PutVarint64(&footer, empty.size());
  out += Stored(empty, 0);
  std::string handle;
  PutVarint64(&handle, 0);
  PutVarint64(&handle, block.size());
  std::string index;
  for (int i = 0; i < times; ++i) {
    const std::string key = last_key + std::string(i, 'z');
    PutVarint32(&index, 0);
    PutVarint32(&index, static_cast<uint32_t>(key.size()));
    PutVarint32(&index, static_cast<uint32_t>(handle.size()));
    index += key + handle;
  }
  index += empty;
  PutVarint64(&footer, out.size());
  PutVarint64(&footer, index.size());
  out += Stored(index, 0);
  footer.resize(40);
  PutFixed64(&footer, 0xDB4775248B80FB57u);
  return out + footer;
}

TEST(TableTest, EmptyTableRoundTrips) {
  const std::string bytes = Write({});
  EXPECT_EQ(bytes.size(), 13u + 13u + 48u);
  ASSERT_OK_AND_ASSIGN(Entries entries, Read(bytes));
  EXPECT_TRUE(entries.empty());
}

TEST(TableTest, ManyBlocksRoundTrip) {
  Entries entries;
  for (int i = 0; i < 5000; ++i) {
    entries["layer" + std::to_string(i) + "/weights"] =
        std::string(static_cast<size_t>(i % 300), static_cast<char>(i));
  }
  entries["huge"] = std::string(3 * TableWriter::kBlockSize, 'x');
  entries[""] = "header";
  entries[std::string("\0\xff", 2)] = "bytes";
  const std::string bytes = Write(entries);
  ASSERT_OK_AND_ASSIGN(Entries got, Read(bytes));
  EXPECT_EQ(got, entries);
  ASSERT_OK_AND_ASSIGN(auto reader, Open(bytes));
  EXPECT_EQ(*reader->Get("layer77/weights"), entries["layer77/weights"]);
  EXPECT_EQ(*reader->Get(""), "header");
  EXPECT_THAT(reader->Get("layer5000/weights"),
              HasCode(absl::StatusCode::kNotFound, "layer5000"));
}

// The key of a block in the index lies before the next block's first.
TEST(TableTest, NeighboursInTwoBlocksAreFound) {
  const std::string block(TableWriter::kBlockSize, 'x');
  const std::vector<std::vector<std::string>> all = {
      {"a1", "a2"}, {"a1", "a3"}, {"a", "ab"}, {"a1x", "a2"}, {"a\xff", "b"}};
  for (const std::vector<std::string>& keys : all) {
    const std::string bytes = Write({{keys[0], block}, {keys[1], "next"}});
    ASSERT_OK_AND_ASSIGN(auto reader, Open(bytes));
    EXPECT_EQ(*reader->Get(keys[0]), block) << keys[0];
    ASSERT_OK_AND_ASSIGN(const std::string next, reader->Get(keys[1]));
    EXPECT_EQ(next, "next") << keys[1];
  }
}

TEST(TableTest, WriterRefusesKeysOutOfOrder) {
  FakeFileSystem fs;
  auto file = *fs.Create("t");
  TableWriter writer(*file);
  ASSERT_OK(writer.Add("b", ""));
  EXPECT_THAT(writer.Add("b", ""),
              HasCode(absl::StatusCode::kInvalidArgument, "\"b\""));
  EXPECT_THAT(writer.Add("a", ""),
              HasCode(absl::StatusCode::kInvalidArgument, "\"a\""));
}

// Three entries, "a" … "c", without shared bytes.
std::string SmallBlock() {
  std::string block;
  for (const char key : {'a', 'b', 'c'}) {
    block += std::string("\0\1\1", 3) + key + 'v';
  }
  return block + std::string("\0\0\0\0\1\0\0\0", 8);
}

TEST(TableTest, ReadsSnappyBlocks) {
  std::string compressed;
  const std::string block = SmallBlock();
  snappy::Compress(block.data(), block.size(), &compressed);
  ASSERT_OK_AND_ASSIGN(Entries entries, Read(TableOf(compressed, 1)));
  EXPECT_EQ(entries, (Entries{{"a", "v"}, {"b", "v"}, {"c", "v"}}));
}

TEST(TableTest, RefusesDamagedSnappyBlocks) {
  EXPECT_THAT(Read(TableOf("\x05garbage", 1)),
              HasCode(absl::StatusCode::kDataLoss,
                      "corrupted compressed block contents"));
  // Claims 4 GB.
  EXPECT_THAT(Read(TableOf("\xff\xff\xff\xff\x0f", 1)),
              HasCode(absl::StatusCode::kDataLoss,
                      "corrupted compressed block contents"));
}

TEST(TableTest, EachDamageHasItsMessage) {
  const auto fails = [](const std::string& bytes, const char* text) {
    EXPECT_THAT(Read(bytes), HasCode(absl::StatusCode::kDataLoss, text));
  };
  fails("", "file is too short to be an sstable");
  fails(std::string(100, 'x'), "not an sstable (bad magic number)");
  fails(TableOf(SmallBlock(), 7), "bad block type");
  std::string bytes = TableOf(SmallBlock(), 0);
  bytes[2] ^= 1;
  fails(bytes, "block checksum mismatch");
  fails(TableOf(SmallBlock(), 0, "b"), "table index does not fit");
  fails(TableOf("\1", 0), "bad entry in block");
  fails(TableOf(std::string("\5\1\1ab\0\0\0\0", 9), 0), "bad entry in block");
  fails(TableOf(std::string("\0\1\1ab\0\1\1ab\0\0\0\0", 14), 0),
        "out of order");
  // Handles of the footer that point outside.
  bytes = TableOf(SmallBlock(), 0);
  for (size_t i = bytes.size() - 48; i < bytes.size() - 8; ++i) {
    bytes[i] = '\xff';
  }
  fails(bytes, "bad block handle");
  std::string footer;
  PutVarint64(&footer, 0);
  PutVarint64(&footer, 8);
  PutVarint64(&footer, ~uint64_t{0} - 10);
  PutVarint64(&footer, 20);
  footer.resize(40);
  bytes.replace(bytes.size() - 48, 40, footer);
  fails(bytes, "truncated block read");
}

// A file with holes may claim any size.
TEST(TableTest, RefusesAHugeBlock) {
  TempDir dir;
  const std::string path = dir.path() + "/huge.index";
  constexpr uint64_t kSize = uint64_t{1} << 40;
  std::string footer;
  PutVarint64(&footer, 0);
  PutVarint64(&footer, 0);
  PutVarint64(&footer, 0);
  PutVarint64(&footer, kSize - 100);
  footer.resize(40);
  PutFixed64(&footer, 0xdb4775248b80fb57u);
  std::ofstream(path) << "";
  std::filesystem::resize_file(path, kSize - footer.size());
  std::ofstream(path, std::ios::app) << footer;
  ASSERT_OK_AND_ASSIGN(auto file, FileSystem::Posix().OpenForReading(path));
  ASSERT_EQ(file->size(), kSize);
  EXPECT_THAT(TableReader::Open(std::move(file)),
              HasCode(absl::StatusCode::kDataLoss, "a block of"));
}

absl::Status Walk(const std::string& bytes) {
  ASSIGN_OR_RETURN(auto reader, Open(bytes));
  return reader->ForEach(
      [](absl::string_view, absl::string_view) { return absl::OkStatus(); });
}

// A small file may not stand for a day's reading.
TEST(TableTest, RefusesBlocksThatAreNamedAgainOrHoldNothing) {
  const std::string empty("\0\0\0\0\1\0\0\0", 8);
  EXPECT_THAT(Walk(TableOf(empty, 0)),
              HasCode(absl::StatusCode::kDataLoss, "without entries"));
  const std::string entry("\0\1\0k", 4);
  EXPECT_OK(Walk(TableOf(entry + empty, 0)));
  EXPECT_THAT(Walk(TableOf(entry + empty, 0, "z", 2)),
              HasCode(absl::StatusCode::kDataLoss, "blocks are out of order"));
}

// Each key costs a few bytes there, and all of it here.
TEST(TableTest, RefusesKeysThatShareTooMuch) {
  constexpr uint32_t kShared = 100'000;
  std::string block;
  for (int i = 1000; i < 1400; ++i) {
    const std::string rest = absl::StrCat(i);
    const std::string added =
        i == 1000 ? std::string(kShared, 'x') + rest : rest;
    PutVarint32(&block, i == 1000 ? 0 : kShared);
    PutVarint32(&block, static_cast<uint32_t>(added.size()));
    PutVarint32(&block, 0);
    block += added;
  }
  block += std::string("\0\0\0\0\1\0\0\0", 8);
  ASSERT_OK_AND_ASSIGN(auto reader, Open(TableOf(block, 0)));
  const absl::Status walked = reader->ForEach(
      [](absl::string_view, absl::string_view) { return absl::OkStatus(); });
  EXPECT_THAT(walked, HasCode(absl::StatusCode::kDataLoss, "16 times as long"));
}

TEST(TableTest, CallbackErrorsStopTheWalk) {
  ASSERT_OK_AND_ASSIGN(auto reader, Open(Write({{"a", ""}, {"b", ""}})));
  int calls = 0;
  EXPECT_THAT(reader->ForEach([&](absl::string_view, absl::string_view) {
    ++calls;
    return absl::CancelledError("enough");
  }),
              HasCode(absl::StatusCode::kCancelled, "enough"));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace metagraph
