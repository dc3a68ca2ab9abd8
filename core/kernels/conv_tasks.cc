#include "core/kernels/conv_tasks.h"

namespace metagraph {
namespace {

// Windows in one product: what a packed block of the filter is used for.
constexpr int64_t kBlockRows = 480;
// Pointers in a table, so that it stays in the caches.
constexpr int64_t kTableSize = 32 * 1024;

}  // namespace

void MultiplyRows(const double* const* table, int64_t m, int64_t taps,
                  int64_t depth, const double* b, int64_t ldb, int64_t n,
                  double* c, int64_t ldc, bool accumulate, double*) {
  for (int64_t i = 0; i < m; ++i) {
    double* out = c + i * ldc;
    if (!accumulate) std::fill_n(out, n, 0.0);
    for (int64_t t = 0; t < taps; ++t) {
      const double* row =
          table[(i / kTileRows * taps + t) * kTileRows + i % kTileRows];
      for (int64_t d = 0; d < depth; ++d) {
        const double x = row[d];
        const double* from = b + (t * depth + d) * ldb;
        for (int64_t j = 0; j < n; ++j) out[j] += x * from[j];
      }
    }
  }
}

ConvTasks CutTasks(const KernelContext& ctx, const ConvProduct& product) {
  const int64_t rows = product.rows;
  const int64_t cols = product.cols;
  const ThreadPool* pool = ctx.step().compute_pool;
  const int64_t wanted = pool == nullptr ? 1 : 2 * (pool->size() + 1);
  ConvTasks cut;
  cut.rows = std::min(kBlockRows, rows);
  cut.rows = std::max(kTileRows, std::min(cut.rows, kTableSize / product.taps) /
                                     kTileRows * kTileRows);
  cut.cols = cols;
  constexpr double kMinWork = 1 << 19;  // multiply-adds
  while (CeilDiv(rows, cut.rows) * CeilDiv(cols, cut.cols) < wanted &&
         double(cut.rows) * cut.cols * product.taps * product.depth >
             2 * kMinWork) {
    if (cut.rows > 16 * kTileRows) {
      cut.rows = CeilDiv(cut.rows / 2, kTileRows) * kTileRows;
    } else if (cut.cols > 4 * kTileCols) {
      cut.cols = CeilDiv(cut.cols / 2, kTileCols) * kTileCols;
    } else {
      break;
    }
  }
  cut.row_blocks = CeilDiv(rows, cut.rows);
  cut.col_blocks = CeilDiv(cols, cut.cols);
  return cut;
}

}  // namespace metagraph
