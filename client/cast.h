#pragma once

#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// The same numbers as another dtype of the same kind: between float dtypes,
// rounding, and between integer dtypes where every value fits. NumPy arrays
// mostly are of 8 byte types, placeholders of 4.
// INVALID_ARGUMENT: another kind, or an integer that does not fit.
absl::StatusOr<Tensor> CastTensor(const Tensor& tensor, DataType dtype);

}  // namespace metagraph
