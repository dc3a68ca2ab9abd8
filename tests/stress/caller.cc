// Calls a server and tells of each call, one line: when it was to start
// (seconds of the monotonic clock), how many milliseconds it took from then,
// and its gRPC status code.
//
//   caller ADDRESS METHOD REQUEST_FILE OPTION…
//
//   METHOD               "/package.Service/Method", unary
//   REQUEST_FILE         the request as it is on the wire
//   --callers N          each calls again when it has its answer (closed loop)
//   --rate R             calls a second, whatever comes back (open loop)
//   --seconds S          no more calls then; those under way are waited for
//   --deadline S         of each call; default 60
//   --connections N      calls take turns; default 1
//   --fresh              a connection for each call
//
// One of --callers and --rate is needed.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace metagraph {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// A caller whose call failed does not try again at once.
constexpr int64_t kPauseAfterFailure = kSecond / 100;
constexpr int64_t kFlushEvery = kSecond / 20;

struct Options {
  std::string address;
  std::string method;
  std::string request;
  int callers = 0;
  double rate = 0;
  double seconds = 1;
  double deadline = 60;
  int connections = 1;
  bool fresh = false;
};

struct Call {
  int64_t due = 0;
  grpc::ClientContext context;
  grpc::ByteBuffer answer;
  grpc::Status status;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<grpc::GenericStub> stub;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
};

gpr_timespec At(int64_t steady_nanos) {
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(steady_nanos - SteadyNanos(), GPR_TIMESPAN));
}

class Caller {
 public:
  explicit Caller(const Options& options)
      : options_(options),
        start_(SteadyNanos()),
        end_(start_ + Nanos(options.seconds)),
        request_(MakeBuffer(options.request)) {
    for (int i = 0; i < options.connections; ++i) {
      channels_.push_back(Connect());
    }
  }

  void Work() {
    for (int i = 0; i < options_.callers; ++i) due_.push(start_);
    if (options_.rate > 0) due_.push(start_);
    while (under_way_ > 0 || (!due_.empty() && due_.top() < end_)) {
      StartWhatIsDue();
      const int64_t now = SteadyNanos();
      int64_t wake = now + kFlushEvery;
      if (!due_.empty() && due_.top() < end_) wake = std::min(wake, due_.top());
      Collect(wake);
      if (SteadyNanos() - flushed_ > kFlushEvery) {
        std::fflush(stdout);
        flushed_ = SteadyNanos();
      }
    }
    std::fflush(stdout);
  }

 private:
  using Earliest =
      std::priority_queue<int64_t, std::vector<int64_t>, std::greater<int64_t>>;

  static int64_t Nanos(double seconds) {
    return static_cast<int64_t>(seconds * static_cast<double>(kSecond));
  }
  static grpc::ByteBuffer MakeBuffer(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    return {&slice, 1};
  }

  std::shared_ptr<grpc::Channel> Connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    // A server that comes back is found soon.
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(
        options_.address, grpc::InsecureChannelCredentials(), arguments);
  }

  void StartWhatIsDue() {
    while (!due_.empty() && due_.top() < end_ && due_.top() <= SteadyNanos()) {
      const int64_t due = due_.top();
      due_.pop();
      if (options_.rate > 0) due_.push(due + Nanos(1 / options_.rate));
      Start(due);
    }
  }

  void Start(int64_t due) {
    auto* call = new Call;  // Collect deletes it
    call->due = due;
    call->channel =
        options_.fresh ? Connect() : channels_[started_++ % channels_.size()];
    call->stub = std::make_unique<grpc::GenericStub>(call->channel);
    call->context.set_deadline(At(due + Nanos(options_.deadline)));
    call->reader = call->stub->PrepareUnaryCall(&call->context, options_.method,
                                                request_, &queue_);
    call->reader->StartCall();
    call->reader->Finish(&call->answer, &call->status, call);
    ++under_way_;
  }

  // Takes what has come until `wake`.
  void Collect(int64_t wake) {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.AsyncNext(&tag, &ok, At(wake)) ==
           grpc::CompletionQueue::GOT_EVENT) {
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      --under_way_;
      const int64_t now = SteadyNanos();
      std::printf("%.6f %.3f %d\n", static_cast<double>(call->due) / kSecond,
                  static_cast<double>(now - call->due) / 1e6,
                  static_cast<int>(call->status.error_code()));
      if (options_.callers > 0) {
        due_.push(call->status.ok() ? now : now + kPauseAfterFailure);
      }
      wake = 0;  // nothing more is waited for
    }
  }

  const Options& options_;
  const int64_t start_;
  const int64_t end_;
  const grpc::ByteBuffer request_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  grpc::CompletionQueue queue_;
  Earliest due_;
  int64_t flushed_ = 0;
  int under_way_ = 0;
  size_t started_ = 0;
};

int Usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s ADDRESS METHOD REQUEST_FILE (--callers N | --rate R) "
               "[--seconds S] [--deadline S] [--connections N] [--fresh]\n",
               program);
  return 2;
}

int Main(int argc, char** argv) {
  if (argc < 6) return Usage(argv[0]);
  Options options;
  options.address = argv[1];
  options.method = argv[2];
  std::ifstream in(argv[3], std::ios::binary);
  if (!in) return Usage(argv[0]);
  options.request.assign(std::istreambuf_iterator<char>(in), {});
  for (int i = 4; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--fresh") {
      options.fresh = true;
      continue;
    }
    if (++i == argc) return Usage(argv[0]);
    const double value = std::atof(argv[i]);
    if (name == "--callers") {
      options.callers = static_cast<int>(value);
    } else if (name == "--rate") {
      options.rate = value;
    } else if (name == "--seconds") {
      options.seconds = value;
    } else if (name == "--deadline") {
      options.deadline = value;
    } else if (name == "--connections") {
      options.connections = static_cast<int>(value);
    } else {
      return Usage(argv[0]);
    }
  }
  if ((options.callers > 0) == (options.rate > 0)) return Usage(argv[0]);
  Caller(options).Work();
  return 0;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) { return metagraph::Main(argc, argv); }
