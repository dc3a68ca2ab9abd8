#pragma once

// Lists of element types by name, and one dispatch on a dtype over such a list.

#include <cstdint>
#include <string>
#include <type_traits>

#include "core/tensor/dtype.h"

namespace metagraph {

template <typename... Ts>
struct Types {};

template <typename A, typename B>
struct JoinTypes;
template <typename... As, typename... Bs>
struct JoinTypes<Types<As...>, Types<Bs...>> {
  using List = Types<As..., Bs...>;
};
template <typename A, typename B>
using Joined = typename JoinTypes<A, B>::List;

using FloatTypes = Types<float, double, half, bfloat16>;
using IntTypes = Types<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
                       uint32_t, uint64_t>;
using ComplexTypes = Types<complex64, complex128>;
using IndexTypes = Types<int32_t, int64_t>;
using QuantizedTypes = Types<qint8, quint8, qint16, quint16, qint32>;
// What has an order.
using RealTypes = Joined<FloatTypes, IntTypes>;
// What can be added.
using NumberTypes = Joined<RealTypes, ComplexTypes>;

// Calls fn.template operator()<T>() for the T of the list whose dtype is
// `dtype`; false if there is none.
template <typename... Ts, typename Fn>
bool DispatchType(DataType dtype, Types<Ts...>, Fn&& fn) {
  return ((dtype == kDataType<Ts> && (fn.template operator()<Ts>(), true)) ||
          ...);
}

}  // namespace metagraph
