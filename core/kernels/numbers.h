#pragma once

#include <cstdint>

#include "core/tensor/dtype.h"

namespace metagraph {

// Calls fn.operator()<T>() with the C++ type of a dtype that has arithmetic:
// floats, integers, complex numbers. False, and no call, for any other.
template <typename Fn>
bool WithNumberType(DataType dtype, Fn&& fn) {
  switch (dtype) {
#define MG_NUMBER(T)             \
  case kDataType<T>:             \
    fn.template operator()<T>(); \
    return true;
    MG_NUMBER(float)
    MG_NUMBER(double)
    MG_NUMBER(half)
    MG_NUMBER(bfloat16)
    MG_NUMBER(int8_t)
    MG_NUMBER(int16_t)
    MG_NUMBER(int32_t)
    MG_NUMBER(int64_t)
    MG_NUMBER(uint8_t)
    MG_NUMBER(uint16_t)
    MG_NUMBER(uint32_t)
    MG_NUMBER(uint64_t)
    MG_NUMBER(complex64)
    MG_NUMBER(complex128)
#undef MG_NUMBER
    default:
      return false;
  }
}

}  // namespace metagraph
