#pragma once

#include <cstdint>

namespace metagraph {

// y = x b for a row x [k], a row-major matrix b [k, n] and y [n]: the dense
// layer of a single example. Products are added in the order and with the
// roundings of TensorFlow's MatMul (without oneDNN, on a machine without fused
// multiply-add): for n > 1 the answer is the same to the last bit.
void MultiplyRow(const float* x, const float* b, int64_t k, int64_t n,
                 float* y);
// The columns [col, col + cols) of it: y[col] and on.
void MultiplyRow(const float* x, const float* b, int64_t k, int64_t n,
                 int64_t col, int64_t cols, float* y);

}  // namespace metagraph
