#include "core/kernels/serialized_tensor.h"

#include <limits>

namespace metagraph {

int64_t SerializedBytes(const Tensor& tensor) {
  int64_t bytes = tensor.size_bytes();
  if (tensor.dtype() == DT_STRING) {
    for (const std::string& text : tensor.values<std::string>()) {
      bytes += static_cast<int64_t>(text.size());
    }
  }
  return bytes;
}

bool ParseTensorProto(const std::string& text, tensorflow::TensorProto* proto) {
  return text.size() <= static_cast<size_t>(std::numeric_limits<int>::max()) &&
         proto->ParseFromString(text);
}

}  // namespace metagraph
