#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/table.h"

namespace metagraph {

// Reads format V1: tables that hold the tensors themselves, as SavedSlice
// messages. See FORMAT.md.
class V1Reader final : public CheckpointReader {
 public:
  // Every file that fits `pattern` is one shard of the checkpoint.
  static absl::StatusOr<std::unique_ptr<V1Reader>> Open(
      FileSystem& fs, const std::string& pattern);

  int format() const override { return 1; }
  absl::StatusOr<Tensor> Read(absl::string_view name) const override;
  absl::StatusOr<Tensor> ReadSlice(absl::string_view name,
                                   const TensorSlice& slice) const override;
  absl::Status Verify(absl::string_view name) const override;

 private:
  struct Piece {
    const TableReader* table = nullptr;
    std::string key;
    TensorSlice slice;  // extents explicit
  };
  struct Stored {
    DataType dtype = DT_INVALID;
    TensorShape shape;
    std::vector<TensorSlice> slices;
    std::vector<Piece> pieces;
  };

  V1Reader() = default;

  absl::Status AddFile(FileSystem& fs, const std::string& path);
  absl::StatusOr<const Stored*> Get(absl::string_view name) const;
  absl::StatusOr<Tensor> ReadPiece(const Stored& stored,
                                   const Piece& piece) const;
  absl::StatusOr<Tensor> ReadCharged(const Stored& stored,
                                     const Piece& piece) const;

  // Constant after Open.
  std::string pattern_;
  std::vector<std::unique_ptr<TableReader>> tables_;
  absl::flat_hash_map<std::string, Stored> stored_;
};

// Whether the file is a checkpoint of format V1, or one of its files, by its
// content; an index of format V2 is not.
bool IsV1Checkpoint(FileSystem& fs, const std::string& path);

}  // namespace metagraph
