// Latency of a run against a bare gRPC echo with equal message sizes, and of
// one that is counted and written to the access log against one that is not.
//
//   call_bench METAGRAPHD MODEL_FOLDER
//
// All servers are processes of their own on loopback, all use gRPC's callback
// API; rounds alternate, so that a drift of the machine hits all. What is left
// of it shows in the figure of a second daemon like the first.

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "metagraph/v1/inference.grpc.pb.h"
#include "tensorflow/session_service.grpc.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/process.h"

namespace metagraph {
namespace {

using tensorflow::serving::SessionRunRequest;
using tensorflow::serving::SessionRunResponse;
using tensorflow::serving::SessionService;

// Answers every SessionRun with the same message, however it looks.
class Echo final : public SessionService::CallbackService {
 public:
  explicit Echo(SessionRunResponse answer) : answer_(std::move(answer)) {}
  grpc::ServerUnaryReactor* SessionRun(grpc::CallbackServerContext* context,
                                       const SessionRunRequest*,
                                       SessionRunResponse* response) override {
    *response = answer_;
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const SessionRunResponse answer_;
};

SessionRunRequest SeedRequest() {
  SessionRunRequest request;
  request.mutable_model_spec()->set_name("add");
  auto* feed = request.add_feed();
  feed->set_name("W3:0");
  feed->mutable_tensor()->set_dtype(tensorflow::DT_FLOAT);
  feed->mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(4);
  const float values[] = {1, 2, 3, 4};
  feed->mutable_tensor()->set_tensor_content(values, sizeof(values));
  request.add_fetch("add1:0");
  return request;
}

// Median nanoseconds of `calls` calls by each of `callers` threads, after some
// that wake the server up.
template <typename Call>
double Latency(int callers, int calls, Call call) {
  std::vector<std::vector<double>> times(callers);
  std::vector<std::thread> threads;
  for (int t = 0; t < callers; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < calls / 10; ++i) call();
      for (int i = 0; i < calls; ++i) {
        const int64_t start = SteadyNanos();
        call();
        times[t].push_back(static_cast<double>(SteadyNanos() - start));
      }
    });
  }
  std::vector<double> all;
  for (int t = 0; t < callers; ++t) {
    threads[t].join();
    all.insert(all.end(), times[t].begin(), times[t].end());
  }
  return Median(std::move(all));
}

int ServeEcho(const std::string& file, const std::string& answer) {
  SessionRunResponse response;
  response.ParseFromString(answer);
  Echo echo(std::move(response));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&echo);
  const auto server = builder.BuildAndStart();
  std::ofstream(file + ".part") << "127.0.0.1:" << port << "\n";
  std::filesystem::rename(file + ".part", file);
  server->Wait();
  return 0;
}

int Main(const std::string& self, const std::string& daemon,
         const std::string& model) {
  const std::string work = std::filesystem::temp_directory_path() /
                           ("call_bench." + std::to_string(getpid()));
  std::filesystem::create_directory(work);
  std::vector<pid_t> children;
  const auto start = [&](const std::string& name, const std::string& metrics,
                         const std::string& access_log) {
    children.push_back(
        Spawn({daemon, "--model", "add=" + model, "--listen", "127.0.0.1:0",
               "--port_file", work + "/" + name, "--metrics_listen=" + metrics,
               "--access_log=" + access_log},
              work + "/" + name + ".log"));
  };
  start("daemon", "off", "off");
  start("again", "off", "off");
  start("counted", "127.0.0.1:0", "sampled");
  start("logged", "127.0.0.1:0", "all");
  const SessionRunRequest request = SeedRequest();
  // What the daemon answers is what the echo answers.
  SessionRunResponse answer;
  answer.mutable_model_spec()->set_name("add");
  auto* tensor = answer.add_tensor();
  tensor->set_name("add1:0");
  *tensor->mutable_tensor() = request.feed(0).tensor();
  std::ofstream(work + "/answer") << answer.SerializeAsString();
  children.push_back(Spawn({self, "--echo", work + "/echo", work + "/answer"}));

  auto channel = [&](const char* name) {
    return grpc::CreateChannel(WaitForAddress(work + "/" + name),
                               grpc::InsecureChannelCredentials());
  };
  const auto daemon_channel = channel("daemon");
  const auto echo_channel = channel("echo");
  const auto echo = SessionService::NewStub(echo_channel);
  const auto session = SessionService::NewStub(daemon_channel);
  const auto inference = v1::Inference::NewStub(daemon_channel);
  const auto again = v1::Inference::NewStub(channel("again"));
  const auto counted = v1::Inference::NewStub(channel("counted"));
  const auto logged = v1::Inference::NewStub(channel("logged"));
  const std::array daemons = {inference.get(), again.get(), counted.get(),
                              logged.get()};

  const auto session_run = [&](SessionService::Stub& stub) {
    grpc::ClientContext context;
    SessionRunResponse response;
    const grpc::Status status = stub.SessionRun(&context, request, &response);
    if (!status.ok() || response.tensor_size() != 1) {
      std::fprintf(stderr, "%s\n", status.error_message().c_str());
      std::exit(1);
    }
  };
  v1::RunRequest run;
  run.set_model("add");
  *run.mutable_feed() = request.feed();
  *run.mutable_fetch() = request.fetch();
  const auto own_run = [&](v1::Inference::Stub& stub) {
    grpc::ClientContext context;
    v1::RunResponse response;
    if (!stub.Run(&context, run, &response).ok()) std::exit(1);
  };

  for (int callers : {1, 16}) {
    const int calls = callers == 1 ? 500 : 80;
    std::vector<double> echoes, sessions, runs, session_ratios, run_ratios;
    std::array<std::vector<double>, daemons.size()> ratios;
    for (size_t round = 0; round < 12 * daemons.size(); ++round) {
      echoes.push_back(Latency(callers, calls, [&] { session_run(*echo); }));
      sessions.push_back(
          Latency(callers, calls, [&] { session_run(*session); }));
      std::array<double, daemons.size()> times{};
      for (size_t i = 0; i < daemons.size(); ++i) {
        const size_t which = (round + i) % daemons.size();
        times[which] =
            Latency(callers, calls, [&] { own_run(*daemons[which]); });
      }
      for (size_t i = 0; i < daemons.size(); ++i) {
        ratios[i].push_back(times[i] / times[0]);
      }
      runs.push_back(times[0]);
      session_ratios.push_back(sessions.back() / echoes.back());
      run_ratios.push_back(runs.back() / echoes.back());
    }
    const std::string who = std::to_string(callers) + " callers: ";
    Report(who + "bare echo", Median(echoes) / 1e3, "us");
    Report(who + "SessionRun", Median(sessions) / 1e3, "us");
    Report("  against the echo", Median(session_ratios), "x",
           "bar: at most 1.25 x");
    Report(who + "metagraph.v1 Run", Median(runs) / 1e3, "us");
    Report("  against the echo", Median(run_ratios), "x",
           "bar: at most 1.25 x");
    Report("  another daemon like it", Median(ratios[1]), "x");
    Report("  with metrics and a sampled access log", Median(ratios[2]), "x",
           "bar: at most 1.05 x");
    Report("  with metrics and all calls logged", Median(ratios[3]), "x",
           "bar: at most 1.05 x");
  }
  for (pid_t child : children) Stop(child);
  std::filesystem::remove_all(work);
  return 0;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--echo") {
    std::ifstream in(argv[3], std::ios::binary);
    return metagraph::ServeEcho(
        argv[2], std::string(std::istreambuf_iterator<char>(in), {}));
  }
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s METAGRAPHD MODEL_FOLDER\n", argv[0]);
    return 2;
  }
  return metagraph::Main(argv[0], argv[1], argv[2]);
}
