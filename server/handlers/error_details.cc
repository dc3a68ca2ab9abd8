#include "server/handlers/error_details.h"

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

namespace metagraph {

absl::Status WithDetails(
    absl::Status status,
    const std::vector<std::pair<std::string, std::string>>& details) {
  google::rpc::ErrorInfo info;
  info.set_reason(absl::StatusCodeToString(status.code()));
  info.set_domain("metagraph");
  for (const auto& [key, value] : details) {
    (*info.mutable_metadata())[key] = value;
  }
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

}  // namespace metagraph
