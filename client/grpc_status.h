#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace metagraph {

// The same code, message and details, see core/base/error_details.h.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace metagraph
