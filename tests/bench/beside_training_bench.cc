// Latency of calls that write nothing beside a client that trains.
//
//   beside_training_bench METAGRAPHD [STEP_MILLISECONDS]       default 200
//
// One caller, back to back, against a daemon on loopback with one compute
// thread. Seconds in which nothing else happens alternate with seconds of one
// training step after the other, so that a drift of the machine hits both.

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/tensor/tensor_proto.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "metagraph/v1/inference.grpc.pb.h"
#include "metagraph/v1/inspect.grpc.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/process.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

namespace fs = std::filesystem;

void CheckCall(const grpc::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error_message().c_str());
  std::exit(1);
}

double Quantile(std::vector<double>& values, double q) {
  const auto at = values.begin() +
                  static_cast<int64_t>(q * static_cast<double>(values.size()));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// A step "train" multiplies matrices for as many turns as are fed, then moves
// both variables; "read:0" reads the small one.
TestGraph TrainedModel() {
  const TensorShape square = {256, 256};
  Tensor eye = *Tensor::Allocate(DT_FLOAT, square);
  std::fill_n(eye.mutable_data<float>(), eye.num_elements(), 0.0f);
  for (int i = 0; i < 256; ++i) eye.mutable_data<float>()[i * 257] = 1;
  TestGraph g;
  const TestGraph::Attrs kFloat = {{"T", DT_FLOAT}};
  g.Variable("w", eye).Variable("b", Tensor::Scalar<float>(0));
  g.Placeholder("turns", DT_FLOAT).Const("zero", Tensor::Scalar<float>(0));
  const auto enter = [&](const char* name, const char* input, bool constant) {
    g.Node(
        name, "Enter", {input},
        {{"T", DT_FLOAT}, {"frame_name", "loop"}, {"is_constant", constant}});
  };
  enter("i_enter", "zero", false);
  enter("y_enter", "w/read", false);
  enter("n", "turns", true);
  enter("w_in", "w/read", true);
  g.Node("i", "Merge", {"i_enter", "i_next"}, {{"T", DT_FLOAT}, {"N", 2}});
  g.Node("y", "Merge", {"y_enter", "y_next"}, {{"T", DT_FLOAT}, {"N", 2}});
  g.Node("less", "Less", {"i", "n"}, kFloat);
  g.Node("cond", "LoopCond", {"less"});
  g.Node("i_switch", "Switch", {"i", "cond"}, kFloat);
  g.Node("y_switch", "Switch", {"y", "cond"}, kFloat);
  g.Node("i_body", "Identity", {"i_switch:1"}, kFloat);
  g.Const("one", Tensor::Scalar<float>(1), {"^i_body"});
  g.Node("i_add", "Add", {"i_body", "one"}, kFloat);
  g.Node("product", "MatMul", {"y_switch:1", "w_in"}, kFloat);
  g.Node("i_next", "NextIteration", {"i_add"}, kFloat);
  g.Node("y_next", "NextIteration", {"product"}, kFloat);
  g.Node("y_exit", "Exit", {"y_switch"}, kFloat);
  g.Node("i_exit", "Exit", {"i_switch"}, kFloat);
  g.Node("nothing", "Mul", {"y_exit", "zero"}, kFloat);
  g.Node("move_w", "AssignSub", {"w", "nothing"}, kFloat);
  g.Node("move_b", "AssignAdd", {"b", "i_exit"}, kFloat);
  g.Node("train", "NoOp", {"^move_w", "^move_b"});
  g.Node("read", "Identity", {"b/read"}, kFloat);
  g.Node("init", "NoOp", {"^w/Assign", "^b/Assign"});
  g.def().mutable_versions()->set_producer(134);
  return g;
}

int Main(const std::string& daemon, double step_milliseconds) {
  constexpr double kSeconds = 2;
  constexpr int kRounds = 5;
  const fs::path work = fs::current_path() /
                        ("beside_training_bench." + std::to_string(getpid()));
  fs::create_directories(work);
  std::ofstream(work / "model.pb", std::ios::binary)
      << TrainedModel().def().SerializeAsString();
  const pid_t child =
      Spawn({daemon, "--model", "m=" + (work / "model.pb").string(), "--listen",
             "127.0.0.1:0", "--threads", "1", "--port_file", work / "address"});
  const auto connect = [&] {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(WaitForAddress(work / "address"),
                                     grpc::InsecureChannelCredentials(),
                                     arguments);
  };
  const auto channel = connect();
  const auto inference = v1::Inference::NewStub(channel);
  const auto inspect = v1::Inspect::NewStub(channel);
  const auto health = grpc::health::v1::Health::NewStub(channel);
  const auto trainer = v1::Inference::NewStub(connect());

  const auto run = [](v1::Inference::Stub& stub,
                      const v1::RunRequest& request) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::RunResponse response;
    CheckCall(stub.Run(&context, request, &response));
  };
  v1::RunRequest init;
  init.set_model("m");
  init.add_target("init");
  run(*inference, init);
  v1::RunRequest read;
  read.set_model("m");
  read.add_fetch("read:0");

  v1::RunRequest train;
  train.set_model("m");
  train.add_target("train");
  train.add_feed()->set_name("turns:0");
  const auto train_for = [&](float turns) {
    TensorToProto(Tensor::Scalar<float>(turns),
                  train.mutable_feed(0)->mutable_tensor());
    return MedianNanos(3, [&] { run(*trainer, train); }) / 1e6;
  };
  const float turns =
      static_cast<float>(100 * step_milliseconds / train_for(100));
  Report("training step", train_for(turns), "ms");

  struct Kind {
    const char* name;
    std::function<void()> call;
    std::vector<double> quiet, beside, ratio;
  };
  std::vector<Kind> kinds = {
      {"read-only run", [&] { run(*inference, read); }, {}, {}, {}},
      {"ListModels",
       [&] {
         grpc::ClientContext context;
         v1::ListModelsResponse response;
         CheckCall(inspect->ListModels(&context, {}, &response));
       },
       {},
       {},
       {}},
      {"health",
       [&] {
         grpc::ClientContext context;
         grpc::health::v1::HealthCheckResponse response;
         CheckCall(health->Check(&context, {}, &response));
       },
       {},
       {},
       {}}};
  int steps = 0;
  const auto p99 = [&](const std::function<void()>& call, bool training) {
    std::atomic<bool> stop{false};
    std::thread other([&] {
      for (; training && !stop; ++steps) run(*trainer, train);
    });
    std::vector<double> times;
    const int64_t end = SteadyNanos() + static_cast<int64_t>(kSeconds * 1e9);
    while (SteadyNanos() < end) times.push_back(NanosOf(call) / 1e3);
    stop = true;
    other.join();
    return Quantile(times, 0.99);
  };
  for (Kind& kind : kinds) {
    for (int i = 0; i < 500; ++i) kind.call();
    for (int round = 0; round < kRounds; ++round) {
      kind.quiet.push_back(p99(kind.call, false));
      kind.beside.push_back(p99(kind.call, true));
      kind.ratio.push_back(kind.beside.back() / kind.quiet.back());
    }
    const std::string name = kind.name;
    Report("p99 of " + name + ", quiet", Median(kind.quiet), "us");
    Report("p99 of " + name + ", beside training", Median(kind.beside), "us");
    Report("  against quiet", Median(kind.ratio), "x", "bar: at most 2 x");
  }
  Report("training steps meanwhile", steps, "");
  Stop(child);
  fs::remove_all(work);
  return 0;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s METAGRAPHD [STEP_MILLISECONDS]\n", argv[0]);
    return 2;
  }
  return metagraph::Main(argv[1], argc == 3 ? std::atof(argv[2]) : 200);
}
