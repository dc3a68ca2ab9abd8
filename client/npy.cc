#include "client/npy.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);

struct NpyType {
  absl::string_view name;
  DataType dtype;
};
// Quantised integers are written as the integers they hold.
constexpr NpyType kTypes[] = {
    {"<f4", DT_FLOAT},     {"<f8", DT_DOUBLE},      {"<f2", DT_HALF},
    {"|i1", DT_INT8},      {"<i2", DT_INT16},       {"<i4", DT_INT32},
    {"<i8", DT_INT64},     {"|u1", DT_UINT8},       {"<u2", DT_UINT16},
    {"<u4", DT_UINT32},    {"<u8", DT_UINT64},      {"|b1", DT_BOOL},
    {"<c8", DT_COMPLEX64}, {"<c16", DT_COMPLEX128}, {"|i1", DT_QINT8},
    {"<i2", DT_QINT16},    {"<i4", DT_QINT32},      {"|u1", DT_QUINT8},
    {"<u2", DT_QUINT16},
};

struct Header {
  std::string type;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads the header, a Python dictionary such as
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : rest_(text) {}

  absl::StatusOr<Header> Parse() {
    Header header;
    bool has_type = false, has_order = false, has_shape = false;
    if (!Take("{")) return Bad();
    while (!Take("}")) {
      std::string key;
      if (!TakeString(&key) || !Take(":")) return Bad();
      if (key == "descr") {
        has_type = TakeString(&header.type);
        // Structured types are lists here.
        if (!has_type) return InvalidArgument(".npy: not an array of numbers");
      } else if (key == "fortran_order") {
        header.fortran_order = Take("True");
        has_order = header.fortran_order || Take("False");
        if (!has_order) return Bad();
      } else if (key == "shape") {
        has_shape = TakeShape(&header.shape);
        if (!has_shape) return Bad();
      } else {
        return Bad();
      }
      if (!Take(",") && !LooksAt("}")) return Bad();
    }
    SkipSpace();
    if (!rest_.empty() || !has_type || !has_order || !has_shape) return Bad();
    return header;
  }

 private:
  absl::Status Bad() const {
    return InvalidArgument(".npy: bad header near \"",
                           absl::CHexEscape(rest_.substr(0, 20)), "\"");
  }
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }
  bool LooksAt(absl::string_view token) {
    SkipSpace();
    return absl::StartsWith(rest_, token);
  }
  bool Take(absl::string_view token) {
    SkipSpace();
    return absl::ConsumePrefix(&rest_, token);
  }
  bool TakeString(std::string* out) {
    SkipSpace();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return false;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == absl::string_view::npos) return false;
    *out = std::string(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool TakeShape(std::vector<int64_t>* out) {
    if (!Take("(")) return false;
    while (!Take(")")) {
      SkipSpace();
      size_t digits = 0;
      while (digits < rest_.size() && absl::ascii_isdigit(rest_[digits])) {
        ++digits;
      }
      int64_t size;
      if (!absl::SimpleAtoi(rest_.substr(0, digits), &size)) return false;
      rest_.remove_prefix(digits);
      out->push_back(size);
      if (!Take(",") && !LooksAt(")")) return false;
    }
    return true;
  }

  absl::string_view rest_;
};

DataType TypeOf(absl::string_view name) {
  // A single byte has no order; files have '|', '<' or '='.
  for (const NpyType& type : kTypes) {
    if (name == type.name) return type.dtype;
    if (name.size() == 3 && name[2] == '1' && name[0] != '>' &&
        name.substr(1) == type.name.substr(1)) {
      return type.dtype;
    }
  }
  return DT_INVALID;
}

}  // namespace

bool LooksLikeNpy(absl::string_view bytes) {
  return absl::StartsWith(bytes, kMagic);
}

absl::StatusOr<Tensor> TensorFromNpy(absl::string_view bytes) {
  if (!LooksLikeNpy(bytes)) return InvalidArgument("not a .npy file");
  if (bytes.size() < 8) return InvalidArgument(".npy: truncated header");
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) {
    return InvalidArgument(".npy: unknown format version ", version);
  }
  const size_t length_size = version == 1 ? 2 : 4;
  absl::string_view rest = bytes.substr(8);
  if (rest.size() < length_size) {
    return InvalidArgument(".npy: truncated header");
  }
  size_t header_size = 0;
  for (size_t i = length_size; i > 0; --i) {
    header_size = header_size << 8 | static_cast<unsigned char>(rest[i - 1]);
  }
  rest.remove_prefix(length_size);
  if (rest.size() < header_size) {
    return InvalidArgument(".npy: truncated header");
  }
  ASSIGN_OR_RETURN(const Header header,
                   HeaderParser(rest.substr(0, header_size)).Parse());
  rest.remove_prefix(header_size);

  const DataType dtype = TypeOf(header.type);
  if (dtype == DT_INVALID) {
    return InvalidArgument(".npy: type \"", absl::CHexEscape(header.type),
                           "\" is not a little-endian number or bool");
  }
  ASSIGN_OR_RETURN(const TensorShape shape, TensorShape::Build(header.shape));
  if (header.fortran_order && shape.rank() > 1) {
    return InvalidArgument(
        ".npy: the array is in Fortran order; save "
        "numpy.ascontiguousarray(array) instead");
  }
  // Compared by division: the product may not fit.
  const uint64_t count = shape.num_elements();
  const uint64_t size = DataTypeSize(dtype);
  if (rest.size() % size != 0 || rest.size() / size != count) {
    return InvalidArgument(".npy: ", rest.size(), " bytes of data for ", count,
                           " values of ", size, " bytes");
  }
  if (dtype == DT_BOOL) {
    for (const char c : rest) {
      if (c != 0 && c != 1) {
        return InvalidArgument(".npy: a bool of ", static_cast<int>(c));
      }
    }
  }
  ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(dtype, shape));
  if (!rest.empty()) {
    std::memcpy(tensor.mutable_raw_data(), rest.data(), rest.size());
  }
  return tensor;
}

absl::StatusOr<std::string> TensorToNpy(const Tensor& tensor) {
  absl::string_view type;
  for (const NpyType& candidate : kTypes) {
    if (candidate.dtype == tensor.dtype()) type = candidate.name;
  }
  if (type.empty()) {
    return InvalidArgument("NumPy has no plain type for ",
                           DataTypeName(tensor.dtype()),
                           ": use another output format");
  }
  std::string header = absl::StrCat("{'descr': '", type,
                                    "', 'fortran_order': False, 'shape': (");
  for (const int64_t size : tensor.shape().dims()) {
    absl::StrAppend(&header, size, ",");
  }
  absl::StrAppend(&header, "), }");
  // The data is to begin at a multiple of 64.
  const size_t prefix = kMagic.size() + 4;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header.push_back('\n');

  std::string out(kMagic);
  out.push_back(1);
  out.push_back(0);
  out.push_back(static_cast<char>(header.size() & 0xFF));
  out.push_back(static_cast<char>(header.size() >> 8));
  out += header;
  out.append(static_cast<const char*>(tensor.raw_data()), tensor.size_bytes());
  return out;
}

}  // namespace metagraph
