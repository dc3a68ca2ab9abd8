// The float matrix product: blocks that stay in the caches around one
// micro-kernel that keeps twelve AVX2 accumulators in registers.

#include "core/kernels/gemm.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "Eigen/Core"
#include "core/kernels/gemv.h"

namespace metagraph {
namespace {

// Steps of k in a block: 16 columns of b (22 KB) stay in the L1 cache, and
// six rows of a pass through the rest of it. No multiple of a power of two,
// or packed rows would share cache sets.
constexpr int64_t kBlockK = 344;
// Columns of b that a convolution packs at once: part of the L2 cache.
constexpr int64_t kBlockCols = 128;
static_assert(kBlockK * kBlockCols == kMultiplyScratch);
// Rows of a packed at once: 132 KB, part of the L2 cache.
constexpr int64_t kBlockRows = 96;
// The largest piece of c computed at once. Its packed block of b (1.4 MB)
// is read from the L3 cache once for every kBlockRows rows.
constexpr int64_t kPartRows = 1024;
constexpr int64_t kPartCols = 1024;

// tile[6][16] = the product of six rows and one panel of b, whose rows are
// `ldb` floats apart. In assembly, because compilers spill accumulators here.
inline void MicroKernel(const float* const* rows, int64_t taps, int64_t depth,
                        int64_t offset, const float* b, int64_t ldb,
                        float* tile) {
  const int64_t end = (offset + depth) * 4;
  const int64_t minus_depth = -depth;
  const int64_t ldb_bytes = ldb * 4;
  const float *a0, *a1, *a2, *a3, *a4, *a5;
  int64_t i;
// clang-format off
#define MG_ZERO_(r) "vxorps %%ymm" r ", %%ymm" r ", %%ymm" r "\n\t"
#define MG_ROW_(a, s0, s1, x)                            \
  "vbroadcastss (%[" a "],%[i],4), %%ymm" x "\n\t"       \
  "vfmadd231ps %%ymm12, %%ymm" x ", %%ymm" s0 "\n\t"     \
  "vfmadd231ps %%ymm13, %%ymm" x ", %%ymm" s1 "\n\t"
#define MG_LOAD_(at, a)                                  \
  "movq " at "(%[rows]), %[" a "]\n\t"                   \
  "addq %[end], %[" a "]\n\t"
// clang-format on
#define MG_STORE_(at, r) "vmovaps %%ymm" r ", " at "(%[tile])\n\t"
  asm volatile(
      MG_ZERO_("0") MG_ZERO_("1") MG_ZERO_("2") MG_ZERO_("3") MG_ZERO_("4")
      MG_ZERO_("5") MG_ZERO_("6") MG_ZERO_("7") MG_ZERO_("8") MG_ZERO_("9")
      MG_ZERO_("10") MG_ZERO_("11")
      "1:\n\t"  // for each tap
      MG_LOAD_("0", "a0") MG_LOAD_("8", "a1") MG_LOAD_("16", "a2")
      MG_LOAD_("24", "a3") MG_LOAD_("32", "a4") MG_LOAD_("40", "a5")
      "addq $48, %[rows]\n\t"
      "movq %[minus_depth], %[i]\n\t"
      ".p2align 6\n\t"
      "2:\n\t"  // for each step of k
      "vmovups (%[b]), %%ymm12\n\t"
      "vmovups 32(%[b]), %%ymm13\n\t"
      MG_ROW_("a0", "0", "1", "14") MG_ROW_("a1", "2", "3", "15")
      MG_ROW_("a2", "4", "5", "14") MG_ROW_("a3", "6", "7", "15")
      MG_ROW_("a4", "8", "9", "14") MG_ROW_("a5", "10", "11", "15")
      "addq %[ldb], %[b]\n\t"
      "incq %[i]\n\t"
      "jnz 2b\n\t"
      "decq %[taps]\n\t"
      "jnz 1b\n\t"
      MG_STORE_("0", "0") MG_STORE_("32", "1") MG_STORE_("64", "2")
      MG_STORE_("96", "3") MG_STORE_("128", "4") MG_STORE_("160", "5")
      MG_STORE_("192", "6") MG_STORE_("224", "7") MG_STORE_("256", "8")
      MG_STORE_("288", "9") MG_STORE_("320", "10") MG_STORE_("352", "11")
      : [rows] "+&r"(rows), [taps] "+&r"(taps), [b] "+&r"(b), [i] "=&r"(i),
        [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3),
        [a4] "=&r"(a4), [a5] "=&r"(a5)
      : [end] "m"(end), [minus_depth] "m"(minus_depth), [ldb] "m"(ldb_bytes),
        [tile] "r"(tile)
      : "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8",
        "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15", "memory",
        "cc");
#undef MG_ZERO_
#undef MG_ROW_
#undef MG_LOAD_
#undef MG_STORE_
}

// c[m][n] (+)= tile[m][n].
inline void StoreTile(const float* tile, int64_t m, int64_t n, float* c,
                      int64_t ldc, bool accumulate) {
  for (int64_t i = 0; i < m; ++i, tile += kTileCols, c += ldc) {
    if (n == kTileCols) {
      __m256 lo = _mm256_load_ps(tile);
      __m256 hi = _mm256_load_ps(tile + 8);
      if (accumulate) {
        lo = _mm256_add_ps(lo, _mm256_loadu_ps(c));
        hi = _mm256_add_ps(hi, _mm256_loadu_ps(c + 8));
      }
      _mm256_storeu_ps(c, lo);
      _mm256_storeu_ps(c + 8, hi);
    } else {
      for (int64_t j = 0; j < n; ++j) {
        c[j] = accumulate ? c[j] + tile[j] : tile[j];
      }
    }
  }
}

// Panels of 16 columns, each k x 16, the last filled up with zeros.
void PackColumns(const float* b, int64_t ldb, bool transposed, int64_t k,
                 int64_t n, float* out) {
  for (int64_t j = 0; j < n; j += kTileCols, out += k * kTileCols) {
    const int64_t width = std::min(kTileCols, n - j);
    if (width < kTileCols) std::fill_n(out, k * kTileCols, 0.0f);
    if (transposed) {
      for (int64_t i = 0; i < width; ++i) {
        const float* from = b + (j + i) * ldb;
        for (int64_t p = 0; p < k; ++p) out[p * kTileCols + i] = from[p];
      }
    } else if (width == kTileCols) {
      for (int64_t p = 0; p < k; ++p) {
        const float* from = b + p * ldb + j;
        float* to = out + p * kTileCols;
        _mm256_storeu_ps(to, _mm256_loadu_ps(from));
        _mm256_storeu_ps(to + 8, _mm256_loadu_ps(from + 8));
      }
    } else {
      for (int64_t p = 0; p < k; ++p) {
        std::copy_n(b + p * ldb + j, width, out + p * kTileCols);
      }
    }
  }
}

// Panels of 16 columns of a block of b. Columns j to j + 15 start at
// data + j * step, their rows are `ld` apart.
struct Panels {
  const float* data;
  int64_t step;
  int64_t ld;
};

// Packed into `scratch` if that saves more than it costs.
Panels MakePanels(const float* b, int64_t ldb, bool transposed, int64_t k,
                  int64_t n, int64_t rows, float* scratch) {
  if (!transposed && rows <= 2 * kTileRows && n % kTileCols == 0) {
    return {b, 1, ldb};
  }
  PackColumns(b, ldb, transposed, k, n, scratch);
  return {scratch, k, kTileCols};
}

// Taps [tap, tap + taps) of rows of A in the form of MultiplyRows, and of
// each tap `depth` floats from `offset` on.
struct RowBlock {
  const float* const* table;
  int64_t rows;
  int64_t all_taps;
  int64_t tap;
  int64_t taps;
  int64_t offset;
  int64_t depth;
};

inline void Prefetch(const float* at) {
  _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0);
}

// c (+)= a times n columns.
void MultiplyPanels(const RowBlock& a, const Panels& b, int64_t n, float* c,
                    int64_t ldc, bool accumulate) {
  alignas(64) float tile[kTileRows * kTileCols];
  for (int64_t j = 0; j < n; j += kTileCols) {
    const int64_t cols = std::min(kTileCols, n - j);
    for (int64_t i = 0; i < a.rows; i += kTileRows) {
      const int64_t rows = std::min(kTileRows, a.rows - i);
      float* out = c + i * ldc + j;
      const float* const* group =
          a.table + (i * a.all_taps + a.tap * kTileRows);
      // Where rows begin no hardware prefetcher can know.
      const bool last = i + kTileRows >= a.rows;
      const float* const* next = group + (last ? 0 : kTileRows * a.all_taps);
      for (int64_t r = 0; r < kTileRows; ++r) Prefetch(next[r] + a.offset);
      for (int64_t r = 0; r < rows; ++r) Prefetch(out + r * ldc);
      MicroKernel(group, a.taps, a.depth, a.offset, b.data + j * b.step, b.ld,
                  tile);
      StoreTile(tile, rows, cols, out, ldc, accumulate);
    }
  }
}

// Rows [0, m) of op(a), columns [p, p + k), side by side.
void PackRows(const float* a, int64_t lda, bool transposed, int64_t p,
              int64_t m, int64_t k, float* out) {
  if (transposed) {
    for (int64_t q = 0; q < k; ++q) {
      const float* from = a + (p + q) * lda;
      for (int64_t i = 0; i < m; ++i) out[i * k + q] = from[i];
    }
    return;
  }
  for (int64_t i = 0; i < m; ++i) std::copy_n(a + i * lda + p, k, out + i * k);
}

struct Operands {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  const float *a, *b;
  float* c;
};

int64_t RoundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Floats of scratch for a packed block of b and one of a.
int64_t ColumnScratch(int64_t cols, int64_t k) {
  return RoundUp(cols, kTileCols) * std::min(k, kBlockK);
}
int64_t PartScratch(int64_t rows, int64_t cols, int64_t k) {
  return ColumnScratch(cols, k) +
         std::min(rows, kBlockRows) * std::min(k, kBlockK);
}

// One part of c: rows [row, row + rows), columns [col, col + cols).
void MultiplyPart(const Operands& op, int64_t row, int64_t rows, int64_t col,
                  int64_t cols, float* scratch) {
  float* packed_rows = scratch + ColumnScratch(cols, op.k);
  const int64_t lda = op.transpose_a ? op.m : op.k;
  const int64_t ldb = op.transpose_b ? op.k : op.n;
  // A few columns do not pay for a copy of the rows.
  const bool pack_rows = op.transpose_a || cols > 4 * kTileCols;
  const float* table[kBlockRows];
  static_assert(kBlockRows % kTileRows == 0);
  for (int64_t p = 0; p < op.k; p += kBlockK) {
    const int64_t k = std::min(kBlockK, op.k - p);
    const float* b =
        op.transpose_b ? op.b + col * ldb + p : op.b + p * ldb + col;
    const Panels panels =
        MakePanels(b, ldb, op.transpose_b, k, cols, rows, scratch);
    for (int64_t first = row; first < row + rows; first += kBlockRows) {
      const int64_t m = std::min(kBlockRows, row + rows - first);
      const float* a = op.transpose_a ? op.a + first : op.a + first * lda;
      if (pack_rows) PackRows(a, lda, op.transpose_a, p, m, k, packed_rows);
      for (int64_t i = 0; i < RoundUp(m, kTileRows); ++i) {
        const int64_t r = std::min(i, m - 1);
        table[i] = pack_rows ? packed_rows + r * k : a + r * lda + p;
      }
      MultiplyPanels({table, m, 1, 0, 1, 0, k}, panels, cols,
                     op.c + first * op.n + col, op.n, p > 0);
    }
  }
}

// Products that need none of the machinery. True if it did it.
bool MultiplySmall(const Operands& op) {
  using Matrix =
      Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  if (op.m == 0 || op.n == 0) return true;
  if (op.k == 0) {
    std::fill_n(op.c, op.m * op.n, 0.0f);
    return true;
  }
  if (op.m > 1 && op.n > 1 && op.m * op.n * op.k > 4096) return false;
  Eigen::Map<const Matrix> a(op.a, op.transpose_a ? op.k : op.m,
                             op.transpose_a ? op.m : op.k);
  Eigen::Map<const Matrix> b(op.b, op.transpose_b ? op.n : op.k,
                             op.transpose_b ? op.k : op.n);
  Eigen::Map<Matrix> c(op.c, op.m, op.n);
  if (op.m == 1) {
    if (op.transpose_b) {
      Eigen::Map<const Eigen::RowVectorXf> row(op.a, op.k);
      c.row(0).noalias() = row * b.transpose();
    } else {
      MultiplyRow(op.a, op.b, op.k, op.n, op.c);
    }
  } else if (op.n == 1) {
    Eigen::Map<const Eigen::VectorXf> col(op.b, op.k);
    if (op.transpose_a) {
      c.col(0).noalias() = a.transpose() * col;
    } else {
      c.col(0).noalias() = a * col;
    }
  } else if (op.transpose_a && op.transpose_b) {
    c.noalias() = a.transpose().lazyProduct(b.transpose());
  } else if (op.transpose_a) {
    c.noalias() = a.transpose().lazyProduct(b);
  } else if (op.transpose_b) {
    c.noalias() = a.lazyProduct(b.transpose());
  } else {
    c.noalias() = a.lazyProduct(b);
  }
  return true;
}

}  // namespace

void MultiplyRows(const float* const* table, int64_t m, int64_t taps,
                  int64_t depth, const float* b, int64_t ldb, int64_t n,
                  float* c, int64_t ldc, bool accumulate, float* scratch) {
  const int64_t taps_at_once = std::max<int64_t>(1, kBlockK / depth);
  for (int64_t tap = 0; tap < taps; tap += taps_at_once) {
    const int64_t some_taps = std::min(taps_at_once, taps - tap);
    for (int64_t offset = 0; offset < depth; offset += kBlockK) {
      const int64_t part = std::min(kBlockK, depth - offset);
      const RowBlock a{table, m, taps, tap, some_taps, offset, part};
      const float* from = b + (tap * depth + offset) * ldb;
      for (int64_t col = 0; col < n; col += kBlockCols) {
        const int64_t cols = std::min(kBlockCols, n - col);
        const Panels panels = MakePanels(from + col, ldb, false,
                                         some_taps * part, cols, m, scratch);
        MultiplyPanels(a, panels, cols, c + col, ldc, accumulate);
      }
      accumulate = true;
    }
  }
}

template <>
absl::Status GemmOneThread<float>(bool transpose_a, bool transpose_b, int64_t m,
                                  int64_t n, int64_t k, const float* a,
                                  const float* b, float* c) {
  const Operands op{transpose_a, transpose_b, m, n, k, a, b, c};
  if (MultiplySmall(op)) return absl::OkStatus();
  const int64_t block = std::min(n, kPartCols);
  ASSIGN_OR_RETURN(Tensor scratch,
                   Tensor::Allocate(DT_FLOAT, {PartScratch(m, block, k)}));
  for (int64_t col = 0; col < n; col += block) {
    MultiplyPart(op, 0, m, col, std::min(block, n - col),
                 scratch.mutable_data<float>());
  }
  return absl::OkStatus();
}

template <>
absl::Status Gemm<float>(const KernelContext& ctx, bool transpose_a,
                         bool transpose_b, int64_t m, int64_t n, int64_t k,
                         const float* a, const float* b, float* c) {
  const Operands op{transpose_a, transpose_b, m, n, k, a, b, c};
  if (m == 1 && !transpose_b && n > 1 && k > 0) {
    constexpr int64_t kCols = 256;
    return ctx.ParallelFor((n + kCols - 1) / kCols, k * kCols / 25,
                           [&](int64_t begin, int64_t end) {
                             const int64_t col = begin * kCols;
                             MultiplyRow(a, b, k, n, col,
                                         std::min(end * kCols, n) - col, c);
                           });
  }
  if (MultiplySmall(op)) return absl::OkStatus();
  // Parts as large as the caches like, smaller if threads would be idle.
  int64_t rows = std::min(kPartRows, m);
  int64_t cols = std::min(kPartCols, n);
  const ThreadPool* pool = ctx.step().compute_pool;
  const int64_t wanted = pool == nullptr ? 1 : 2 * (pool->size() + 1);
  const auto count = [](int64_t total, int64_t block) {
    return (total + block - 1) / block;
  };
  constexpr double kMinWork = 1 << 20;  // multiply-adds of one part
  while (count(m, rows) * count(n, cols) < wanted &&
         double(rows) * cols * k > 2 * kMinWork) {
    if (cols >= rows && cols > 4 * kTileCols) {
      cols = RoundUp(cols / 2, kTileCols);
    } else if (rows > 4 * kTileRows) {
      rows = RoundUp(rows / 2, kTileRows);
    } else {
      break;
    }
  }
  const int64_t col_blocks = count(n, cols);
  const double cost = double(rows) * cols * k / 40;  // in nanoseconds
  std::atomic<bool> out_of_memory = false;
  RETURN_IF_ERROR(ctx.ParallelFor(
      count(m, rows) * col_blocks, static_cast<int64_t>(std::min(cost, 1e9)),
      [&](int64_t begin, int64_t end) {
        auto scratch = Tensor::Allocate(DT_FLOAT, {PartScratch(rows, cols, k)});
        if (!scratch.ok()) {
          out_of_memory = true;
          return;
        }
        for (int64_t i = begin; i < end; ++i) {
          const int64_t row = i / col_blocks * rows;
          const int64_t col = i % col_blocks * cols;
          MultiplyPart(op, row, std::min(rows, m - row), col,
                       std::min(cols, n - col), scratch->mutable_data<float>());
        }
      }));
  if (out_of_memory) {
    return ResourceExhausted("no memory to multiply matrices in");
  }
  return absl::OkStatus();
}

}  // namespace metagraph
