#include "core/kernels/tensor_summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/kernel_types.h"

namespace metagraph {
namespace {

template <typename T>
std::string PrintValue(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    const auto shown = absl::string_view(value).substr(0, kMaxSummary);
    return absl::StrCat(absl::CEscape(shown),
                        shown.size() < value.size() ? "..." : "");
  } else if constexpr (kIsComplex<T>) {
    return absl::StrCat("(", PrintValue(value.real()), ",",
                        PrintValue(value.imag()), ")");
  } else if constexpr (std::is_same_v<T, double>) {
    return DoubleToString(value);
  } else if constexpr (kIsReal<T>) {
    return FloatToString(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<T>) {
    return absl::StrCat(value);
  } else {
    return absl::StrCat(value.value);  // quantised
  }
}

std::string Print(const Tensor& tensor, int64_t i) {
  std::string text = "?";
  DispatchType(tensor.dtype(), Joined<PlainAndStringTypes, QuantizedTypes>(),
               [&]<typename T>() { text = PrintValue(tensor.data<T>()[i]); });
  return text;
}

// Walks a tensor row by row until `limit` elements are printed, or the text is
// too long.
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

  int64_t printed() const { return next_; }
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
      if (out_.size() >= kMaxSummary) limit_ = next_;
    }
  }

  const Tensor& tensor_;
  int64_t limit_;
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
    limit = printer.printed();
    out = std::move(printer).Take();
  }
  if (limit < count) out += "...";
  return out;
}

}  // namespace metagraph
