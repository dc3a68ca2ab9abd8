// Matmul and convolution on one thread against the machine's peak: fused
// multiply-adds per second, measured in the same run.

#include <immintrin.h>

#include "core/session/session.h"
#include "tests/bench/bench.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

// Independent FMA chains, enough to fill both pipes; returns FLOP/s.
double PeakAvx2() {
  constexpr int kChains = 12;
  constexpr int kTurns = 200'000;
  const double nanos = MedianNanos(21, [&] {
    // Unrolled, so that the sums stay in registers.
    __m256 acc[kChains];
    for (auto& a : acc) a = _mm256_set1_ps(1.0f);
    const __m256 x = _mm256_set1_ps(0.999f);
    const __m256 y = _mm256_set1_ps(0.001f);
    for (int t = 0; t < kTurns; ++t) {
#pragma GCC unroll 12
      for (auto& a : acc) a = _mm256_fmadd_ps(a, x, y);
    }
#pragma GCC unroll 12
    for (auto& a : acc) asm volatile("" : "+x"(a));
  });
  return 2.0 * 8 * kChains * kTurns / nanos * 1e9;
}

constexpr int kWideChains = 24;

__attribute__((target("avx512f"))) void WideFmas(int turns) {
  __m512 acc[kWideChains];
  for (auto& a : acc) a = _mm512_set1_ps(1.0f);
  const __m512 x = _mm512_set1_ps(0.999f);
  const __m512 y = _mm512_set1_ps(0.001f);
  for (int t = 0; t < turns; ++t) {
#pragma GCC unroll 24
    for (auto& a : acc) a = _mm512_fmadd_ps(a, x, y);
  }
#pragma GCC unroll 24
  for (auto& a : acc) asm volatile("" : "+v"(a));
}

double PeakAvx512() {
  constexpr int kTurns = 100'000;
  const double nanos = MedianNanos(21, [] { WideFmas(kTurns); });
  return 2.0 * 16 * kWideChains * kTurns / nanos * 1e9;
}

double Peak() {
  return __builtin_cpu_supports("avx512f") ? PeakAvx512() : PeakAvx2();
}

// Weights are a variable and activations a feed, as in served models.
double Nanos(TestGraph& g, const Tensor& feed, const Tensor& weights,
             int rounds) {
  const auto ops = *OpRegistry::Create();
  Session::Options options;
  options.ops = ops.get();
  Session session(g.Build(), options);
  CallContext call;
  RunRequest init;
  init.targets = {"w/Assign"};
  init.feeds = {{"w/initial:0", weights}};
  RunRequest request;
  request.feeds = {{"x:0", feed}};
  request.fetches = {"y:0"};
  if (!session.Run(init, call).ok()) std::exit(1);
  return MedianNanos(rounds, [&] {
    if (!session.Run(request, call).ok()) std::exit(1);
  });
}

Tensor Random(const TensorShape& shape) {
  Tensor out = *Tensor::Allocate(DT_FLOAT, shape);
  uint32_t state = 1;
  for (float& value : out.mutable_values<float>()) {
    state = state * 1664525 + 1013904223;
    value = static_cast<float>(state >> 8) / (1 << 24) - 0.5f;
  }
  return out;
}

void MatMul(double peak) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Variable("w", Tensor::Scalar<float>(0));
  for (auto& node : *g.def().mutable_node()) {
    if (node.name() == "w") {
      PartialShape({1024, 1024})
          .ToProto((*node.mutable_attr())["shape"].mutable_shape());
    }
  }
  g.Node("y", "MatMul", {"x", "w/read"}, {{"T", DT_FLOAT}});
  const Tensor x = Random({1024, 1024});
  const double nanos = Nanos(g, x, x, 15);
  const double rate = 2.0 * 1024 * 1024 * 1024 / nanos * 1e9;
  Report("matmul 1024 x 1024 x 1024", rate / 1e9, "GFLOP/s");
  Report("  of peak", 100 * rate / peak, "%", "bar: at least 80 %");
}

void Convolution(double peak) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Variable("w", Tensor::Scalar<float>(0));
  for (auto& node : *g.def().mutable_node()) {
    if (node.name() == "w") {
      PartialShape({3, 3, 64, 64})
          .ToProto((*node.mutable_attr())["shape"].mutable_shape());
    }
  }
  g.Node("y", "Conv2D", {"x", "w/read"},
         {{"T", DT_FLOAT}, {"padding", "SAME"}});
  auto* strides = &(*g.def().mutable_node(g.def().node_size() - 1)
                         ->mutable_attr())["strides"];
  for (int i = 0; i < 4; ++i) strides->mutable_list()->add_i(1);
  const double nanos =
      Nanos(g, Random({1, 56, 56, 64}), Random({3, 3, 64, 64}), 51);
  const double rate = 2.0 * 56 * 56 * 64 * 64 * 9 / nanos * 1e9;
  Report("convolution 56 x 56 x 64, 3 x 3 x 64", rate / 1e9, "GFLOP/s");
  Report("  of peak", 100 * rate / peak, "%", "bar: at least 80 %");
}

}  // namespace
}  // namespace metagraph

int main() {
  using namespace metagraph;  // NOLINT: a main of its own
  const double peak = Peak();
  Report("peak, one thread", peak / 1e9, "GFLOP/s", "fused multiply-adds");
  MatMul(peak);
  Convolution(peak);
}
