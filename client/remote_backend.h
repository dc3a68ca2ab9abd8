#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/backend.h"

namespace metagraph {

struct RemoteOptions {
  // `host:port` or `unix:PATH`.
  std::string server;
  // For every call; infinite: none.
  absl::Duration timeout = absl::InfiniteDuration();
};

// The calls, made to a daemon over gRPC. Connects at the first call; a server
// that is not there is UNAVAILABLE at once.
std::unique_ptr<Backend> MakeRemoteBackend(const RemoteOptions& options);

}  // namespace metagraph
