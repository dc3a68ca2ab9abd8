#include "client/grpc_status.h"

#include "absl/strings/cord.h"
#include "client/error_text.h"
#include "google/rpc/status.pb.h"

namespace metagraph {

absl::Status FromGrpcStatus(const grpc::Status& status) {
  absl::Status out(static_cast<absl::StatusCode>(status.error_code()),
                   status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return out;
  for (const google::protobuf::Any& detail : details.details()) {
    if (detail.type_url() == kErrorInfoUrl) {
      out.SetPayload(kErrorInfoUrl, absl::Cord(detail.value()));
    }
  }
  return out;
}

}  // namespace metagraph
