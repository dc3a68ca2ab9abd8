#pragma once

// Matrix multiplication for the kernels of this folder.

#include <cstdint>

#include "absl/status/status.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// c = op(a) * op(b), all dense and row-major; op transposes if asked to.
// op(a) is m x k, op(b) is k x n. Uses the compute pool.
// T: float, double, int16_t, int32_t, int64_t, complex64, complex128, half,
// bfloat16 (the last two accumulate in float). Sizes may be zero.
template <typename T>
absl::Status Gemm(const KernelContext& ctx, bool transpose_a, bool transpose_b,
                  int64_t m, int64_t n, int64_t k, const T* a, const T* b,
                  T* c);
// The same on the caller's thread only, for callers that split work
// themselves.
template <typename T>
absl::Status GemmOneThread(bool transpose_a, bool transpose_b, int64_t m,
                           int64_t n, int64_t k, const T* a, const T* b, T* c);

// The float micro-kernel multiplies tiles of this many rows and columns.
inline constexpr int64_t kTileRows = 6;
inline constexpr int64_t kTileCols = 16;
// Floats of scratch, 64-byte aligned, that MultiplyRows needs.
inline constexpr int64_t kMultiplyScratch = 344 * 128;

// c (+)= A * b, where A is given by pointers to pieces of its rows, so that
// the windows of a convolution need no copy. Row r of A is, for each tap t,
// `depth` floats at table[(r / 6 * taps + t) * 6 + r % 6]; the last group of
// six is filled up with any valid pointers. b is (taps * depth) x n with
// rows ldb apart. One thread. REQUIRES: m, n, taps, depth >= 1.
void MultiplyRows(const float* const* table, int64_t m, int64_t taps,
                  int64_t depth, const float* b, int64_t ldb, int64_t n,
                  float* c, int64_t ldc, bool accumulate, float* scratch);

}  // namespace metagraph
