#include "client/tensor_json.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "nlohmann/json.hpp"

namespace metagraph {
namespace {

using Json = nlohmann::json;

struct Bytes {
  std::string value;
};
// An element as written. Bytes were given in base 64.
using Element =
    std::variant<bool, int64_t, uint64_t, double, std::string, Bytes>;

// Collects elements and shape while the text is parsed, so that neither depth
// nor size of the text costs more than the tensor itself.
class Collector : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Fail("null is not a value"); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(int64_t value) override { return Add(value); }
  bool number_unsigned(uint64_t value) override { return Add(value); }
  bool number_float(double value, const std::string&) override {
    return Add(value);
  }
  bool binary(binary_t&) override { return Fail("binary is not JSON"); }

  bool string(string_t& value) override {
    if (!in_object_) return Add(std::move(value));
    std::string bytes;
    if (!absl::Base64Unescape(value, &bytes)) {
      return Fail("\"b64\" does not hold base 64");
    }
    object_has_value_ = true;
    in_object_ = false;  // an element of the array around the object
    const bool added = Add(Bytes{std::move(bytes)});
    in_object_ = true;
    return added;
  }

  bool start_object(size_t) override {
    if (in_object_) return Fail(kOnlyB64);
    in_object_ = true;
    object_has_value_ = false;
    return true;
  }
  bool key(string_t& name) override {
    return name == "b64" && !object_has_value_ ? true : Fail(kOnlyB64);
  }
  bool end_object() override {
    in_object_ = false;
    return object_has_value_ ? true : Fail(kOnlyB64);
  }

  bool start_array(size_t) override {
    if (in_object_) return Fail(kOnlyB64);
    if (sizes_.size() == TensorShape::kMaxRank) {
      return Fail(
          absl::StrCat("more than ", TensorShape::kMaxRank, " nested arrays"));
    }
    sizes_.push_back(0);
    return true;
  }
  bool end_array() override {
    const size_t depth = sizes_.size();
    const int64_t size = sizes_.back();
    sizes_.pop_back();
    if (dims_.size() < depth) dims_.resize(depth, kNotKnown);
    int64_t& dim = dims_[depth - 1];
    if (dim != kNotKnown && dim != size) {
      return Fail(absl::StrCat("arrays of ", dim, " and of ", size,
                               " values side by side"));
    }
    dim = size;
    if (!sizes_.empty()) ++sizes_.back();
    return true;
  }

  bool parse_error(size_t position, const std::string& token,
                   const Json::exception& error) override {
    return Fail(absl::StrCat("not JSON at byte ", position, " near \"",
                             absl::CHexEscape(token), "\""));
  }

  // To be called once parsing has ended.
  absl::Status status() const {
    if (!error_.empty()) return InvalidArgument(error_);
    if (!elements_.empty() && element_depth_ != dims_.size()) {
      return InvalidArgument("values and arrays side by side");
    }
    return absl::OkStatus();
  }
  const std::vector<Element>& elements() const { return elements_; }
  std::vector<int64_t>& dims() { return dims_; }

 private:
  static constexpr int64_t kNotKnown = -1;
  static constexpr char kOnlyB64[] =
      "the only object that is a value is {\"b64\": \"...\"}";

  bool Add(Element element) {
    if (in_object_) return Fail(kOnlyB64);
    if (elements_.empty()) element_depth_ = sizes_.size();
    if (element_depth_ != sizes_.size()) {
      return Fail("values and arrays side by side");
    }
    elements_.push_back(std::move(element));
    if (!sizes_.empty()) ++sizes_.back();
    return true;
  }

  bool Fail(std::string error) {
    if (error_.empty()) error_ = std::move(error);
    return false;
  }

  std::string error_;
  std::vector<Element> elements_;
  size_t element_depth_ = 0;
  std::vector<int64_t> sizes_;  // of the arrays that are open
  std::vector<int64_t> dims_;   // of those that were closed, by depth
  bool in_object_ = false;
  bool object_has_value_ = false;
};

std::string Describe(const Element& element) {
  struct Visitor {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return absl::StrCat(v); }
    std::string operator()(uint64_t v) const { return absl::StrCat(v); }
    std::string operator()(double v) const { return absl::StrCat(v); }
    std::string operator()(const std::string& v) const {
      return absl::StrCat("\"", absl::CHexEscape(v.substr(0, 40)), "\"");
    }
    std::string operator()(const Bytes&) const { return "base 64"; }
  };
  return std::visit(Visitor(), element);
}

DataType Guess(const std::vector<Element>& elements) {
  DataType guess = elements.empty() ? DT_FLOAT : DT_INT32;
  for (const Element& element : elements) {
    if (std::holds_alternative<std::string>(element) ||
        std::holds_alternative<Bytes>(element)) {
      return DT_STRING;
    }
    if (std::holds_alternative<bool>(element)) return DT_BOOL;
    if (std::holds_alternative<double>(element)) {
      guess = DT_FLOAT;
    } else if (guess == DT_INT32) {
      const auto* small = std::get_if<int64_t>(&element);
      const auto* large = std::get_if<uint64_t>(&element);
      constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
      if ((small != nullptr && (*small > kMax || *small < -kMax - 1)) ||
          (large != nullptr && *large > static_cast<uint64_t>(kMax))) {
        guess = DT_INT64;
      }
    }
  }
  return guess;
}

// Converts one element; false if it is not a value of that type.
template <typename T>
bool Convert(const Element& element, T* out) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (const auto* text = std::get_if<std::string>(&element)) {
      *out = *text;
      return true;
    }
    if (const auto* bytes = std::get_if<Bytes>(&element)) {
      *out = bytes->value;
      return true;
    }
    return false;
  } else if constexpr (std::is_same_v<T, bool>) {
    const bool* value = std::get_if<bool>(&element);
    if (value != nullptr) *out = *value;
    return value != nullptr;
  } else if constexpr (std::is_integral_v<T>) {
    if (const auto* value = std::get_if<int64_t>(&element)) {
      *out = static_cast<T>(*value);
      return std::in_range<T>(*value);
    }
    if (const auto* value = std::get_if<uint64_t>(&element)) {
      *out = static_cast<T>(*value);
      return std::in_range<T>(*value);
    }
    return false;
  } else {
    double value;
    if (const auto* number = std::get_if<double>(&element)) {
      value = *number;
    } else if (const auto* integer = std::get_if<int64_t>(&element)) {
      value = static_cast<double>(*integer);
    } else if (const auto* large = std::get_if<uint64_t>(&element)) {
      value = static_cast<double>(*large);
    } else if (const auto* text = std::get_if<std::string>(&element)) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      if (*text == "NaN") {
        value = std::numeric_limits<double>::quiet_NaN();
      } else if (*text == "Infinity" || *text == "-Infinity") {
        value = text->front() == '-' ? -kInfinity : kInfinity;
      } else {
        return false;
      }
    } else {
      return false;
    }
    if constexpr (std::is_same_v<T, double>) {
      *out = value;
      return true;
    } else {
      *out = static_cast<T>(static_cast<float>(value));
      // 1e300 is no float: better an error than an infinity.
      return !std::isfinite(value) || std::isfinite(static_cast<float>(*out));
    }
  }
}

// Converts all elements to consecutive values of type T.
template <typename T>
absl::Status Fill(const std::vector<Element>& elements, DataType dtype,
                  Tensor* tensor) {
  T* out = static_cast<T*>(tensor->mutable_raw_data());
  for (size_t i = 0; i < elements.size(); ++i) {
    if (!Convert(elements[i], &out[i])) {
      return InvalidArgument("value ", i, ": ", Describe(elements[i]),
                             " is not a ", DataTypeName(dtype));
    }
  }
  return absl::OkStatus();
}

absl::Status FillByType(const std::vector<Element>& elements, DataType dtype,
                        Tensor* out) {
  switch (dtype) {
    case DT_FLOAT:
    case DT_COMPLEX64:
      return Fill<float>(elements, dtype, out);
    case DT_DOUBLE:
    case DT_COMPLEX128:
      return Fill<double>(elements, dtype, out);
    case DT_HALF:
      return Fill<half>(elements, dtype, out);
    case DT_BFLOAT16:
      return Fill<bfloat16>(elements, dtype, out);
    case DT_INT8:
    case DT_QINT8:
      return Fill<int8_t>(elements, dtype, out);
    case DT_INT16:
    case DT_QINT16:
      return Fill<int16_t>(elements, dtype, out);
    case DT_INT32:
    case DT_QINT32:
      return Fill<int32_t>(elements, dtype, out);
    case DT_INT64:
      return Fill<int64_t>(elements, dtype, out);
    case DT_UINT8:
    case DT_QUINT8:
      return Fill<uint8_t>(elements, dtype, out);
    case DT_UINT16:
    case DT_QUINT16:
      return Fill<uint16_t>(elements, dtype, out);
    case DT_UINT32:
      return Fill<uint32_t>(elements, dtype, out);
    case DT_UINT64:
      return Fill<uint64_t>(elements, dtype, out);
    case DT_BOOL:
      return Fill<bool>(elements, dtype, out);
    case DT_STRING:
      return Fill<std::string>(elements, dtype, out);
    default:
      return InvalidArgument("JSON cannot hold a ", DataTypeName(dtype));
  }
}

}  // namespace

absl::StatusOr<Tensor> TensorFromJson(absl::string_view text, DataType dtype,
                                      const PartialShape& declared) {
  Collector collector;
  Json::sax_parse(text.begin(), text.end(), &collector);
  RETURN_IF_ERROR(collector.status());
  const std::vector<Element>& elements = collector.elements();
  if (dtype == DT_INVALID) dtype = Guess(elements);
  dtype = BaseType(dtype);

  std::vector<int64_t>& dims = collector.dims();
  if (IsComplexType(dtype) && !elements.empty()) {
    if (dims.empty() || dims.back() != 2) {
      return InvalidArgument("a ", DataTypeName(dtype),
                             " value is written [real, imaginary]");
    }
    dims.pop_back();
  }
  if (elements.empty() && declared.known_rank() &&
      declared.rank() > static_cast<int>(dims.size())) {
    for (int i = static_cast<int>(dims.size()); i < declared.rank(); ++i) {
      dims.push_back(declared.dim(i) < 0 ? 0 : declared.dim(i));
    }
  }
  ASSIGN_OR_RETURN(const TensorShape shape, TensorShape::Build(dims));
  ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(dtype, shape));
  RETURN_IF_ERROR(FillByType(elements, dtype, &tensor));
  return tensor;
}

}  // namespace metagraph
