// What a training step costs in process, where nobody reads between the steps:
// each step leaves a generation behind that a reader could take at once.

#include "core/session/session.h"
#include "tests/bench/bench.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

const TestGraph::Attrs kFloat = {{"T", DT_FLOAT}};

Tensor Filled(const TensorShape& shape, float value) {
  Tensor out = *Tensor::Allocate(DT_FLOAT, shape);
  for (float& element : out.mutable_values<float>()) element = value;
  return out;
}

// The median of a step that runs `targets`, in milliseconds.
double Milliseconds(const TestGraph& graph, std::vector<std::string> init,
                    std::vector<std::string> targets, int rounds) {
  const auto ops = *OpRegistry::Create();
  ThreadPool pool("compute", 2);
  Session::Options options;
  options.ops = ops.get();
  options.compute_pool = &pool;
  Session session(graph.Build(), options);
  CallContext call;
  const auto run = [&](const std::vector<std::string>& what) {
    RunRequest request;
    request.targets = what;
    if (const auto result = session.Run(request, call); !result.ok()) {
      std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
      std::exit(1);
    }
  };
  run(init);
  return MedianNanos(rounds, [&] { run(targets); }) / 1e6;
}

// Two layers of 1024 x 1024 with Adam: 2 M parameters, 24 MB with its moments.
void Adam(int batch, int rounds) {
  constexpr int kWidth = 1024;
  TestGraph g;
  std::vector<std::string> init;
  const auto variable = [&](const std::string& name) {
    g.Variable(name, Filled({kWidth, kWidth}, 0.001f));
    init.push_back(name + "/Assign");
  };
  for (const char* layer : {"1", "2"}) {
    for (const char* what : {"w", "m", "v"}) {
      variable(absl::StrCat(what, layer));
    }
  }
  const auto product = [&](const char* name, const char* a, const char* b,
                           bool transpose_a, bool transpose_b) {
    g.Node(name, "MatMul", {a, b},
           {{"T", DT_FLOAT},
            {"transpose_a", transpose_a},
            {"transpose_b", transpose_b}});
  };
  g.Const("x", Filled({batch, kWidth}, 0.01f));
  g.Const("target", Filled({batch, kWidth}, 1));
  product("y1", "x", "w1/read", false, false);
  g.Node("h", "Relu", {"y1"}, kFloat);
  product("y2", "h", "w2/read", false, false);
  g.Node("d2", "Sub", {"y2", "target"}, kFloat);
  product("g2", "h", "d2", true, false);
  product("dh", "d2", "w2/read", false, true);
  g.Node("d1", "ReluGrad", {"dh", "h"}, kFloat);
  product("g1", "x", "d1", true, false);
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, float>>{{"power1", 0.5f},
                                                  {"power2", 0.9f},
                                                  {"rate", 1e-5f},
                                                  {"beta1", 0.9f},
                                                  {"beta2", 0.999f},
                                                  {"epsilon", 1e-8f}}) {
    g.Const(name, Tensor::Scalar<float>(value));
  }
  for (const char* layer : {"1", "2"}) {
    const auto n = [&](const char* name) { return absl::StrCat(name, layer); };
    g.Node(n("adam"), "ApplyAdam",
           {n("w"), n("m"), n("v"), "power1", "power2", "rate", "beta1",
            "beta2", "epsilon", n("g")},
           kFloat);
  }
  Report(absl::StrCat("Adam step, 2 M parameters, batch ", batch),
         Milliseconds(g, init, {"adam1", "adam2"}, rounds), "ms");
}

// 16 rows of a large table.
void Sparse() {
  TestGraph g;
  g.Const("shape", Tensor::Vector<int32_t>({1'000'000, 64}));
  g.Const("one", Tensor::Scalar<float>(1));
  g.Node("ones", "Fill", {"shape", "one"}, kFloat);
  g.Node("table", "VariableV2", {},
         {{"dtype", DT_FLOAT},
          {"shape", PartialShape(TensorShape({1'000'000, 64}))}});
  g.Node("init", "Assign", {"table", "ones"}, kFloat);
  g.Const("rows",
          Tensor::Vector<int32_t>({1, 20, 300, 4000, 50000, 600000, 7, 80, 900,
                                   1000, 1100, 12000, 130000, 140, 15, 16}));
  g.Const("updates", Filled({16, 64}, 0.1f));
  g.Node("train", "ScatterSub", {"table", "rows", "updates"},
         {{"T", DT_FLOAT}, {"Tindices", DT_INT32}});
  Report("16 rows of a table of 256 MB",
         Milliseconds(g, {"init"}, {"train"}, 20), "ms");
}

}  // namespace
}  // namespace metagraph

int main() {
  metagraph::Adam(16, 60);
  metagraph::Adam(64, 40);
  metagraph::Sparse();
}
