#pragma once

// Arithmetic with TensorFlow's meaning for every dtype: integers wrap.

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/tensor/dtype.h"

namespace metagraph {

// An unsigned type in which T's arithmetic wraps without promotion to int.
template <typename T>
using WrapType = std::common_type_t<std::make_unsigned_t<T>, unsigned>;

template <typename T>
inline constexpr bool kIsComplex =
    std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;
template <typename T>
inline constexpr bool kIsSmallFloat =
    std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;
// float, double, half, bfloat16.
template <typename T>
inline constexpr bool kIsReal = std::is_floating_point_v<T> || kIsSmallFloat<T>;

template <typename T>
inline T Add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<WrapType<T>>(a) +
                          static_cast<WrapType<T>>(b));
  } else {
    return a + b;
  }
}

template <typename T>
inline T Subtract(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<WrapType<T>>(a) -
                          static_cast<WrapType<T>>(b));
  } else {
    return a - b;
  }
}

template <typename T>
inline T Multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<WrapType<T>>(a) *
                          static_cast<WrapType<T>>(b));
  } else if constexpr (kIsComplex<T>) {
    // The operator would look for infinities after the plain formula.
    return T(a.real() * b.real() - a.imag() * b.imag(),
             a.real() * b.imag() + a.imag() * b.real());
  } else {
    return a * b;
  }
}

// As std::min and std::max, by value: of a and a NaN the result is a.
template <typename T>
inline T Smaller(T a, T b) {
  return b < a ? b : a;
}
template <typename T>
inline T Larger(T a, T b) {
  return a < b ? b : a;
}

// A zero of the same sign for a float or double too small to be normal.
// TensorFlow's threads run with such numbers flushed to zero; it shows where an
// op returns its input.
template <typename T>
inline T FlushDenormal(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T kSmallest = std::numeric_limits<T>::min();
    return x < kSmallest && x > -kSmallest ? std::copysign(T(0), x) : x;
  } else {
    return x;
  }
}

}  // namespace metagraph
