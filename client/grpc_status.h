#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace metagraph {

// The same code and message; a google.rpc.ErrorInfo among the error details
// becomes a payload, see error_text.h.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace metagraph
