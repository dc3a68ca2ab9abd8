// What the executor costs per node, in process, on one thread.

#include "core/session/session.h"
#include "tests/bench/bench.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using Attrs = TestGraph::Attrs;

class Bench {
 public:
  explicit Bench(const TestGraph& graph) {
    ops_ = *OpRegistry::Create();
    Session::Options options;
    options.ops = ops_.get();
    session_ = std::make_unique<Session>(graph.Build(), options);
  }

  double Nanos(const RunRequest& request, int rounds) {
    CallContext call;
    return MedianNanos(rounds, [&] {
      const auto result = session_->Run(request, call);
      if (!result.ok()) {
        std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
        std::exit(1);
      }
    });
  }

 private:
  std::unique_ptr<const OpRegistry> ops_;
  std::unique_ptr<Session> session_;
};

const Attrs kFloat = {{"T", DT_FLOAT}};

void Chain() {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Const("c", Tensor::Scalar<float>(1));
  std::string last = "x";
  for (int i = 0; i < 1000; ++i) {
    const std::string name = absl::StrCat("n", i);
    g.Node(name, "Add", {last, "c"}, kFloat);
    last = name;
  }
  RunRequest request;
  request.feeds = {{"x:0", Tensor::Scalar<float>(1)}};
  request.fetches = {last};
  const double nanos = Bench(g).Nanos(request, 2000);
  Report("chain of 1000 scalar adds", nanos / 1e3, "us", "bar: at most 60 us");
  Report("  per node", nanos / 1000, "ns");
}

void Branches() {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  std::vector<std::string> ends;
  for (int branch = 0; branch < 100; ++branch) {
    std::string last = "x";
    // Equal branches would be one.
    const std::string number = absl::StrCat("c", branch);
    g.Const(number, Tensor::Scalar<float>(static_cast<float>(branch)));
    for (int i = 0; i < 20; ++i) {
      const std::string name = absl::StrCat("b", branch, "_", i);
      g.Node(name, "Add", {last, number}, kFloat);
      last = name;
    }
    ends.push_back(last);
  }
  g.Node("sum", "AddN", ends, {{"T", DT_FLOAT}, {"N", 100}});
  RunRequest request;
  request.feeds = {{"x:0", Tensor::Scalar<float>(1)}};
  request.fetches = {"sum:0"};
  const double nanos = Bench(g).Nanos(request, 1000);
  Report("100 branches of 20 scalar adds", nanos / 1e3, "us");
  Report("  per node", nanos / 2001, "ns");
}

void Loop() {
  TestGraph g;
  const auto enter = [&](const char* name, const char* input, bool constant) {
    g.Node(
        name, "Enter", {input},
        {{"T", DT_FLOAT}, {"frame_name", "loop"}, {"is_constant", constant}});
  };
  g.Const("zero", Tensor::Scalar<float>(0));
  g.Const("limit", Tensor::Scalar<float>(1000));
  enter("enter", "zero", false);
  enter("n", "limit", true);
  g.Node("merge", "Merge", {"enter", "next"}, {{"T", DT_FLOAT}, {"N", 2}});
  g.Node("less", "Less", {"merge", "n"}, kFloat);
  g.Node("cond", "LoopCond", {"less"});
  g.Node("switch", "Switch", {"merge", "cond"}, kFloat);
  g.Node("body", "Identity", {"switch:1"}, kFloat);
  g.Const("one", Tensor::Scalar<float>(1), {"^body"});
  g.Node("add", "Add", {"body", "one"}, kFloat);
  g.Node("next", "NextIteration", {"add"}, kFloat);
  g.Node("exit", "Exit", {"switch:0"}, kFloat);
  RunRequest request;
  request.fetches = {"exit:0"};
  const double nanos = Bench(g).Nanos(request, 200);
  Report("while loop of 1000 turns, 8 nodes each", nanos / 1e3, "us");
  Report("  per node", nanos / 8000, "ns");
}

// A function of floats (i, x): what the loop below calls.
tensorflow::FunctionDef* AddFunction(TestGraph& g, const char* name,
                                     DataType result) {
  auto* function = g.def().mutable_library()->add_function();
  function->mutable_signature()->set_name(name);
  for (const char* arg : {"i", "x"}) {
    auto* input = function->mutable_signature()->add_input_arg();
    input->set_name(arg);
    input->set_type(DT_FLOAT);
    if (result == DT_BOOL && arg[0] == 'x') continue;
    auto* output = function->mutable_signature()->add_output_arg();
    output->set_name(absl::StrCat(arg, "_out"));
    output->set_type(result);
  }
  auto* number = function->add_node_def();
  number->set_name("number");
  number->set_op("Const");
  (*number->mutable_attr())["dtype"].set_type(DT_FLOAT);
  TensorToProto(Tensor::Scalar<float>(result == DT_BOOL ? 1000 : 1),
                (*number->mutable_attr())["value"].mutable_tensor());
  return function;
}

void AddOp(tensorflow::FunctionDef* function, const std::string& name,
           const char* op, const std::string& input) {
  auto* node = function->add_node_def();
  node->set_name(name);
  node->set_op(op);
  node->add_input(input);
  node->add_input("number:output:0");
  (*node->mutable_attr())["T"].set_type(DT_FLOAT);
}

// The same number of turns and nodes as a While of functions: one comparison
// and seven additions.
void FunctionalLoop() {
  TestGraph g;
  auto* cond = AddFunction(g, "cond", DT_BOOL);
  AddOp(cond, "less", "Less", "i");
  (*cond->mutable_ret())["i_out"] = "less:z:0";
  auto* body = AddFunction(g, "body", DT_FLOAT);
  AddOp(body, "i_next", "Add", "i");
  (*body->mutable_ret())["i_out"] = "i_next:z:0";
  std::string last = "x";
  for (int i = 0; i < 6; ++i) {
    const std::string name = absl::StrCat("add", i);
    AddOp(body, name, "Add", last);
    last = name + ":z:0";
  }
  (*body->mutable_ret())["x_out"] = last;
  g.Placeholder("x", DT_FLOAT);
  g.Node("loop", "StatelessWhile", {"x", "x"},
         {{"T", std::vector<DataType>{DT_FLOAT, DT_FLOAT}}});
  auto& attrs = *g.def().mutable_node()->rbegin()->mutable_attr();
  attrs["cond"].mutable_func()->set_name("cond");
  attrs["body"].mutable_func()->set_name("body");
  RunRequest request;
  request.feeds = {{"x:0", Tensor::Scalar<float>(0)}};
  request.fetches = {"loop:0", "loop:1"};
  const double nanos = Bench(g).Nanos(request, 200);
  Report("the same as a While of functions", nanos / 1e3, "us",
         "bar: at most 500 us");
  Report("  per node", nanos / 8000, "ns");
}

}  // namespace
}  // namespace metagraph

int main() {
  metagraph::Chain();
  metagraph::Branches();
  metagraph::Loop();
  metagraph::FunctionalLoop();
}
