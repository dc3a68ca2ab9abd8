#include "core/checkpoint/verify.h"

#include <memory>
#include <utility>

#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_reader.h"

namespace metagraph {

absl::StatusOr<CheckpointCheck> VerifyCheckpoint(
    FileSystem& fs, const std::string& prefix,
    absl::FunctionRef<bool(uint64_t, uint64_t)> progress) {
  ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointReader> reader,
                   CheckpointReader::Open(fs, prefix));
  if (const std::string missing = MissingShards(fs, prefix); !missing.empty()) {
    return DataLoss(missing);
  }
  CheckpointCheck check;
  check.format = reader->format();
  for (const CheckpointTensor& tensor : reader->tensors()) {
    check.total_bytes += tensor.stored_bytes;
  }
  uint64_t done = 0;
  for (const CheckpointTensor& tensor : reader->tensors()) {
    TensorCheck& entry = check.tensors.emplace_back();
    entry.name = tensor.name;
    entry.dtype = tensor.dtype;
    entry.shape = tensor.shape;
    entry.stored_bytes = tensor.stored_bytes;
    entry.slices = static_cast<int>(tensor.slices.size());
    entry.status = reader->Verify(tensor.name);
    if (!entry.status.ok()) ++check.bad;
    done += tensor.stored_bytes;
    if (!progress(done, check.total_bytes)) {
      return absl::CancelledError("verification was cancelled");
    }
  }
  return check;
}

}  // namespace metagraph
