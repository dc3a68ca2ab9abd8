#pragma once

// More lists of element types by name, stand-ins for types that are handled
// alike, and running the part of a kernel that one type asks for.

#include <complex>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "core/base/status.h"
#include "core/op/type_lists.h"

namespace metagraph {

// What can be divided without loss.
using FractionTypes = Joined<FloatTypes, ComplexTypes>;
// What images are made of.
using ImageTypes =
    Joined<FloatTypes,
           Types<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t>>;
// All numbers, and truth values.
using PlainTypes = Joined<NumberTypes, Types<bool>>;
using PlainAndStringTypes = Joined<PlainTypes, Types<std::string>>;

// An unsigned integer with as many bits as T, the integer or bool; other types
// as they are. What wraps around has the same bits with and without a sign.
template <typename T>
struct UnsignedOf {
  using type = T;
};
template <typename T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) struct UnsignedOf<T>
    : std::make_unsigned<T> {
};
template <typename T>
using Unsigned = typename UnsignedOf<T>::type;

// What moves elements of sizeof(T) bytes about: an unsigned integer, or a
// complex128.
template <typename T>
using MovedAs = std::conditional_t<
    sizeof(T) == 1, uint8_t,
    std::conditional_t<
        sizeof(T) == 2, uint16_t,
        std::conditional_t<
            sizeof(T) == 4, uint32_t,
            std::conditional_t<sizeof(T) == 8, uint64_t, complex128>>>>;

// For kernels that do not depend on the type:
//   op.KernelForEach<Always<ZerosLike>::For, PlainTypes>("T");
template <typename K>
struct Always {
  template <typename T>
  using For = K;
};

// Returns fn.operator()<T>(), a status, for the T of the list whose dtype is
// `dtype`. UNIMPLEMENTED, with the name `what`, if there is none.
template <typename List, typename Fn>
absl::Status RunForType(absl::string_view what, DataType dtype, Fn&& fn) {
  absl::Status status;
  const bool found = DispatchType(dtype, List(), [&]<typename T>() {
    status = fn.template operator()<T>();
  });
  if (found) return status;
  return Unimplemented(what, " ", DataTypeName(dtype), " is not supported");
}

}  // namespace metagraph
