#include "client/tensor_format.h"

#include <charconv>
#include <cmath>
#include <complex>
#include <type_traits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/table.h"
#include "core/base/utf8.h"
#include "core/tensor/resource_handle.h"

namespace metagraph {
namespace {

constexpr int64_t kEdge = 3;

// The shortest digits that read back as the same value.
template <typename Float>
void AppendFloat(Float value, bool json, std::string* out) {
  if (!std::isfinite(value)) {
    const char* name = std::isnan(value) ? "NaN"
                       : value < 0       ? "-Infinity"
                                         : "Infinity";
    absl::StrAppend(out, json ? "\"" : "", name, json ? "\"" : "");
    return;
  }
  char digits[64];
  const auto [end, error] =
      std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, end);
}

void AppendJsonString(absl::string_view text, std::string* out) {
  if (!IsUtf8(text)) {
    absl::StrAppend(out, "{\"b64\":\"", absl::Base64Escape(text), "\"}");
    return;
  }
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(out, "\\u", absl::Hex(c, absl::kZeroPad4));
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

template <typename T>
void AppendValue(const T& value, bool json, std::string* out) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (json) {
      AppendJsonString(value, out);
    } else {
      absl::StrAppend(out, "\"", Printable(value), "\"");
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    *out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
    AppendFloat(static_cast<float>(value), json, out);
  } else if constexpr (std::is_floating_point_v<T>) {
    AppendFloat(value, json, out);
  } else if constexpr (std::is_integral_v<T>) {
    // Not a character: widen first.
    absl::StrAppend(out, +value);
  } else {  // complex
    out->push_back('[');
    AppendFloat(value.real(), json, out);
    *out += json ? "," : ", ";
    AppendFloat(value.imag(), json, out);
    out->push_back(']');
  }
}

// REQUIRES: not a variant, whose content has no text.
void AppendElement(const Tensor& tensor, int64_t i, bool json,
                   std::string* out) {
  const void* data = tensor.raw_data();
  const auto value = [&]<typename T>(const T* values) {
    AppendValue(values[i], json, out);
  };
  switch (tensor.dtype()) {
    case DT_FLOAT:
      return value(static_cast<const float*>(data));
    case DT_DOUBLE:
      return value(static_cast<const double*>(data));
    case DT_HALF:
      return value(static_cast<const half*>(data));
    case DT_BFLOAT16:
      return value(static_cast<const bfloat16*>(data));
    case DT_INT8:
    case DT_QINT8:
      return value(static_cast<const int8_t*>(data));
    case DT_INT16:
    case DT_QINT16:
      return value(static_cast<const int16_t*>(data));
    case DT_INT32:
    case DT_QINT32:
      return value(static_cast<const int32_t*>(data));
    case DT_INT64:
      return value(static_cast<const int64_t*>(data));
    case DT_UINT8:
    case DT_QUINT8:
      return value(static_cast<const uint8_t*>(data));
    case DT_UINT16:
    case DT_QUINT16:
      return value(static_cast<const uint16_t*>(data));
    case DT_UINT32:
      return value(static_cast<const uint32_t*>(data));
    case DT_UINT64:
      return value(static_cast<const uint64_t*>(data));
    case DT_BOOL:
      return value(static_cast<const bool*>(data));
    case DT_STRING:
      return value(static_cast<const std::string*>(data));
    case DT_COMPLEX64:
      return value(static_cast<const complex64*>(data));
    case DT_COMPLEX128:
      return value(static_cast<const complex128*>(data));
    case DT_RESOURCE:
      return AppendValue(static_cast<const ResourceHandle*>(data)[i].name, json,
                         out);
    default:
      *out += json ? "null" : "?";
  }
}

struct Writer {
  const Tensor& tensor;
  bool json;
  bool all;  // or only the edges
  std::string out;
  int64_t next = 0;  // index of the next element

  // Elements in one value of dimension `dim`.
  int64_t Stride(int dim) const {
    int64_t stride = 1;
    for (int i = dim + 1; i < tensor.rank(); ++i) stride *= tensor.dim(i);
    return stride;
  }

  void Write(int dim) {
    if (dim == tensor.rank()) return AppendElement(tensor, next++, json, &out);
    const int64_t size = tensor.dim(dim);
    out.push_back('[');
    for (int64_t i = 0; i < size; ++i) {
      if (i > 0) out += json ? "," : ", ";
      if (!all && size > 2 * kEdge && i == kEdge) {
        const int64_t skipped = size - 2 * kEdge;
        out += "..., ";
        next += skipped * Stride(dim);
        i += skipped;
      }
      Write(dim + 1);
    }
    out.push_back(']');
  }
};

}  // namespace

std::string TensorToJson(const Tensor& tensor) {
  if (tensor.num_elements() == 0) return "[]";
  Writer writer{tensor, /*json=*/true, /*all=*/true, {}};
  writer.Write(0);
  return std::move(writer.out);
}

std::string TensorToText(const Tensor& tensor, int64_t most) {
  if (tensor.num_elements() == 0) return "[]";
  const bool all = most == 0 || tensor.num_elements() <= most;
  Writer writer{tensor, /*json=*/false, all, {}};
  writer.Write(0);
  return std::move(writer.out);
}

}  // namespace metagraph
