#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/checkpoint/tensor_slice.h"
#include "core/io/file_system.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// One tensor of a checkpoint.
struct CheckpointTensor {
  std::string name;
  DataType dtype = DT_INVALID;  // may be one that we do not know
  TensorShape shape;
  uint64_t stored_bytes = 0;
  std::vector<TensorSlice> slices;  // empty if stored in one piece
};

// A checkpoint open for reading, either format. Files are opened once, so a
// reader keeps seeing the same checkpoint if another replaces it meanwhile.
// Immutable after Open: several threads may read at once.
class CheckpointReader {
 public:
  // Format V2 if there is `<prefix>.index`, else V1, where `prefix` may be a
  // pattern for several files ("model-?????-of-00002").
  // NOT_FOUND: no such checkpoint. DATA_LOSS: damaged.
  static absl::StatusOr<std::unique_ptr<CheckpointReader>> Open(
      FileSystem& fs, const std::string& prefix);

  virtual ~CheckpointReader() = default;

  // Sorted by name.
  absl::Span<const CheckpointTensor> tensors() const { return tensors_; }
  // Null if there is none of that name.
  const CheckpointTensor* Find(absl::string_view name) const;

  virtual int format() const = 0;  // 1 or 2

  // The whole tensor; partitioned ones are put together. NOT_FOUND: no such
  // tensor. DATA_LOSS: checksum or size wrong. OUT_OF_RANGE: data file too
  // short. UNIMPLEMENTED: a dtype that we cannot read.
  // INVALID_ARGUMENT: slices are missing. RESOURCE_EXHAUSTED: no memory.
  virtual absl::StatusOr<Tensor> Read(absl::string_view name) const = 0;
  // The part of it in `slice`, however it is partitioned in the file.
  virtual absl::StatusOr<Tensor> ReadSlice(absl::string_view name,
                                           const TensorSlice& slice) const = 0;
  // Whether the data files are there and as long as they must be; reads none of
  // them. The first thing that is wrong, with the codes of Read.
  virtual absl::Status CheckLengths() const { return absl::OkStatus(); }
  // Reads and checks all that is stored of the tensor, but keeps nothing.
  virtual absl::Status Verify(absl::string_view name) const = 0;

 protected:
  std::vector<CheckpointTensor> tensors_;  // constant after Open
};

}  // namespace metagraph
