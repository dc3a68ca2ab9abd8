#pragma once

#include <climits>
#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor/tensor.h"
#include "google/protobuf/message_lite.h"

namespace metagraph {

// The most bytes that one message can be sent with: protobuf counts them in an
// int, and dies if there are more.
inline constexpr size_t kMaxMessageBytes = INT_MAX;

// RESOURCE_EXHAUSTED, with the size and the way out, if the message is too
// large to be sent.
absl::Status CheckMessageSize(const google::protobuf::MessageLite& message,
                              size_t limit = kMaxMessageBytes);

// The same for the answer of a run, before it is made of the tensors.
// `names[i]` is what tensors[i] was asked for by. How many bytes they become.
absl::StatusOr<size_t> CheckTensorsFit(absl::Span<const std::string> names,
                                       absl::Span<const Tensor> tensors,
                                       size_t limit = kMaxMessageBytes);

}  // namespace metagraph
