#pragma once

// Messages in protobuf's text format, from files and users.

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace metagraph {

// What becomes of fields and extensions that the message does not have.
enum class UnknownFields { kRefuse, kSkip };

// A byte order mark at the beginning, which an editor may write, is passed
// over. INVALID_ARGUMENT, with the place of the first fault: not such a
// message, nested more deeply than binary messages may be, or over 2 GB.
// Nothing is logged.
absl::Status ParseTextProto(absl::string_view text, UnknownFields unknown,
                            google::protobuf::Message* out);

}  // namespace metagraph
