// metagraphctl: looks at, runs, restores and saves what metagraphd serves.

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "client/cli.h"
#include "client/local/local_backend.h"
#include "client/remote_backend.h"
#include "google/protobuf/stubs/logging.h"

namespace metagraph {
namespace {

absl::StatusOr<std::shared_ptr<Backend>> MakeBackend(
    const BackendOptions& options) {
  if (!options.local.empty()) {
    return MakeLocalBackend(
        {options.local, options.local, options.mapping, options.timeout});
  }
  return MakeRemoteBackend({options.connection, options.timeout});
}

}  // namespace
}  // namespace metagraph

// What throws here ends the process, as it may.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  // Our own messages say what is wrong; gRPC's lines are for its debuggers.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  // What does not parse is told in our own words.
  google::protobuf::SetLogHandler(nullptr);
  metagraph::Console console{std::cin,
                             std::cout,
                             std::cerr,
                             isatty(STDIN_FILENO) != 0,
                             isatty(STDOUT_FILENO) != 0,
                             isatty(STDERR_FILENO) != 0};
  return metagraph::RunCli(std::vector<std::string>(argv + 1, argv + argc),
                           console, metagraph::MakeBackend);
}
