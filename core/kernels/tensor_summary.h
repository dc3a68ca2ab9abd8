#pragma once

#include <string>

#include "core/tensor/tensor.h"

namespace metagraph {

// The first `limit` elements (all, if negative) as TensorFlow prints them in
// messages: "[1 2 3]...", rows in brackets.
std::string SummarizeTensor(const Tensor& tensor, int64_t limit);

// A float as TensorFlow prints it: the fewest of 6 or 9 digits (double: 15 or
// 17) that read back as the same number.
std::string FloatToString(float value);
std::string DoubleToString(double value);

}  // namespace metagraph
