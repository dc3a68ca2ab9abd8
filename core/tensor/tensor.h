#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor/buffer.h"
#include "core/tensor/dtype.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

// A dtype, a shape and a share of a buffer. Copies share the buffer; whoever
// writes makes sure first that nobody else sees it (`OwnsBufferAlone`).
// A default-constructed Tensor holds nothing: `initialized()` is false.
class Tensor {
 public:
  Tensor() = default;

  // A tensor with undefined content (objects: default-constructed).
  // RESOURCE_EXHAUSTED over the memory budget.
  static absl::StatusOr<Tensor> Allocate(DataType dtype,
                                         const TensorShape& shape);

  // A scalar or vector of T, for values known to be small.
  // CHECK-fails without memory.
  template <typename T>
  static Tensor Scalar(T value);
  template <typename T>
  static Tensor Vector(absl::Span<const T> values);

  DataType dtype() const { return dtype_; }
  const TensorShape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_.dim(i); }
  int64_t num_elements() const { return shape_.num_elements(); }
  // Bytes of the elements (strings: of the string objects).
  int64_t size_bytes() const {
    return num_elements() * static_cast<int64_t>(DataTypeSize(dtype_));
  }
  bool initialized() const { return dtype_ != DT_INVALID; }

  // The elements, row-major. REQUIRES: T is the dtype's C++ type.
  template <typename T>
  const T* data() const {
    return static_cast<const T*>(data_);
  }
  template <typename T>
  T* mutable_data() {
    return static_cast<T*>(data_);
  }
  const void* raw_data() const { return data_; }
  void* mutable_raw_data() { return data_; }
  template <typename T>
  absl::Span<const T> values() const {
    return {data<T>(), static_cast<size_t>(num_elements())};
  }
  template <typename T>
  absl::Span<T> mutable_values() {
    return {mutable_data<T>(), static_cast<size_t>(num_elements())};
  }
  template <typename T>
  const T& scalar() const {
    return data<T>()[0];
  }

  // The elements as one byte string. REQUIRES: IsPlainData(dtype()).
  absl::string_view bytes() const {
    return {static_cast<const char*>(data_), static_cast<size_t>(size_bytes())};
  }

  // True if no other tensor shares the buffer, so that it may be written.
  bool OwnsBufferAlone() const { return buffer_ && buffer_->unique(); }
  bool SharesBufferWith(const Tensor& other) const {
    return buffer_.get() == other.buffer_.get();
  }

  // Gives the share of the buffer up; not initialized() any more.
  void Reset() {
    dtype_ = DT_INVALID;
    data_ = nullptr;
    buffer_ = BufferRef();
  }

  // The same elements under another shape. REQUIRES: equal num_elements().
  Tensor Reshaped(const TensorShape& shape) const&;
  Tensor Reshaped(const TensorShape& shape) &&;
  // Rows [begin, end) of dimension 0, sharing the buffer.
  // REQUIRES: rank >= 1, 0 <= begin <= end <= dim(0).
  Tensor Rows(int64_t begin, int64_t end) const;
  // The same bits under another dtype of equal size. REQUIRES: plain dtypes.
  Tensor BitcastTo(DataType dtype) const;
  // An own copy of the elements.
  absl::StatusOr<Tensor> Clone() const;

  // Counts `bytes` that the elements own outside the buffer (long strings)
  // against the memory budget until the buffer is freed. RESOURCE_EXHAUSTED.
  // REQUIRES: OwnsBufferAlone().
  absl::Status ChargeBudget(int64_t bytes) {
    return buffer_->ChargeBudget(bytes);
  }

  // "float [2,3]", for messages.
  std::string Describe() const;

 private:
  DataType dtype_ = DT_INVALID;
  void* data_ = nullptr;
  BufferRef buffer_;
  TensorShape shape_;
};

template <typename T>
Tensor Tensor::Vector(absl::Span<const T> values) {
  Tensor out = *Allocate(kDataType<T>, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), out.mutable_data<T>());
  return out;
}

template <typename T>
Tensor Tensor::Scalar(T value) {
  Tensor out = *Allocate(kDataType<T>, {});
  out.mutable_data<T>()[0] = std::move(value);
  return out;
}

}  // namespace metagraph
