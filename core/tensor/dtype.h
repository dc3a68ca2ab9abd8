#pragma once

// TensorFlow's dtypes and the C++ types that hold their elements.

#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>

#include "Eigen/Core"
#include "absl/strings/string_view.h"
#include "tensorflow/tensor.pb.h"

namespace metagraph {

using tensorflow::DataType;
using tensorflow::DT_BFLOAT16;
using tensorflow::DT_BOOL;
using tensorflow::DT_COMPLEX128;
using tensorflow::DT_COMPLEX64;
using tensorflow::DT_DOUBLE;
using tensorflow::DT_FLOAT;
using tensorflow::DT_HALF;
using tensorflow::DT_INT16;
using tensorflow::DT_INT32;
using tensorflow::DT_INT64;
using tensorflow::DT_INT8;
using tensorflow::DT_INVALID;
using tensorflow::DT_QINT16;
using tensorflow::DT_QINT32;
using tensorflow::DT_QINT8;
using tensorflow::DT_QUINT16;
using tensorflow::DT_QUINT8;
using tensorflow::DT_RESOURCE;
using tensorflow::DT_STRING;
using tensorflow::DT_UINT16;
using tensorflow::DT_UINT32;
using tensorflow::DT_UINT64;
using tensorflow::DT_UINT8;
using tensorflow::DT_VARIANT;

using half = Eigen::half;
using bfloat16 = Eigen::bfloat16;
using complex64 = std::complex<float>;
using complex128 = std::complex<double>;

// Quantised integers: own types, so that a template can tell them apart.
struct qint8 {
  int8_t value;
};
struct quint8 {
  uint8_t value;
};
struct qint16 {
  int16_t value;
};
struct quint16 {
  uint16_t value;
};
struct qint32 {
  int32_t value;
};

struct ResourceHandle;  // resource_handle.h
struct Variant;         // variant.h

// The dtype of elements of C++ type T, e.g. kDataType<float> == DT_FLOAT.
template <typename T>
inline constexpr DataType kDataType = DT_INVALID;
template <>
inline constexpr DataType kDataType<float> = DT_FLOAT;
template <>
inline constexpr DataType kDataType<double> = DT_DOUBLE;
template <>
inline constexpr DataType kDataType<half> = DT_HALF;
template <>
inline constexpr DataType kDataType<bfloat16> = DT_BFLOAT16;
template <>
inline constexpr DataType kDataType<int8_t> = DT_INT8;
template <>
inline constexpr DataType kDataType<int16_t> = DT_INT16;
template <>
inline constexpr DataType kDataType<int32_t> = DT_INT32;
template <>
inline constexpr DataType kDataType<int64_t> = DT_INT64;
template <>
inline constexpr DataType kDataType<uint8_t> = DT_UINT8;
template <>
inline constexpr DataType kDataType<uint16_t> = DT_UINT16;
template <>
inline constexpr DataType kDataType<uint32_t> = DT_UINT32;
template <>
inline constexpr DataType kDataType<uint64_t> = DT_UINT64;
template <>
inline constexpr DataType kDataType<bool> = DT_BOOL;
template <>
inline constexpr DataType kDataType<std::string> = DT_STRING;
template <>
inline constexpr DataType kDataType<complex64> = DT_COMPLEX64;
template <>
inline constexpr DataType kDataType<complex128> = DT_COMPLEX128;
template <>
inline constexpr DataType kDataType<qint8> = DT_QINT8;
template <>
inline constexpr DataType kDataType<quint8> = DT_QUINT8;
template <>
inline constexpr DataType kDataType<qint16> = DT_QINT16;
template <>
inline constexpr DataType kDataType<quint16> = DT_QUINT16;
template <>
inline constexpr DataType kDataType<qint32> = DT_QINT32;
template <>
inline constexpr DataType kDataType<ResourceHandle> = DT_RESOURCE;
template <>
inline constexpr DataType kDataType<Variant> = DT_VARIANT;

// TensorFlow's name: "float", "int32", "string", "float_ref"; "invalid" for
// numbers that are no dtype.
absl::string_view DataTypeName(DataType dtype);
// The dtype of that name, or DT_INVALID.
DataType DataTypeFromName(absl::string_view name);

// Whether a tensor may have this dtype: a known, non-reference one.
bool IsValidDataType(int number);
// DT_FLOAT_REF is DT_FLOAT + 100.
inline bool IsRefType(DataType dtype) { return dtype > 100; }
inline DataType BaseType(DataType dtype) {
  return IsRefType(dtype) ? static_cast<DataType>(dtype - 100) : dtype;
}
inline DataType MakeRefType(DataType dtype) {
  return IsRefType(dtype) ? dtype : static_cast<DataType>(dtype + 100);
}

// sizeof of the C++ element type.
size_t DataTypeSize(DataType dtype);
// Whether elements are plain bytes: all but string, resource and variant.
inline bool IsPlainData(DataType dtype) {
  return dtype != DT_STRING && dtype != DT_RESOURCE && dtype != DT_VARIANT;
}
bool IsFloatingType(DataType dtype);
bool IsIntegerType(DataType dtype);
bool IsComplexType(DataType dtype);
bool IsQuantizedType(DataType dtype);

}  // namespace metagraph
