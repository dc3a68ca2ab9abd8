#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/io/file_system.h"
#include "core/tensor/dtype.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

struct TensorCheck {
  std::string name;
  DataType dtype = DT_INVALID;
  TensorShape shape;
  uint64_t stored_bytes = 0;
  int slices = 0;  // 0: stored in one piece
  absl::Status status;
};

struct CheckpointCheck {
  int format = 2;
  std::vector<TensorCheck> tensors;  // sorted by name
  uint64_t total_bytes = 0;
  int bad = 0;  // tensors whose status is an error
  bool ok() const { return bad == 0; }
};

// Reads a whole checkpoint without a graph and checks lengths, completeness
// and checksums; needs no more memory than a small buffer (format V2).
// Fails only if the checkpoint cannot be opened; bad tensors are reported.
// `progress` is called after each tensor; false stops with CANCELLED.
absl::StatusOr<CheckpointCheck> VerifyCheckpoint(
    FileSystem& fs, const std::string& prefix,
    absl::FunctionRef<bool(uint64_t bytes_done, uint64_t bytes_total)>
        progress = [](uint64_t, uint64_t) { return true; });

}  // namespace metagraph
