#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Whether the bytes begin as a `.npy` file.
bool LooksLikeNpy(absl::string_view bytes);

// The tensor in a `.npy` file of NumPy, format 1 to 3: little-endian numbers
// and bools in C order.
// INVALID_ARGUMENT: another type or order, or a damaged file.
absl::StatusOr<Tensor> TensorFromNpy(absl::string_view bytes);

// A `.npy` file, format 1. INVALID_ARGUMENT for what NumPy has no plain type
// for: strings, bfloat16, resources, variants.
absl::StatusOr<std::string> TensorToNpy(const Tensor& tensor);

}  // namespace metagraph
