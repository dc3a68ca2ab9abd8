// Strings to and from other things: AsString, StringToNumber, DecodeRaw,
// EncodeBase64, DecodeBase64.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "core/base/checked_math.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/parse_number.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// The text that printf makes of `value`; `format` was made by AsString.
template <typename T>
std::string Format(const std::string& format, T value) {
  char text[64];
  const int size = std::snprintf(text, sizeof(text), format.c_str(), value);
  if (size < static_cast<int>(sizeof(text))) return text;
  std::string out(size + 1, '\0');
  std::snprintf(out.data(), out.size(), format.c_str(), value);
  out.pop_back();
  return out;
}

class AsString final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    const DataType dtype = construction.input_type(0);
    int32_t precision, width;
    bool scientific, shortest;
    std::string fill;
    RETURN_IF_ERROR(construction.Bind("precision", &precision, "scientific",
                                      &scientific, "shortest", &shortest,
                                      "width", &width, "fill", &fill));
    const bool is_float = IsFloatingType(dtype) || IsComplexType(dtype);
    const bool is_string = dtype == DT_STRING;
    if (!is_float && !is_string && precision > -1) {
      return InvalidArgument("precision not supported for datatype ",
                             DataTypeName(dtype));
    }
    if (!is_float && !is_string && (scientific || shortest)) {
      return InvalidArgument(
          "scientific and shortest format not supported for datatype ",
          DataTypeName(dtype));
    }
    if (scientific && shortest) {
      return InvalidArgument(
          "Cannot select both scientific and shortest notation");
    }
    if (width > 1024 || precision > 1024) {
      return InvalidArgument("width and precision must be at most 1024");
    }
    if (fill.size() > 1) {
      return InvalidArgument("Fill string must be one or fewer characters");
    }
    if (!fill.empty() && !absl::StrContains(" +-0#", fill)) {
      return InvalidArgument("Fill argument not supported: \"", fill, "\"");
    }
    padding_ = std::max({width, precision, 0});
    if (is_string) {
      width_ = width;
      precision_ = precision;
      left_ = fill == "-";
      return absl::OkStatus();
    }
    format_ = absl::StrCat("%", fill);
    if (width > -1) absl::StrAppend(&format_, width);
    if (precision > -1) absl::StrAppend(&format_, ".", precision);
    if (is_float) {
      format_ += scientific ? "e" : shortest ? "g" : "f";
      if (IsComplexType(dtype)) {
        format_ = absl::StrCat("(", format_, ",", format_, ")");
      }
    } else {
      // Unsigned numbers have no sign, whatever the flags ask for.
      const bool is_unsigned = dtype == DT_UINT8 || dtype == DT_UINT16 ||
                               dtype == DT_UINT32 || dtype == DT_UINT64;
      format_ += is_unsigned ? "llu" : "lld";
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    const auto padding = CheckedMul(input.num_elements(), padding_);
    if (!padding) return ResourceExhausted("strings are too long");
    RETURN_IF_ERROR(output->ChargeBudget(*padding));
    std::string* out = output->mutable_data<std::string>();
    return RunForType<PlainAndStringTypes>(
        "T", input.dtype(), [&]<typename T>() {
          const T* in = input.data<T>();
          return ctx.ParallelFor(input.num_elements(), 300,
                                 [&](int64_t begin, int64_t end) {
                                   for (int64_t i = begin; i < end; ++i)
                                     out[i] = Text(in[i]);
                                 });
        });
  }

 private:
  template <typename T>
  std::string Text(const T& value) const {
    if constexpr (std::is_same_v<T, std::string>) {
      return Padded(value);
    } else if constexpr (std::is_same_v<T, bool>) {
      return value ? "true" : "false";
    } else if constexpr (kIsComplex<T>) {
      return FormatComplex(value.real(), value.imag());
    } else if constexpr (kIsReal<T>) {
      return Format(format_, static_cast<double>(value));
    } else if constexpr (std::is_signed_v<T>) {
      return Format<long long>(format_, value);
    } else {
      return Format<unsigned long long>(format_, value);
    }
  }

  // Text that is text already; without width it stays whole, whatever
  // precision says.
  std::string Padded(const std::string& text) const {
    if (width_ <= 0) return text;
    std::string out = precision_ > -1
                          ? text.substr(0, static_cast<size_t>(precision_))
                          : text;
    const size_t width = static_cast<size_t>(width_);
    const size_t spaces = width - std::min(width, out.size());
    out.insert(left_ ? out.size() : 0, spaces, ' ');
    return out;
  }

  std::string FormatComplex(double real, double imaginary) const {
    std::string out(8192, '\0');
    const int size =
        std::snprintf(out.data(), out.size(), format_.c_str(), real, imaginary);
    out.resize(std::clamp<int>(size, 0, static_cast<int>(out.size()) - 1));
    return out;
  }

  std::string format_;
  // Of strings, in place of the format.
  int32_t padding_ = 0;  // about as long as what is printed gets by it
  int32_t width_ = -1;
  int32_t precision_ = -1;
  bool left_ = false;
};

template <typename T>
class StringToNumber final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    T* out = output->mutable_data<T>();
    for (const std::string& text : input.values<std::string>()) {
      if (!ParseNumber(text, out++)) {
        return InvalidArgument(
            "StringToNumberOp could not correctly convert string: ",
            ShownText(text));
      }
    }
    return absl::OkStatus();
  }
};

// The bytes of strings of equal length as numbers.
class DecodeRaw final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("little_endian", &little_endian_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const DataType dtype = ctx.output_type(0);
    const auto texts = input.values<std::string>();
    const int64_t size = texts.empty() ? 0 : texts[0].size();
    for (size_t i = 0; i < texts.size(); ++i) {
      if (static_cast<int64_t>(texts[i].size()) != size) {
        return InvalidArgument(
            "DecodeRaw requires input strings to all be the same size, but "
            "element ",
            i, " has size ", size, " != ", texts[i].size());
      }
    }
    const int64_t element = DataTypeSize(dtype);
    if (size % element != 0) {
      return InvalidArgument("Input to DecodeRaw has length ", size,
                             " that is not a multiple of ", element,
                             ", the size of ", DataTypeName(dtype));
    }
    Ints dims(input.shape().dims().begin(), input.shape().dims().end());
    dims.push_back(size / element);
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    char* out = static_cast<char*>(output->mutable_raw_data());
    for (const std::string& text : texts) {
      out = std::copy_n(text.data(), size, out);
    }
    char* bytes = static_cast<char*>(output->mutable_raw_data());
    if (!little_endian_) {
      // The two parts of a complex number are swapped each for itself.
      const int64_t word = IsComplexType(dtype) ? element / 2 : element;
      for (int64_t i = 0; i < output->size_bytes(); i += word) {
        std::reverse(bytes + i, bytes + i + word);
      }
    }
    if (dtype == DT_BOOL) {
      // Any other byte in a bool would be undefined behaviour.
      for (int64_t i = 0; i < output->size_bytes(); ++i) {
        bytes[i] = bytes[i] != 0;
      }
    }
    return absl::OkStatus();
  }

 private:
  bool little_endian_ = true;
};

constexpr char kBase64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

class EncodeBase64 final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("pad", &pad_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    // 4 bytes for 3.
    RETURN_IF_ERROR(ChargeStrings(input, 2, output));
    std::string* out = output->mutable_data<std::string>();
    for (const std::string& text : input.values<std::string>()) {
      *out++ = Encode(text);
    }
    return absl::OkStatus();
  }

 private:
  std::string Encode(absl::string_view text) const {
    std::string out;
    out.reserve((text.size() + 2) / 3 * 4);
    for (size_t i = 0; i < text.size(); i += 3) {
      const size_t count = std::min<size_t>(3, text.size() - i);
      uint32_t bits = 0;
      for (size_t b = 0; b < 3; ++b) {
        bits = bits << 8 | (b < count ? static_cast<uint8_t>(text[i + b]) : 0);
      }
      for (size_t c = 0; c < 4; ++c) {
        if (c <= count) {
          out += kBase64[bits >> (18 - 6 * c) & 63];
        } else if (pad_) {
          out += '=';
        }
      }
    }
    return out;
  }

  bool pad_ = false;
};

class DecodeBase64 final : public Kernel {
 public:
  absl::Status Init(KernelConstruction&) {
    values_.fill(-1);
    for (int i = 0; i < 64; ++i) {
      values_[static_cast<uint8_t>(kBase64[i])] = static_cast<int8_t>(i);
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    RETURN_IF_ERROR(ChargeStrings(input, 1, output));
    std::string* out = output->mutable_data<std::string>();
    for (const std::string& text : input.values<std::string>()) {
      RETURN_IF_ERROR(Decode(text, out++));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Decode(absl::string_view text, std::string* out) const {
    // Padding is optional.
    if (text.size() % 4 == 0) {
      for (int i = 0; i < 2; ++i) absl::ConsumeSuffix(&text, "=");
    }
    uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
      const int value = values_[static_cast<uint8_t>(c)];
      if (value < 0) {
        return InvalidArgument("Invalid character found in base64.");
      }
      bits = bits << 6 | static_cast<uint32_t>(value);
      count += 6;
      if (count >= 8) {
        count -= 8;
        *out += static_cast<char>(bits >> count);
      }
    }
    if (text.size() % 4 == 1) {
      return InvalidArgument("Base64 string length cannot be 1 modulo 4.");
    }
    return absl::OkStatus();
  }

  std::array<int8_t, 256> values_;
};

// Each string becomes a line of numbers.
absl::Status DecodeRawRule(ShapeContext& ctx) {
  ctx.SetOutput(0, Concatenated(ctx.input(0), {kUnknownDim}));
  return absl::OkStatus();
}

REGISTER_OP("AsString", [](OpBuilder& op) {
  op.Input("input: T").Output("output: string").Attr("T: type");
  op.Attr("precision: int = -1").Attr("scientific: bool = false");
  op.Attr("shortest: bool = false").Attr("width: int = -1");
  op.Attr("fill: string = ''");
  op.Shape(UnchangedRule);
  op.KernelForEach<Always<AsString>::For, PlainAndStringTypes>("T");
});
REGISTER_OP("StringToNumber", [](OpBuilder& op) {
  op.Input("string_tensor: string").Output("output: out_type");
  op.Attr("out_type: type = DT_FLOAT");
  op.Shape(UnchangedRule);
  op.KernelFor<StringToNumber, float, double, int32_t, int64_t, uint32_t,
               uint64_t>("out_type");
});
REGISTER_OP("DecodeRaw", [](OpBuilder& op) {
  op.Input("bytes: string").Output("output: out_type");
  op.Attr("out_type: type").Attr("little_endian: bool = true");
  op.Shape(DecodeRawRule);
  using Raw = Joined<ImageTypes, Joined<ComplexTypes, Types<bool>>>;
  op.KernelForEach<Always<DecodeRaw>::For, Raw>("out_type");
});
REGISTER_OP("EncodeBase64", [](OpBuilder& op) {
  op.Input("input: string").Output("output: string");
  op.Attr("pad: bool = false");
  op.Shape(UnchangedRule);
  op.Kernel<EncodeBase64>();
});
REGISTER_OP("DecodeBase64", [](OpBuilder& op) {
  op.Input("input: string").Output("output: string");
  op.Shape(UnchangedRule);
  op.Kernel<DecodeBase64>();
});

}  // namespace
}  // namespace metagraph
