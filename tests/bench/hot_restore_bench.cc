// Latency of small calls while the weights are restored or saved.
//
//   hot_restore_bench METAGRAPHD [MEGABYTES]       default 1000
//
// One caller, back to back, against a daemon on loopback. Seconds in which
// nothing else happens alternate with seconds of one restore after the other,
// and of saves, so that a drift of the machine hits all three.

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "metagraph/v1/admin.grpc.pb.h"
#include "metagraph/v1/inference.grpc.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/large_model.h"
#include "tests/bench/process.h"

namespace metagraph {
namespace {

namespace fs = std::filesystem;

void CheckCall(const grpc::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error_message().c_str());
  std::exit(1);
}

template <typename Response>
void ReadAll(grpc::ClientReader<Response>& stream) {
  Response response;
  while (stream.Read(&response)) {
  }
  CheckCall(stream.Finish());
}

double Quantile(std::vector<double>& values, double q) {
  const auto at = values.begin() +
                  static_cast<int64_t>(q * static_cast<double>(values.size()));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

int Main(const std::string& daemon, int megabytes) {
  constexpr int kVariables = 200;
  constexpr double kSeconds = 2;
  constexpr int kRounds = 7;
  const fs::path work =
      fs::current_path() / ("hot_restore_bench." + std::to_string(getpid()));
  const int64_t rows = int64_t{megabytes} * 1'000'000 / kVariables / 4000;
  WriteLargeModel(work / "model", kVariables, TensorShape({rows, 1000}));
  const pid_t child =
      Spawn({daemon, "--model", "m=" + (work / "model").string(), "--listen",
             "127.0.0.1:0", "--port_file", work / "address"});
  const auto connect = [&] {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(WaitForAddress(work / "address"),
                                     grpc::InsecureChannelCredentials(),
                                     arguments);
  };
  const auto inference = v1::Inference::NewStub(connect());
  const auto admin = v1::Admin::NewStub(connect());

  v1::RunRequest run;
  run.set_model("m");
  auto* feed = run.add_feed();
  feed->set_name("x:0");
  feed->mutable_tensor()->set_dtype(tensorflow::DT_FLOAT);
  feed->mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(4);
  feed->mutable_tensor()->set_tensor_content(std::string(16, '\0'));
  run.add_fetch("sum:0");
  const auto call = [&] {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::RunResponse response;
    CheckCall(inference->Run(&context, run, &response));
  };

  const auto nothing = [] {};
  const auto restore = [&] {
    grpc::ClientContext context;
    v1::RestoreRequest request;
    request.set_model("m");
    ReadAll(*admin->Restore(&context, request));
  };
  const auto save = [&] {
    grpc::ClientContext context;
    v1::SaveRequest request;
    request.set_model("m");
    request.set_prefix((work / "saved" / "model").string());
    request.set_keep(1);
    ReadAll(*admin->Save(&context, request));
  };

  // Latencies of `seconds` of calls, during which `other` is done again and
  // again.
  int done = 0;
  const auto measure = [&](const std::function<void()>& other, bool any) {
    std::atomic<bool> stop{false};
    std::thread thread([&] {
      while (any && !stop) {
        other();
        ++done;
      }
    });
    std::vector<double> times;
    const int64_t end = SteadyNanos() + static_cast<int64_t>(kSeconds * 1e9);
    while (SteadyNanos() < end) times.push_back(NanosOf(call) / 1e3);
    stop = true;
    thread.join();
    return times;
  };
  for (int i = 0; i < 1000; ++i) call();
  struct Phase {
    const char* name;
    std::function<void()> work;
    std::vector<double> median, p99, ratio;
    int done = 0;
  };
  std::vector<Phase> phases = {{"quiet", nothing, {}, {}, {}},
                               {"during restores", restore, {}, {}, {}},
                               {"during saves", save, {}, {}, {}}};
  for (int round = 0; round < kRounds; ++round) {
    for (Phase& phase : phases) {
      done = 0;
      std::vector<double> times = measure(phase.work, &phase != &phases[0]);
      phase.done += done;
      phase.median.push_back(Quantile(times, 0.5));
      phase.p99.push_back(Quantile(times, 0.99));
      phase.ratio.push_back(phase.p99.back() / phases[0].p99.back());
    }
  }
  for (Phase& phase : phases) {
    const std::string name = phase.name;
    Report("median call, " + name, Median(phase.median), "us");
    Report(
        "p99, " + name, Median(phase.p99), "us",
        phase.done > 0 ? std::to_string(phase.done) + " done meanwhile" : "");
    if (phase.done == 0) continue;
    Report("  against quiet", Median(phase.ratio), "x", "bar: at most 1.5 x");
  }
  Stop(child);
  fs::remove_all(work);
  return 0;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s METAGRAPHD [MEGABYTES]\n", argv[0]);
    return 2;
  }
  return metagraph::Main(argv[1], argc == 3 ? std::atoi(argv[2]) : 1000);
}
