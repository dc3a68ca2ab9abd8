#include "core/kernels/gemm_onednn.h"

#include <algorithm>
#include <atomic>

#include "core/kernels/onednn.h"

namespace metagraph {
namespace {

bool MultiplyPart(const FloatProduct& p, const ProductPart& part) {
  omp_set_num_threads(1);  // a thread-local setting
  const int64_t lda = p.transpose_a ? p.m : p.k;
  const int64_t ldb = p.transpose_b ? p.k : p.n;
  return dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N',
                    part.rows, part.cols, p.k, 1.0f,
                    p.transpose_a ? p.a + part.row : p.a + part.row * lda, lda,
                    p.transpose_b ? p.b + part.col * ldb : p.b + part.col, ldb,
                    0.0f, p.c + part.row * p.n + part.col, p.n) == dnnl_success;
}

// How many parts c is cut into, along its rows or its columns. Each part reads,
// and copies, all of the other operand, so that there are few.
struct Cut {
  int64_t parts = 1;
  bool by_rows = true;
};

Cut CutProduct(const KernelContext& ctx, const FloatProduct& p) {
  constexpr double kNanosPerWork = 1.0 / 125;
  constexpr double kNanosPerRead = 1.0 / 25;  // of an element of b
  constexpr double kLeastNanos = 10'000;      // that pay for another thread
  constexpr double kMostNanos = 20'000'000;   // between looks at the deadline
  const ThreadPool* pool = ctx.step().compute_pool;
  const int64_t threads = pool == nullptr ? 1 : pool->size();
  const double nanos =
      std::max(p.work() * kNanosPerWork, double(p.n) * p.k * kNanosPerRead);
  Cut cut;
  cut.parts = std::clamp<int64_t>(
      static_cast<int64_t>(std::min(nanos / kLeastNanos, 1e6)), 1, threads);
  cut.parts = std::max(cut.parts,
                       static_cast<int64_t>(std::min(nanos / kMostNanos, 1e6)));
  constexpr int64_t kManyRows = 48;
  cut.by_rows = p.m >= cut.parts * kManyRows || p.m >= p.n;
  cut.parts = std::clamp<int64_t>(cut.parts, 1, cut.by_rows ? p.m : p.n);
  return cut;
}

// The part's bounds are multiples of what oneDNN computes at once.
ProductPart PartOf(const FloatProduct& p, const Cut& cut, int64_t i) {
  const int64_t unit = 16;
  const int64_t size = cut.by_rows ? p.m : p.n;
  const auto bound = [&](int64_t at) {
    return std::min(size, (size * at / cut.parts + unit - 1) / unit * unit);
  };
  const int64_t begin = bound(i);
  const int64_t end = i + 1 == cut.parts ? size : bound(i + 1);
  return cut.by_rows ? ProductPart{begin, end - begin, 0, p.n}
                     : ProductPart{0, p.m, begin, end - begin};
}

}  // namespace

absl::Status MultiplyByOneDnn(
    const KernelContext& ctx, const FloatProduct& product,
    absl::FunctionRef<void(const ProductPart&)> finish) {
  const Cut cut = CutProduct(ctx, product);
  std::atomic<bool> failed = false;
  constexpr int64_t kPartNanos = 20'000;  // each is worth a thread
  RETURN_IF_ERROR(
      ctx.ParallelFor(cut.parts, kPartNanos, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const ProductPart part = PartOf(product, cut, i);
          if (part.rows == 0 || part.cols == 0) continue;
          if (!MultiplyPart(product, part)) failed = true;
          finish(part);
        }
      }));
  return failed ? Internal("oneDNN failed to multiply matrices")
                : absl::OkStatus();
}

bool MultiplyByOneDnn(const FloatProduct& product) {
  return MultiplyPart(product, {0, product.m, 0, product.n});
}

}  // namespace metagraph
