#include "core/kernels/gemv.h"

#include <algorithm>

namespace metagraph {
namespace {

// y += x b for `depth` rows of b and a strip of its columns; rows are n apart.
template <int64_t strip>
inline void AddStrip(const float* x, const float* b, int64_t n, int64_t depth,
                     float* y) {
  float sum[strip] = {};
  for (int64_t p = 0; p < depth; ++p) {
    for (int64_t j = 0; j < strip; ++j) sum[j] += x[p] * b[p * n + j];
  }
  for (int64_t j = 0; j < strip; ++j) y[j] += sum[j];
}

// The same for four whole rows, read side by side: the way of long rows, of
// which strips would touch too many pages.
void AddFourRows(const float* x, const float* b, int64_t n, int64_t cols,
                 float* y) {
  const float x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
  const float* b1 = b + n;
  const float* b2 = b1 + n;
  const float* b3 = b2 + n;
  for (int64_t j = 0; j < cols; ++j) {
    y[j] += x0 * b[j] + x1 * b1[j] + x2 * b2[j] + x3 * b3[j];
  }
}

// Rows of b that are added up before y takes their sum: the order that the bits
// of the answer depend on, not a choice for speed.
int64_t BlockRows(int64_t k, int64_t n) {
  if (k < 128) return k;
  return n < 8000 ? 16 : 4;
}

}  // namespace

void MultiplyRow(const float* x, const float* b, int64_t k, int64_t n,
                 float* y) {
  MultiplyRow(x, b, k, n, 0, n, y);
}

void MultiplyRow(const float* x, const float* b, int64_t k, int64_t n,
                 int64_t col, int64_t cols, float* y) {
  const int64_t end = col + cols;
  std::fill(y + col, y + end, 0.0f);
  const int64_t block = BlockRows(k, n);
  for (int64_t p = 0; p < k; p += block, x += block, b += block * n) {
    const int64_t depth = std::min(block, k - p);
    if (depth == 4) {
      AddFourRows(x, b + col, n, cols, y + col);
      continue;
    }
    int64_t j = col;
    for (; j + 64 <= end; j += 64) AddStrip<64>(x, b + j, n, depth, y + j);
    for (; j + 8 <= end; j += 8) AddStrip<8>(x, b + j, n, depth, y + j);
    for (; j < end; ++j) AddStrip<1>(x, b + j, n, depth, y + j);
  }
}

}  // namespace metagraph
