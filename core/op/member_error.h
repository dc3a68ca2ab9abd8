#pragma once

// Errors of a kernel that stands for several nodes of the graph: callers are
// told the node that they know.

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metagraph {

inline constexpr char kMemberUrl[] = "metagraphd/member";

// Notes the node that is at fault; the executor says its name in place of its
// own node's.
inline absl::Status OfMember(absl::Status status, absl::string_view node) {
  status.SetPayload(kMemberUrl, absl::Cord(node));
  return status;
}

// The node that is noted, and takes the note away; "" if there is none.
inline std::string TakeMember(absl::Status& status) {
  const auto note = status.GetPayload(kMemberUrl);
  if (!note.has_value()) return "";
  status.ErasePayload(kMemberUrl);
  return std::string(*note);
}

}  // namespace metagraph
