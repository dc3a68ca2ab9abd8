#include "client/value_assembler.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {

absl::Status ValueAssembler::Add(const v1::ReadVariablesResponse& piece) {
  ASSIGN_OR_RETURN(Tensor part, TensorFromProto(piece.tensor()));
  if (!open_) {
    if (piece.last() && piece.first_element() == 0) {
      return done_({piece.name(), std::move(part)});
    }
    ASSIGN_OR_RETURN(const TensorShape shape,
                     TensorShape::Build(piece.type().shape()));
    ASSIGN_OR_RETURN(Tensor whole, Tensor::Allocate(part.dtype(), shape));
    current_ = {piece.name(), std::move(whole)};
    filled_ = 0;
    open_ = true;
  }
  Tensor& whole = current_.tensor;
  if (piece.name() != current_.name || part.dtype() != whole.dtype() ||
      piece.first_element() != filled_ ||
      part.num_elements() > whole.num_elements() - filled_) {
    return Internal("the pieces of variable \"", current_.name,
                    "\" do not fit together");
  }
  if (part.dtype() == DT_STRING) {
    std::move(part.mutable_data<std::string>(),
              part.mutable_data<std::string>() + part.num_elements(),
              whole.mutable_data<std::string>() + filled_);
  } else if (!IsPlainData(part.dtype())) {
    return Internal("variable \"", current_.name, "\" is in pieces of type ",
                    DataTypeName(part.dtype()));
  } else if (part.num_elements() > 0) {
    const size_t element_size = DataTypeSize(part.dtype());
    std::memcpy(
        static_cast<char*>(whole.mutable_raw_data()) + filled_ * element_size,
        part.raw_data(), part.num_elements() * element_size);
  }
  filled_ += part.num_elements();
  if (!piece.last()) return absl::OkStatus();
  open_ = false;
  if (filled_ != whole.num_elements()) {
    return Internal("variable \"", current_.name, "\" came with ", filled_,
                    " of ", whole.num_elements(), " values");
  }
  return done_(std::exchange(current_, {}));
}

absl::Status ValueAssembler::Finish() const {
  if (!open_) return absl::OkStatus();
  return Internal("the stream ended within variable \"", current_.name, "\"");
}

}  // namespace metagraph
