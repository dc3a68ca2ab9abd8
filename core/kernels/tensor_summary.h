#pragma once

#include <cstddef>
#include <string>

#include "core/tensor/tensor.h"

namespace metagraph {

// A message shows no more than about so many bytes of values, whatever is
// asked.
inline constexpr size_t kMaxSummary = size_t{64} << 10;

// The first `limit` elements (all, if negative) as TensorFlow prints them in
// messages: "[1 2 3]...", rows in brackets. Ends with "..." after kMaxSummary
// bytes, too.
std::string SummarizeTensor(const Tensor& tensor, int64_t limit);

// A float as TensorFlow prints it: the fewest of 6 or 9 digits (double: 15 or
// 17) that read back as the same number.
std::string FloatToString(float value);
std::string DoubleToString(double value);

}  // namespace metagraph
