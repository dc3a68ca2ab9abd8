#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/backend.h"
#include "client/connection.h"
#include "client/console.h"
#include "core/checkpoint/name_map.h"

namespace metagraph {

// What a command line says about whom to ask.
struct BackendOptions {
  ConnectionOptions connection;
  // A model folder to be opened in this process; empty: ask the server.
  std::string local;
  RestoreMapping mapping;  // of its checkpoint
  absl::Duration timeout = absl::InfiniteDuration();
};
using BackendFactory = std::function<absl::StatusOr<std::shared_ptr<Backend>>(
    const BackendOptions& options)>;

// metagraphctl. `arguments` come without the program's name.
// Answers the exit code: 0 success, 1 the call failed, 2 wrong usage.
int RunCli(std::vector<std::string> arguments, Console& console,
           const BackendFactory& make_backend);

}  // namespace metagraph
