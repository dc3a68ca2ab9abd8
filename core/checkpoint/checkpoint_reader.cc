#include "core/checkpoint/checkpoint_reader.h"

#include <algorithm>

#include "core/checkpoint/bundle_reader.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/v1_reader.h"

namespace metagraph {

absl::StatusOr<std::unique_ptr<CheckpointReader>> CheckpointReader::Open(
    FileSystem& fs, const std::string& prefix) {
  if (fs.Stat(IndexPath(prefix)).ok()) return BundleReader::Open(fs, prefix);
  return V1Reader::Open(fs, prefix);
}

const CheckpointTensor* CheckpointReader::Find(absl::string_view name) const {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const CheckpointTensor& tensor, absl::string_view wanted) {
        return tensor.name < wanted;
      });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

}  // namespace metagraph
