// Damage that must show: one wrong bit anywhere.

#include <random>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/v1_writer.h"
#include "gtest/gtest.h"
#include "tests/core/checkpoint/bundle_test_util.h"

namespace metagraph {
namespace {

constexpr int kFlips = 10000;

std::vector<NamedTensor> Weights() {
  std::vector<NamedTensor> out;
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    Tensor tensor = *Tensor::Allocate(DT_FLOAT, {50 + i});
    for (float& x : tensor.mutable_values<float>()) {
      x = static_cast<float>(random()) / 1e6f;
    }
    out.emplace_back("layer" + std::to_string(i) + "/weights", tensor);
  }
  out.emplace_back("names",
                   MakeTensor<std::string>({3}, {"a", "", "long one"}));
  out.emplace_back("none", MakeTensor<float>({0}, {}));
  return out;
}

bool Same(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  if (a.dtype() == DT_STRING) {
    return a.values<std::string>() == b.values<std::string>();
  }
  return a.bytes() == b.bytes();
}

// Flips bits of `files`, one at a time. What can still be read must be right.
// Returns how many flips no reader could see.
int CountUnseen(FakeFileSystem& fs, const std::string& prefix,
                const std::vector<std::string>& files) {
  const std::vector<NamedTensor> weights = Weights();
  std::vector<std::string> contents;
  size_t total = 0;
  for (const std::string& file : files) {
    contents.push_back(fs.ContentOf(file));
    total += contents.back().size();
  }
  std::mt19937_64 random(1);
  int unseen = 0;
  for (int n = 0; n < kFlips; ++n) {
    size_t at = random() % total;
    size_t which = 0;
    while (at >= contents[which].size()) at -= contents[which++].size();
    std::string bytes = contents[which];
    bytes[at] ^= static_cast<char>(1 << random() % 8);
    fs.Put(files[which], bytes);
    bool seen = false;
    const auto reader = CheckpointReader::Open(fs, prefix);
    seen = !reader.ok();
    for (const auto& [name, value] : weights) {
      if (!reader.ok()) break;
      const auto read = (*reader)->Read(name);
      seen = seen || !read.ok();
      if (read.ok() && !Same(*read, value)) {
        ADD_FAILURE() << files[which] << " byte " << at << ": wrong " << name;
      }
    }
    unseen += !seen;
    fs.Put(files[which], contents[which]);
  }
  return unseen;
}

TEST(BitFlipTest, NoWrongValueOfV2IsRead) {
  FakeFileSystem fs({"d"});
  ASSERT_OK(WriteBundle(fs, "d/m", Weights()));
  // Unseen are the flips in the footer's padding, which holds nothing, and
  // those that leave an index readable that says the same.
  EXPECT_LT(CountUnseen(fs, "d/m", {"d/m.index", "d/m.data-00000-of-00001"}),
            kFlips / 50);
}

TEST(BitFlipTest, NoWrongValueOfV1IsRead) {
  FakeFileSystem fs({"d"});
  V1Writer writer(fs, "d/m");
  for (const auto& [name, tensor] : Weights())
    ASSERT_OK(writer.Add(name, tensor));
  ASSERT_OK(writer.Finish());
  EXPECT_LT(CountUnseen(fs, "d/m", {"d/m"}), kFlips / 50);
}

}  // namespace
}  // namespace metagraph
