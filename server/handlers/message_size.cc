#include "server/handlers/message_size.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// What the values take in a TensorProto, at least.
size_t ValueBytes(const Tensor& tensor) {
  if (!tensor.initialized()) return 0;
  switch (tensor.dtype()) {
    case DT_STRING: {
      size_t bytes = 0;
      for (const std::string& value : tensor.values<std::string>()) {
        bytes += value.size() + 2;  // tag and length
      }
      return bytes;
    }
    case DT_RESOURCE:
    case DT_VARIANT:
      return 0;  // not known before they are encoded
    default:
      return static_cast<size_t>(tensor.size_bytes());
  }
}

}  // namespace

absl::Status CheckMessageSize(const google::protobuf::MessageLite& message,
                              size_t limit) {
  const size_t bytes = message.ByteSizeLong();
  if (bytes <= limit) return absl::OkStatus();
  return ResourceExhausted("the answer has ", bytes,
                           " bytes, one message holds at most ", limit,
                           ": ask for less at a time");
}

absl::Status CheckTensorsFit(absl::Span<const std::string> names,
                             absl::Span<const Tensor> tensors, size_t limit) {
  size_t bytes = 0;
  size_t largest = 0;
  size_t largest_bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const size_t own = ValueBytes(tensors[i]);
    bytes += own;
    if (own > largest_bytes) {
      largest_bytes = own;
      largest = i;
    }
  }
  if (bytes <= limit) return absl::OkStatus();
  return ResourceExhausted(
      "the tensors fetched have ", bytes, " bytes, one message holds at most ",
      limit, "; the largest is \"", names[largest], "\" with ", largest_bytes,
      ": fetch fewer at a time, or a slice of them; variables can be read in "
      "pieces with ReadVariables");
}

}  // namespace metagraph
