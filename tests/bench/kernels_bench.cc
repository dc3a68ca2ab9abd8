// Matmul and convolution on one thread against the machine's peak: fused
// multiply-adds per second, each the best of many rounds, as other work on
// the machine only ever adds time. The medians show how much it added.

#include <immintrin.h>

#include <algorithm>

#include "absl/strings/str_format.h"
#include "core/session/session.h"
#include "tests/bench/bench.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

// Independent FMA chains, enough to fill both pipes; returns the operations.
double Avx2Fmas() {
  constexpr int kChains = 12;
  constexpr int kTurns = 200'000;
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
  return 2.0 * 8 * kChains * kTurns;
}

__attribute__((target("avx512f"))) double Avx512Fmas() {
  constexpr int kChains = 24;
  constexpr int kTurns = 100'000;
  __m512 acc[kChains];
  for (auto& a : acc) a = _mm512_set1_ps(1.0f);
  const __m512 x = _mm512_set1_ps(0.999f);
  const __m512 y = _mm512_set1_ps(0.001f);
  for (int t = 0; t < kTurns; ++t) {
#pragma GCC unroll 24
    for (auto& a : acc) a = _mm512_fmadd_ps(a, x, y);
  }
#pragma GCC unroll 24
  for (auto& a : acc) asm volatile("" : "+v"(a));
  return 2.0 * 16 * kChains * kTurns;
}

// GFLOP/s of the processor's multiply-adds now.
double Peak() {
  static const bool wide = __builtin_cpu_supports("avx512f");
  double operations = 0;
  const double nanos =
      NanosOf([&] { operations = wide ? Avx512Fmas() : Avx2Fmas(); });
  return operations / nanos;
}

// Times y of x and the variable w, as in served models.
void Compare(const std::string& name, TestGraph& g, const Tensor& feed,
             const Tensor& weights, double operations, int rounds) {
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
  if (!session.Run(request, call).ok()) std::exit(1);
  std::vector<double> peaks, rates;
  for (int i = 0; i < rounds; ++i) {
    peaks.push_back(Peak());
    rates.push_back(operations / NanosOf([&] {
                      if (!session.Run(request, call).ok()) std::exit(1);
                    }));
  }
  const double best = *std::max_element(rates.begin(), rates.end());
  const double peak = *std::max_element(peaks.begin(), peaks.end());
  Report(name, best, "GFLOP/s",
         absl::StrFormat("peak %.1f; medians %.1f and %.1f", peak,
                         Median(rates), Median(peaks)));
  Report("  of peak", 100 * best / peak, "%", "bar: at least 80 %");
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

void MatMul() {
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
  Compare("matmul 1024 x 1024 x 1024", g, x, x, 2.0 * 1024 * 1024 * 1024, 101);
}

void Convolution() {
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
  auto* strides = &(*g.def()
                         .mutable_node(g.def().node_size() - 1)
                         ->mutable_attr())["strides"];
  for (int i = 0; i < 4; ++i) strides->mutable_list()->add_i(1);
  Compare("convolution 56 x 56 x 64, 3 x 3 x 64", g, Random({1, 56, 56, 64}),
          Random({3, 3, 64, 64}), 2.0 * 56 * 56 * 64 * 64 * 9, 301);
}

}  // namespace
}  // namespace metagraph

int main() {
  metagraph::MatMul();
  metagraph::Convolution();
}
