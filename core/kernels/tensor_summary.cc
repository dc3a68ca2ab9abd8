#include "core/kernels/tensor_summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

std::string Print(const Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DT_FLOAT:
      return FloatToString(tensor.data<float>()[i]);
    case DT_DOUBLE:
      return DoubleToString(tensor.data<double>()[i]);
    case DT_HALF:
      return FloatToString(static_cast<float>(tensor.data<half>()[i]));
    case DT_BFLOAT16:
      return FloatToString(static_cast<float>(tensor.data<bfloat16>()[i]));
    case DT_COMPLEX64: {
      const complex64 value = tensor.data<complex64>()[i];
      return absl::StrCat("(", FloatToString(value.real()), ",",
                          FloatToString(value.imag()), ")");
    }
    case DT_COMPLEX128: {
      const complex128 value = tensor.data<complex128>()[i];
      return absl::StrCat("(", DoubleToString(value.real()), ",",
                          DoubleToString(value.imag()), ")");
    }
    case DT_BOOL:
      return tensor.data<bool>()[i] ? "1" : "0";
    case DT_STRING:
      return absl::CEscape(tensor.data<std::string>()[i]);
    case DT_INT8:
    case DT_QINT8:
      return absl::StrCat(tensor.data<int8_t>()[i]);
    case DT_UINT8:
    case DT_QUINT8:
      return absl::StrCat(tensor.data<uint8_t>()[i]);
    case DT_INT16:
    case DT_QINT16:
      return absl::StrCat(tensor.data<int16_t>()[i]);
    case DT_UINT16:
    case DT_QUINT16:
      return absl::StrCat(tensor.data<uint16_t>()[i]);
    case DT_INT32:
    case DT_QINT32:
      return absl::StrCat(tensor.data<int32_t>()[i]);
    case DT_UINT32:
      return absl::StrCat(tensor.data<uint32_t>()[i]);
    case DT_INT64:
      return absl::StrCat(tensor.data<int64_t>()[i]);
    case DT_UINT64:
      return absl::StrCat(tensor.data<uint64_t>()[i]);
    default:
      return "?";
  }
}

// Walks a tensor row by row until `limit` elements are printed.
class Printer {
 public:
  Printer(const Tensor& tensor, int64_t limit)
      : tensor_(tensor), limit_(limit) {}

  void Dimension(int d) {
    if (d == tensor_.rank() - 1) return Row(d);
    for (int64_t i = 0; i < tensor_.dim(d) && next_ < limit_; ++i) {
      out_ += '[';
      Dimension(d + 1);
      out_ += ']';
    }
  }

  std::string Take() && { return std::move(out_); }

 private:
  void Row(int d) {
    for (int64_t i = 0; i < tensor_.dim(d); ++i) {
      if (next_ >= limit_) {
        if (d != 0) out_ += "...";
        return;
      }
      if (i > 0) out_ += ' ';
      out_ += Print(tensor_, next_++);
    }
  }

  const Tensor& tensor_;
  const int64_t limit_;
  int64_t next_ = 0;
  std::string out_;
};

}  // namespace

std::string FloatToString(float value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  if (std::strtof(text, nullptr) != value) {
    std::snprintf(text, sizeof(text), "%.9g", value);
  }
  return text;
}

std::string DoubleToString(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[40];
  std::snprintf(text, sizeof(text), "%.15g", value);
  if (std::strtod(text, nullptr) != value) {
    std::snprintf(text, sizeof(text), "%.17g", value);
  }
  return text;
}

std::string SummarizeTensor(const Tensor& tensor, int64_t limit) {
  const int64_t count = tensor.num_elements();
  limit = limit < 0 ? count : std::min(limit, count);
  std::string out;
  if (tensor.rank() == 0) {
    if (limit > 0) out = Print(tensor, 0);
  } else if (count > 0) {
    Printer printer(tensor, limit);
    printer.Dimension(0);
    out = std::move(printer).Take();
  }
  if (limit < count) out += "...";
  return out;
}

}  // namespace metagraph
