#include "core/kernels/int_inputs.h"

#include "absl/strings/str_join.h"
#include "core/op/type_lists.h"

namespace metagraph {
absl::StatusOr<Ints> ReadInts(const Tensor& tensor) {
  Ints ints;
  using Readable = Types<int32_t, int64_t, int16_t, uint16_t, int8_t, uint8_t>;
  const bool known =
      DispatchType(tensor.dtype(), Readable(), [&]<typename T>() {
        const auto values = tensor.values<T>();
        ints.assign(values.begin(), values.end());
      });
  if (known) return ints;
  return InvalidArgument("expected a tensor of integers, got ",
                         tensor.Describe());
}

absl::StatusOr<int64_t> ReadInt(const Tensor& tensor, absl::string_view name) {
  if (tensor.num_elements() != 1) {
    return InvalidArgument(name, " must be a scalar, but has shape ",
                           tensor.shape().ToString());
  }
  if (tensor.dtype() == DT_INT32) return tensor.scalar<int32_t>();
  if (tensor.dtype() == DT_INT64) return tensor.scalar<int64_t>();
  ASSIGN_OR_RETURN(Ints values, ReadInts(tensor));
  return values[0];
}

absl::StatusOr<TensorShape> ReadShape(const Tensor& tensor) {
  if (tensor.rank() > 1) {
    return InvalidArgument("shape must be a vector, but has shape ",
                           tensor.shape().ToString());
  }
  ASSIGN_OR_RETURN(Ints sizes, ReadInts(tensor));
  for (int64_t size : sizes) {
    if (size < 0) return InvalidArgument("Dimension ", size, " must be >= 0");
  }
  return TensorShape::Build(sizes);
}

std::string PositionString(const TensorShape& shape, int64_t flat) {
  if (shape.rank() == 0) return "";
  Ints position(shape.rank());
  for (int i = shape.rank() - 1; i >= 0; --i) {
    position[i] = flat % shape.dim(i);
    flat /= shape.dim(i);
  }
  return absl::StrCat("[", absl::StrJoin(position, ","), "]");
}

int64_t ProductOf(const TensorShape& shape, int begin, int end) {
  // With a size of zero somewhere the other sizes may overflow together.
  if (shape.num_elements() == 0) {
    for (int i = begin; i < end; ++i) {
      if (shape.dim(i) == 0) return 0;
    }
  }
  uint64_t product = 1;
  for (int i = begin; i < end; ++i) product *= shape.dim(i);
  return static_cast<int64_t>(product);
}

Ints ElementStrides(const TensorShape& shape) {
  Ints strides(shape.rank());
  uint64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = static_cast<int64_t>(stride);
    stride *= shape.dim(i);
  }
  return strides;
}

}  // namespace metagraph
