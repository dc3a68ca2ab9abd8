#include "core/tensor/zeros.h"

#include <cstring>

#include "core/base/status.h"

namespace metagraph {

absl::StatusOr<Tensor> Zeros(DataType dtype, const TensorShape& shape) {
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(dtype, shape));
  // Strings and other objects are born empty.
  if (IsPlainData(dtype) && out.size_bytes() > 0) {
    std::memset(out.mutable_raw_data(), 0, out.size_bytes());
  }
  return out;
}

}  // namespace metagraph
