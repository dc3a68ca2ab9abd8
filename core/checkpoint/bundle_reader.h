#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {

// Reads format V2, the "tensor bundle": `<prefix>.index`, a table of where
// each tensor lies, and `<prefix>.data-i-of-n`. See FORMAT.md.
class BundleReader final : public CheckpointReader {
 public:
  // Reads and checks the whole index and opens every data file it refers to.
  static absl::StatusOr<std::unique_ptr<BundleReader>> Open(
      FileSystem& fs, const std::string& prefix);

  // Number of data files that the header declares.
  int num_shards() const { return header_.num_shards(); }
  const std::string& prefix() const { return prefix_; }

  int format() const override { return 2; }
  absl::StatusOr<Tensor> Read(absl::string_view name) const override;
  absl::StatusOr<Tensor> ReadSlice(absl::string_view name,
                                   const TensorSlice& slice) const override;
  absl::Status Verify(absl::string_view name) const override;

 private:
  // A run of bytes in a data file that holds a tensor or one slice of it.
  struct Piece {
    DataType dtype = DT_INVALID;
    TensorShape shape;
    int shard = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
    uint32_t masked_crc = 0;
  };
  // What the index says of one name.
  struct Stored {
    size_t listed = 0;          // in tensors_
    std::vector<Piece> pieces;  // one per slice, or the tensor itself
  };
  struct Shard {
    std::unique_ptr<RandomAccessFile> file;  // null: no entry refers to it
    absl::Status error;                      // why it could not be opened
  };

  BundleReader() = default;

  absl::Status ReadIndex(FileSystem& fs);
  absl::Status AddEntry(absl::string_view key,
                        const tensorflow::BundleEntryProto& entry, Piece* out);
  absl::Status CheckOverlaps() const;
  void OpenShards(FileSystem& fs);
  absl::StatusOr<const Stored*> Get(absl::string_view name) const;
  absl::StatusOr<Tensor> ReadPiece(absl::string_view name,
                                   const Piece& piece) const;
  absl::Status CheckPiece(absl::string_view name, const Piece& piece) const;
  absl::Status ReadPlain(const Piece& piece, void* out) const;
  absl::Status ReadStrings(absl::string_view name, const Piece& piece,
                           std::string* out) const;
  absl::Status ChecksumError(const Piece& piece, uint32_t found) const;

  // Constant after Open.
  std::string prefix_;
  tensorflow::BundleHeaderProto header_;
  std::vector<Shard> shards_;
  absl::flat_hash_map<std::string, Stored> stored_;
};

}  // namespace metagraph
