#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/io/file_system.h"

namespace metagraph {

// A run of bytes in a data file of a bundle that holds a tensor or one slice of
// it.
struct BundlePiece {
  DataType dtype = DT_INVALID;
  TensorShape shape;
  TensorSlice slice;  // of the tensor it belongs to, extents explicit
  int shard = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint32_t crc = 0;
};

// What the index of a bundle, `<prefix>.index`, says. See FORMAT.md.
struct BundleIndex {
  struct Stored {
    size_t listed = 0;   // position in `tensors`
    absl::Status error;  // the tensor cannot be read: why
    std::vector<BundlePiece> pieces;
  };

  int num_shards = 0;                     // as its header declares
  std::vector<CheckpointTensor> tensors;  // sorted by name
  absl::flat_hash_map<std::string, Stored> stored;
  absl::flat_hash_set<int> shards;  // those that entries refer to
};

// Reads and checks a whole index. What is wrong with one tensor alone stands in
// its `error`: the others can still be read. DATA_LOSS: damaged.
// INVALID_ARGUMENT, UNIMPLEMENTED: written for other readers, or on a
// big-endian machine. NOT_FOUND: no such file.
absl::StatusOr<BundleIndex> ReadBundleIndex(FileSystem& fs,
                                            const std::string& path);

}  // namespace metagraph
