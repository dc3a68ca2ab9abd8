#pragma once

#include <cstdint>
#include <string>

#include "core/tensor/tensor.h"

namespace metagraph {

// The values as nested JSON arrays, in the form that TensorFromJson reads.
// A tensor without elements is "[]" whatever its shape.
std::string TensorToJson(const Tensor& tensor);

// The values for a person. With more than `most` elements only the first and
// last three of each dimension are shown; 0 shows all.
std::string TensorToText(const Tensor& tensor, int64_t most);

}  // namespace metagraph
