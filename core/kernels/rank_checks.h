#pragma once

// What ranks kernels ask of their inputs. Each has TensorFlow's own words for
// it, which end with the shape that was found.

#include "absl/strings/string_view.h"
#include "core/base/status.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// INVALID_ARGUMENT, `text` and the shape, if the rank is another.
inline absl::Status RequireRank(const Tensor& tensor, int rank,
                                absl::string_view text) {
  if (tensor.rank() == rank) return absl::OkStatus();
  return InvalidArgument(text, tensor.shape().ToString());
}
inline absl::Status RequireScalar(const Tensor& tensor,
                                  absl::string_view text) {
  return RequireRank(tensor, 0, text);
}
inline absl::Status RequireVector(const Tensor& tensor,
                                  absl::string_view text) {
  return RequireRank(tensor, 1, text);
}
// The same if the rank is 0.
inline absl::Status RequireNotScalar(const Tensor& tensor,
                                     absl::string_view text) {
  if (tensor.rank() > 0) return absl::OkStatus();
  return InvalidArgument(text, tensor.shape().ToString());
}

}  // namespace metagraph
