#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/bundle_index.h"
#include "core/checkpoint/checkpoint_reader.h"

namespace metagraph {

// Reads format V2, the "tensor bundle": `<prefix>.index`, a table of where
// each tensor lies, and `<prefix>.data-i-of-n`. See FORMAT.md.
class BundleReader final : public CheckpointReader {
 public:
  // Reads and checks the whole index and opens every data file it refers to.
  static absl::StatusOr<std::unique_ptr<BundleReader>> Open(
      FileSystem& fs, const std::string& prefix);

  // Number of data files that the header declares.
  int num_shards() const { return num_shards_; }
  // Paths of the data files that tensors are in; there need be no others.
  std::vector<std::string> DataFiles() const;

  int format() const override { return 2; }
  absl::StatusOr<Tensor> Read(absl::string_view name) const override;
  absl::StatusOr<Tensor> ReadSlice(absl::string_view name,
                                   const TensorSlice& slice) const override;
  absl::Status CheckLengths() const override;
  absl::Status Verify(absl::string_view name) const override;

 private:
  using Piece = BundlePiece;
  using Stored = BundleIndex::Stored;
  struct Shard {
    std::unique_ptr<RandomAccessFile> file;
    absl::Status error;  // the file could not be opened: why
  };

  BundleReader() = default;

  static absl::StatusOr<std::unique_ptr<BundleReader>> OpenOnce(
      FileSystem& fs, const std::string& prefix);
  absl::StatusOr<const Stored*> Get(absl::string_view name) const;
  // The open data file of a piece that is known to lie within it.
  absl::StatusOr<const RandomAccessFile*> FileOf(const Piece& piece) const;
  absl::StatusOr<Tensor> ReadPiece(absl::string_view name,
                                   const Piece& piece) const;
  // Fills the piece's elements; null: only checks.
  absl::Status ReadPlain(const Piece& piece, char* out) const;
  absl::Status ReadStrings(absl::string_view name, const Piece& piece,
                           std::string* out) const;
  // Explains what is wrong with a piece by what its whole file is; OK if that
  // explains nothing.
  absl::Status CheckNotForeign(const Piece& piece) const;
  absl::Status CheckCrc(const Piece& piece, uint32_t crc) const;

  // Constant after Open.
  std::string prefix_;
  int num_shards_ = 0;
  absl::flat_hash_map<int, Shard> shards_;  // those that entries refer to
  absl::flat_hash_map<std::string, Stored> stored_;
};

}  // namespace metagraph
