#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/backend.h"
#include "client/connection.h"

namespace metagraph {

struct RemoteOptions {
  ConnectionOptions connection;
  // For every call; infinite: none.
  absl::Duration timeout = absl::InfiniteDuration();
};

// The calls, made to a daemon over gRPC. Connects at the first call; a server
// that is not there is UNAVAILABLE at once. Errors: as Connect.
absl::StatusOr<std::shared_ptr<Backend>> MakeRemoteBackend(
    const RemoteOptions& options);

}  // namespace metagraph
