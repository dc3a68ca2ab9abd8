#pragma once

// Products of float matrices by oneDNN: on machines with AVX-512 faster than
// Gemm (gemm.h), but for small ones.

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// c = op(a) * op(b), as in Gemm. REQUIRES: sizes >= 1.
struct FloatProduct {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  const float *a, *b;
  float* c;

  double work() const { return double(m) * n * k; }
};

// Whether the product pays for the way into oneDNN.
inline bool PaysForOneDnn(const FloatProduct& product) {
  return product.m >= 2 && product.n >= 2 && product.work() >= 64 * 1024;
}

// The same for who may round otherwise than MultiplyRow (gemv.h) does.
inline bool RowPaysForOneDnn(const FloatProduct& product) {
  return product.m == 1 && product.n >= 32 && product.work() >= 64 * 1024;
}

// A part of c, which has just been made.
struct ProductPart {
  int64_t row, rows;
  int64_t col, cols;
};

// Splits the product over the compute pool; `finish` is called for each part
// while it is in the cache of the thread that made it. INTERNAL, CANCELLED and
// DEADLINE_EXCEEDED.
absl::Status MultiplyByOneDnn(
    const KernelContext& ctx, const FloatProduct& product,
    absl::FunctionRef<void(const ProductPart&)> finish);
// The same on the caller's thread only. False if oneDNN failed.
bool MultiplyByOneDnn(const FloatProduct& product);

}  // namespace metagraph
