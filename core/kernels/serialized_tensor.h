#pragma once

// Tensors as the bytes of TensorProtos: what the ops that write and read them
// count against the memory budget.

#include <cstdint>
#include <string>

#include "core/tensor/tensor.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {

// About how long the message of a tensor is.
int64_t SerializedBytes(const Tensor& tensor);

// What a message may take that is read from `text`: several times its bytes.
inline int64_t ParsedBytes(const std::string& text) {
  return static_cast<int64_t>(text.size()) * 4;
}
// False if it is malformed or longer than protobuf reads.
bool ParseTensorProto(const std::string& text, tensorflow::TensorProto* proto);

}  // namespace metagraph
