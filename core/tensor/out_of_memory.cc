#include "core/tensor/out_of_memory.h"

#include "core/base/status.h"
#include "core/tensor/scratch.h"

namespace metagraph {

absl::Status OutOfMemoryError(const std::bad_alloc& error) {
  const auto* refused = dynamic_cast<const ScratchRefused*>(&error);
  if (refused == nullptr) {
    return ResourceExhausted("OOM: the machine has no more memory");
  }
  return ResourceExhausted("OOM when allocating ", refused->bytes(),
                           " bytes to work with: the tensor memory limit is ",
                           MemoryBudget::Process().limit(), " bytes, in use ",
                           MemoryBudget::Process().used());
}

absl::Status TooLongError(const std::length_error& error) {
  return ResourceExhausted("OOM: more elements than memory can have (",
                           error.what(), ")");
}

}  // namespace metagraph
