#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace metagraph {

// Equal content gives equal bytes, whatever the order of its maps.
std::string CanonicalBytes(const google::protobuf::Message& message);

}  // namespace metagraph
