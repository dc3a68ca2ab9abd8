#pragma once

// What the fuzz targets of whole checkpoints share: taking bytes apart, tables
// with right checksums, and all calls of a reader.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/table.h"
#include "core/tensor/buffer.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}
  // Little endian; missing bytes are 0.
  size_t Number(int bytes) {
    size_t value = 0;
    for (int i = 0; i < bytes && !rest_.empty(); ++i) {
      value |= size_t{static_cast<unsigned char>(rest_[0])} << (8 * i);
      rest_.remove_prefix(1);
    }
    return value;
  }
  // As many as there are, at most `size`.
  std::string Bytes(size_t size) {
    const absl::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(out.size());
    return std::string(out);
  }
  std::string Rest() { return std::string(rest_); }

 private:
  absl::string_view rest_;
};

// count(1 byte) {key length(1) value length(2) key value}, as a table at
// `path`.
inline void PutTable(FakeFileSystem& fs, const std::string& path,
                     FuzzInput& input) {
  std::map<std::string, std::string> entries;
  const size_t count = input.Number(1);
  for (size_t i = 0; i < count; ++i) {
    const size_t key_size = input.Number(1);
    const size_t value_size = input.Number(2);
    std::string key = input.Bytes(key_size);
    entries[std::move(key)] = input.Bytes(value_size);
  }
  auto file = *fs.Create(path);
  TableWriter table(*file);
  for (const auto& [key, value] : entries) {
    if (!table.Add(key, value).ok()) __builtin_trap();
  }
  if (!table.Finish().ok()) __builtin_trap();
}

// Reads, verifies and slices all tensors of the checkpoint, if it opens.
inline void WalkCheckpoint(FakeFileSystem& fs, const std::string& prefix) {
  // A lie about a size must not get this much.
  MemoryBudget::Process().set_limit(int64_t{64} << 20);
  auto reader = CheckpointReader::Open(fs, prefix);
  if (!reader.ok()) return;
  for (const CheckpointTensor& tensor : (*reader)->tensors()) {
    const bool read = (*reader)->Read(tensor.name).ok();
    const bool verified = (*reader)->Verify(tensor.name).ok();
    // Verifying is reading without keeping; it may only be stricter.
    if (verified && !read) __builtin_trap();
    if (tensor.shape.rank() > 0 && tensor.shape.dim(0) > 1) {
      TensorSlice slice = TensorSlice::Whole(tensor.shape.rank());
      slice.extents[0] = {1, 1};
      (*reader)->ReadSlice(tensor.name, slice).IgnoreError();
    }
  }
}

}  // namespace metagraph
