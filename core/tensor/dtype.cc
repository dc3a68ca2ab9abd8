#include "core/tensor/dtype.h"

#include "core/tensor/resource_handle.h"
#include "core/tensor/variant.h"

namespace metagraph {
namespace {

struct Entry {
  DataType dtype;
  const char* name;
  const char* ref_name;
  size_t size;
};

#define ENTRY(dtype, name, type) \
  { dtype, name, name "_ref", sizeof(type) }
constexpr Entry kEntries[] = {
    ENTRY(DT_FLOAT, "float", float),
    ENTRY(DT_DOUBLE, "double", double),
    ENTRY(DT_INT32, "int32", int32_t),
    ENTRY(DT_UINT8, "uint8", uint8_t),
    ENTRY(DT_INT16, "int16", int16_t),
    ENTRY(DT_INT8, "int8", int8_t),
    ENTRY(DT_STRING, "string", std::string),
    ENTRY(DT_COMPLEX64, "complex64", complex64),
    ENTRY(DT_INT64, "int64", int64_t),
    ENTRY(DT_BOOL, "bool", bool),
    ENTRY(DT_QINT8, "qint8", qint8),
    ENTRY(DT_QUINT8, "quint8", quint8),
    ENTRY(DT_QINT32, "qint32", qint32),
    ENTRY(DT_BFLOAT16, "bfloat16", bfloat16),
    ENTRY(DT_QINT16, "qint16", qint16),
    ENTRY(DT_QUINT16, "quint16", quint16),
    ENTRY(DT_UINT16, "uint16", uint16_t),
    ENTRY(DT_COMPLEX128, "complex128", complex128),
    ENTRY(DT_HALF, "half", half),
    ENTRY(DT_RESOURCE, "resource", ResourceHandle),
    ENTRY(DT_VARIANT, "variant", Variant),
    ENTRY(DT_UINT32, "uint32", uint32_t),
    ENTRY(DT_UINT64, "uint64", uint64_t),
};
#undef ENTRY

// DT_FLOAT is 1 and the numbers have no gap.
constexpr bool TableIsInOrder() {
  for (size_t i = 0; i < std::size(kEntries); ++i) {
    if (kEntries[i].dtype != static_cast<DataType>(i + 1)) return false;
  }
  return true;
}
static_assert(TableIsInOrder());

const Entry* Find(DataType dtype) {
  const int index = static_cast<int>(BaseType(dtype)) - 1;
  if (index < 0 || index >= static_cast<int>(std::size(kEntries))) {
    return nullptr;
  }
  return &kEntries[index];
}

}  // namespace

absl::string_view DataTypeName(DataType dtype) {
  const Entry* entry = Find(dtype);
  if (entry == nullptr) {
    // Newer TensorFlows' have at least their names.
    return tensorflow::DataType_IsValid(dtype) && dtype != DT_INVALID
               ? absl::string_view(tensorflow::DataType_Name(dtype))
               : "invalid";
  }
  return IsRefType(dtype) ? entry->ref_name : entry->name;
}

DataType DataTypeFromName(absl::string_view name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry.dtype;
    if (name == entry.ref_name) return MakeRefType(entry.dtype);
  }
  return DT_INVALID;
}

bool IsValidDataType(int number) {
  return number >= 1 && number <= static_cast<int>(std::size(kEntries));
}

size_t DataTypeSize(DataType dtype) {
  const Entry* entry = Find(dtype);
  return entry == nullptr ? 0 : entry->size;
}

bool IsFloatingType(DataType dtype) {
  return dtype == DT_FLOAT || dtype == DT_DOUBLE || dtype == DT_HALF ||
         dtype == DT_BFLOAT16;
}

bool IsIntegerType(DataType dtype) {
  switch (dtype) {
    case DT_INT8:
    case DT_INT16:
    case DT_INT32:
    case DT_INT64:
    case DT_UINT8:
    case DT_UINT16:
    case DT_UINT32:
    case DT_UINT64:
      return true;
    default:
      return false;
  }
}

bool IsComplexType(DataType dtype) {
  return dtype == DT_COMPLEX64 || dtype == DT_COMPLEX128;
}

bool IsQuantizedType(DataType dtype) {
  return dtype == DT_QINT8 || dtype == DT_QUINT8 || dtype == DT_QINT16 ||
         dtype == DT_QUINT16 || dtype == DT_QINT32;
}

}  // namespace metagraph
