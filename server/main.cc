// metagraphd: serves the fetches of TensorFlow 1 meta graphs over gRPC.

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "glog/logging.h"
#include "google/protobuf/stubs/logging.h"
#include "server/handshake_log.h"
#include "server/log_format.h"
#include "server/process_signals.h"
#include "server/server.h"
#include "server/server_options.h"
#include "server/service_manager.h"

namespace metagraph {
namespace {

// Where address space is short (ulimit -v), most of it would go to what only
// reserves it: stacks, and malloc's arenas for many threads.
// RESOURCE_EXHAUSTED: there is too little to serve with; gRPC would end the
// process on a call.
absl::Status SpareAddressSpace() {
  constexpr size_t kStack = size_t{2} << 20;
  constexpr rlim_t kLeast = 400'000'000;
  rlimit space{};
  if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur == RLIM_INFINITY) {
    return absl::OkStatus();
  }
  if (space.rlim_cur < kLeast) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "too little memory: ulimit -v gives ", space.rlim_cur / 1'000'000,
        " MB of address space, and at least ", kLeast / 1'000'000,
        " MB are needed, of which most stay unused"));
  }
  mallopt(M_ARENA_MAX, 2);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return absl::OkStatus();
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
  return absl::OkStatus();
}

void InitLogging(const char* program, const ServerOptions& options) {
  FLAGS_v = options.verbosity;
  StartLogging(program, options.log_format);
  // A request that does not parse is its caller's affair.
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel level,
                                     const char*, int,
                                     const std::string& message) {
    if (level == google::protobuf::LOGLEVEL_FATAL) {
      LOG(ERROR) << message;
    } else {
      VLOG(1) << "protobuf: " << message;
    }
  });
}

// Reads the configuration again and applies its models' part. A wrong one
// changes nothing.
void Reload(const CommandLine& now, int argc, char** argv, Server& server) {
  const CommandLine read = ParseCommandLine(argc, argv);
  if (read.exit) {
    LOG(ERROR) << "the configuration is not applied, what is served stays: "
               << absl::StripAsciiWhitespace(read.message);
    server.RescanModels();
    return;
  }
  for (const std::string& key : ChangedSettings(now, read)) {
    LOG(WARNING) << "\"" << key << "\" of the configuration has changed since "
                 << "the start: that needs a restart";
  }
  server.ApplyModels(read.options.models);
}

int Main(int argc, char** argv) {
  CallContext starting;
  std::atomic<bool> serves{false};
  ProcessSignals signals;
  const CommandLine command_line = ParseCommandLine(argc, argv);
  if (command_line.exit) {
    std::fputs(command_line.message.c_str(),
               command_line.exit_code == 0 ? stdout : stderr);
    return command_line.exit_code;
  }
  const ServerOptions& options = command_line.options;
  InitLogging(argv[0], options);
  // Debian builds abseil with its search for deadlocks, which in gRPC's locks
  // costs a twentieth of a small call. Ours are not abseil's.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Our own messages say what is wrong; gRPC's lines are for its debuggers.
  if (std::getenv("GRPC_VERBOSITY") == nullptr) LogFailedHandshakes();

  // Without memory or threads the start throws; nothing is served yet.
  absl::StatusOr<std::unique_ptr<Server>> server;
  try {
    if (const absl::Status spared = SpareAddressSpace(); spared.ok()) {
      signals.Start([&starting, &serves, grace = options.drain_grace,
                     timeout = options.drain_timeout] {
        starting.Cancel();
        return serves ? grace + timeout : timeout;
      });
      server = Server::Start(options, Platform::Real(), starting);
    } else {
      server = spared;
    }
  } catch (const std::exception& error) {
    server = absl::ResourceExhaustedError(absl::StrCat(
        "the daemon gets too little memory or too few threads (ulimit -v, "
        "ulimit -u, the container's limits): ",
        error.what()));
  }
  if (absl::IsCancelled(server.status())) return EXIT_SUCCESS;
  if (!server.ok()) {
    std::fprintf(stderr, "metagraphd: %s\n",
                 server.status().ToString().c_str());
    return EXIT_FAILURE;
  }
  serves = true;
  const auto systemd = ServiceManager::FromEnvironment();
  const std::string status =
      absl::StrCat("serving on ", absl::StrJoin((*server)->addresses(), ", "));
  systemd->Ready(status);
  systemd->WatchOver([&] { (*server)->models().List(); });
  while (signals.WaitForReload()) {
    systemd->Reloading();
    Reload(command_line, argc, argv, **server);
    systemd->Ready(status);
  }
  LOG(INFO) << "draining";
  systemd->Stopping();
  (*server)->Drain(options.drain_grace, options.drain_timeout);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace metagraph

// What throws here ends the process, as it may.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return metagraph::Main(argc, argv); }
