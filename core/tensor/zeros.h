#pragma once

#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// A new tensor of zeros, "" or empty objects. RESOURCE_EXHAUSTED over the
// memory budget.
absl::StatusOr<Tensor> Zeros(DataType dtype, const TensorShape& shape);

}  // namespace metagraph
