#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/io/file_system.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// One tensor to be written: a whole one, or a slice of the tensor of that key.
struct TensorToSave {
  std::string key;
  std::string shape_and_slice;  // "": whole
  Tensor value;
};

// Writes a checkpoint of format V2, its tensors spread over `shards` data files
// by size. `written` is called after each tensor with its bytes. Returns the
// bytes in the data files. Complete and durable, or nothing, when it returns.
// FAILED_PRECONDITION: a checkpoint of format V1 is there, which this would
// hide.
absl::StatusOr<int64_t> WriteCheckpointV2(
    FileSystem& fs, const std::string& prefix,
    const std::vector<TensorToSave>& tensors, int shards,
    const std::function<void(int64_t bytes)>& written, CallContext& call);

// The same in format V1, as the one file `path`. Returns its size.
// INVALID_ARGUMENT: a name that other files of a model have.
// FAILED_PRECONDITION: another file is there, or a checkpoint of format V2,
// which would hide this.
absl::StatusOr<int64_t> WriteCheckpointV1(
    FileSystem& fs, const std::string& path,
    const std::vector<TensorToSave>& tensors,
    const std::function<void(int64_t bytes)>& written, CallContext& call);

}  // namespace metagraph
