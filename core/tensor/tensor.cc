#include "core/tensor/tensor.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/variant.h"

namespace metagraph {

absl::StatusOr<Tensor> Tensor::Allocate(DataType dtype,
                                        const TensorShape& shape) {
  Tensor out;
  ASSIGN_OR_RETURN(out.buffer_, Buffer::Allocate(dtype, shape.num_elements()));
  out.dtype_ = dtype;
  out.shape_ = shape;
  out.data_ = out.buffer_->data();
  return out;
}

Tensor Tensor::Reshaped(const TensorShape& shape) const& {
  Tensor out = *this;
  out.shape_ = shape;
  return out;
}

Tensor Tensor::Reshaped(const TensorShape& shape) && {
  shape_ = shape;
  return std::move(*this);
}

Tensor Tensor::Rows(int64_t begin, int64_t end) const {
  Tensor out = *this;
  out.shape_.SetDim(0, end - begin);
  const int64_t row = dim(0) == 0 ? 0 : size_bytes() / dim(0);
  out.data_ = static_cast<char*>(data_) + begin * row;
  return out;
}

Tensor Tensor::BitcastTo(DataType dtype) const {
  Tensor out = *this;
  out.dtype_ = dtype;
  return out;
}

absl::StatusOr<Tensor> Tensor::Clone() const {
  ASSIGN_OR_RETURN(Tensor out, Allocate(dtype_, shape_));
  switch (dtype_) {
    case DT_STRING:
      std::copy_n(data<std::string>(), num_elements(),
                  out.mutable_data<std::string>());
      break;
    case DT_RESOURCE:
      std::copy_n(data<ResourceHandle>(), num_elements(),
                  out.mutable_data<ResourceHandle>());
      break;
    case DT_VARIANT:
      std::copy_n(data<Variant>(), num_elements(), out.mutable_data<Variant>());
      break;
    default:
      if (size_bytes() > 0) std::memcpy(out.data_, data_, size_bytes());
  }
  return out;
}

std::string Tensor::Describe() const {
  return absl::StrCat(DataTypeName(dtype_), " ", shape_.ToString());
}

}  // namespace metagraph
