#include "client/cast.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/base/status.h"

namespace metagraph {
namespace {

// Calls `f` with a null pointer of the C++ type; false for other dtypes.
template <typename F>
bool WithFloatType(DataType dtype, F f) {
  switch (dtype) {
    case DT_FLOAT:
      f(static_cast<float*>(nullptr));
      return true;
    case DT_DOUBLE:
      f(static_cast<double*>(nullptr));
      return true;
    case DT_HALF:
      f(static_cast<half*>(nullptr));
      return true;
    case DT_BFLOAT16:
      f(static_cast<bfloat16*>(nullptr));
      return true;
    default:
      return false;
  }
}

template <typename F>
bool WithIntegerType(DataType dtype, F f) {
  switch (dtype) {
    case DT_INT8:
      f(static_cast<int8_t*>(nullptr));
      return true;
    case DT_INT16:
      f(static_cast<int16_t*>(nullptr));
      return true;
    case DT_INT32:
      f(static_cast<int32_t*>(nullptr));
      return true;
    case DT_INT64:
      f(static_cast<int64_t*>(nullptr));
      return true;
    case DT_UINT8:
      f(static_cast<uint8_t*>(nullptr));
      return true;
    case DT_UINT16:
      f(static_cast<uint16_t*>(nullptr));
      return true;
    case DT_UINT32:
      f(static_cast<uint32_t*>(nullptr));
      return true;
    case DT_UINT64:
      f(static_cast<uint64_t*>(nullptr));
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<Tensor> CastTensor(const Tensor& tensor, DataType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  const absl::Status other_kind =
      InvalidArgument("expected ", DataTypeName(dtype), ", found ",
                      DataTypeName(tensor.dtype()));
  const bool floats = IsFloatingType(tensor.dtype()) && IsFloatingType(dtype);
  const bool integers = IsIntegerType(tensor.dtype()) && IsIntegerType(dtype);
  if (!floats && !integers) return other_kind;
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(dtype, tensor.shape()));

  bool fits = true;
  const auto convert = [&]<typename From, typename To>(From*, To*) {
    const auto* from = static_cast<const From*>(tensor.raw_data());
    auto* to = static_cast<To*>(out.mutable_raw_data());
    for (int64_t i = 0; i < tensor.num_elements(); ++i) {
      if constexpr (std::is_integral_v<To>) {
        fits = fits && std::in_range<To>(from[i]);
        to[i] = static_cast<To>(from[i]);
      } else if constexpr (std::is_same_v<To, double>) {
        to[i] = static_cast<double>(from[i]);
      } else {
        to[i] = static_cast<To>(static_cast<float>(from[i]));
      }
    }
  };
  bool known = false;
  if (floats) {
    known = WithFloatType(tensor.dtype(), [&](auto* from) {
      known = WithFloatType(dtype, [&](auto* to) { convert(from, to); });
    });
  } else {
    known = WithIntegerType(tensor.dtype(), [&](auto* from) {
      known = WithIntegerType(dtype, [&](auto* to) { convert(from, to); });
    });
  }
  if (!known) return other_kind;
  if (!fits) {
    return InvalidArgument("a value does not fit ", DataTypeName(dtype),
                           " (given as ", DataTypeName(tensor.dtype()), ")");
  }
  return out;
}

}  // namespace metagraph
