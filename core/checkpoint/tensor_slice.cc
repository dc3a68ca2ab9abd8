#include "core/checkpoint/tensor_slice.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// Strings and numbers such that comparing the encodings byte by byte compares
// the sequences of values.
void PutOrderedNumber(std::string* out, uint64_t value) {
  int bytes = 0;
  for (uint64_t rest = value; rest != 0; rest >>= 8) ++bytes;
  out->push_back(static_cast<char>(bytes));
  while (bytes-- > 0) out->push_back(static_cast<char>(value >> (8 * bytes)));
}

void PutOrderedString(std::string* out, absl::string_view text) {
  for (const char c : text) {
    out->push_back(c);
    if (c == '\x00') out->push_back('\xff');
    if (c == '\xff') out->push_back('\x00');
  }
  out->push_back('\x00');
  out->push_back('\x01');
}

void PutOrderedSigned(std::string* out, int64_t value) {
  // n bytes hold 7n-1 bits and the sign; n ones and a zero stand in front,
  // inverted for negative numbers so that those sort first.
  const uint64_t magnitude = static_cast<uint64_t>(value < 0 ? ~value : value);
  int n = 1;
  while (n < 10 && magnitude >> (7 * n - 1) != 0) ++n;
  // Sign-extended to 10 bytes, highest first.
  std::array<unsigned char, 10> bytes;
  for (int i = 0; i < 10; ++i) {
    const int shift = 8 * (9 - i);
    bytes[i] = static_cast<unsigned char>(value >> std::min(shift, 63));
  }
  unsigned char* first = bytes.data() + (10 - n);
  static constexpr unsigned char kHeader[] = {0x80, 0xc0, 0xe0, 0xf0, 0xf8,
                                              0xfc, 0xfe, 0xff, 0xff, 0xff};
  first[0] ^= kHeader[n - 1];
  if (n == 9) first[1] ^= 0x80;
  if (n == 10) first[1] ^= 0xc0;
  out->append(reinterpret_cast<const char*>(first), n);
}

std::string OutOfBounds(int dim, const TensorShape& shape,
                        const TensorSlice& slice) {
  return absl::StrCat("Extent in dimension ", dim,
                      " out of bounds: shape = ", shape.ToString(),
                      ", slice = ", slice.ToString());
}

}  // namespace

TensorSlice TensorSlice::Whole(int rank) {
  TensorSlice slice;
  slice.extents.resize(rank);
  return slice;
}

absl::StatusOr<TensorSlice> TensorSlice::Build(
    const tensorflow::TensorSliceProto& proto) {
  if (proto.extent_size() > TensorShape::kMaxRank) {
    return InvalidArgument("slice has ", proto.extent_size(),
                           " dimensions, more than ", TensorShape::kMaxRank);
  }
  TensorSlice slice;
  for (const auto& extent : proto.extent()) {
    const bool whole = extent.has_length_case() ==
                       tensorflow::TensorSliceProto::Extent::HAS_LENGTH_NOT_SET;
    const int64_t length = whole ? kWhole : extent.length();
    if (extent.start() < 0 || (whole && extent.start() != 0) ||
        (!whole && length < 0)) {
      return InvalidArgument("slice has the extent ", extent.start(), ",",
                             extent.length());
    }
    slice.extents.push_back({extent.start(), length});
  }
  return slice;
}

absl::StatusOr<TensorSlice> TensorSlice::Parse(absl::string_view text) {
  TensorSlice slice;
  if (text.empty()) return slice;
  for (const absl::string_view part : absl::StrSplit(text, ':')) {
    if (part == "-") {
      slice.extents.push_back({});
      continue;
    }
    const std::vector<absl::string_view> pair = absl::StrSplit(part, ',');
    Extent extent;
    if (pair.size() != 2 || !absl::SimpleAtoi(pair[0], &extent.start) ||
        !absl::SimpleAtoi(pair[1], &extent.length)) {
      return InvalidArgument("Expected a pair of numbers or '-' but got '",
                             part, "': string = ", text);
    }
    if (extent.start < 0 || extent.length <= 0) {
      return InvalidArgument(
          "Expected non-negative start and positive length but got start = ",
          extent.start, ", length = ", extent.length, ": string = ", text);
    }
    slice.extents.push_back(extent);
  }
  return slice;
}

bool TensorSlice::Covers(const TensorShape& shape) const {
  if (static_cast<int>(extents.size()) != shape.rank()) return false;
  for (int i = 0; i < shape.rank(); ++i) {
    const Extent& extent = extents[i];
    if (extent.length != kWhole &&
        (extent.start != 0 || extent.length != shape.dim(i))) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<TensorSlice> TensorSlice::Resolve(
    const TensorShape& shape) const {
  if (static_cast<int>(extents.size()) != shape.rank()) {
    return InvalidArgument("Mismatching ranks: shape = ", shape.ToString(),
                           ", slice = ", ToString());
  }
  TensorSlice out = *this;
  for (int i = 0; i < shape.rank(); ++i) {
    Extent& extent = out.extents[i];
    if (extent.length == kWhole) extent = {0, shape.dim(i)};
    if (extent.start < 0 || extent.start > shape.dim(i) || extent.length < 0 ||
        extent.length > shape.dim(i) - extent.start) {
      return absl::InternalError(OutOfBounds(i, shape, *this));
    }
  }
  return out;
}

absl::StatusOr<TensorShape> TensorSlice::ShapeIn(
    const TensorShape& shape) const {
  ASSIGN_OR_RETURN(const TensorSlice resolved, Resolve(shape));
  std::vector<int64_t> dims;
  for (const Extent& extent : resolved.extents) dims.push_back(extent.length);
  return TensorShape::Build(dims);
}

std::string TensorSlice::ToString() const {
  std::string out;
  for (const Extent& extent : extents) {
    if (!out.empty()) out += ':';
    if (extent.length == kWhole) {
      out += '-';
    } else {
      absl::StrAppend(&out, extent.start, ",", extent.length);
    }
  }
  return out;
}

void TensorSlice::ToProto(tensorflow::TensorSliceProto* proto) const {
  proto->Clear();
  for (const Extent& extent : extents) {
    auto* out = proto->add_extent();
    out->set_start(extent.start);
    if (extent.length != kWhole) out->set_length(extent.length);
  }
}

absl::StatusOr<ShapeAndSlice> ShapeAndSlice::Parse(absl::string_view text) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.size() < 2) {
    return InvalidArgument(
        "Need least two elements in shape_and_slice specification: ", text);
  }
  std::vector<int64_t> dims;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    int64_t dim;
    if (!absl::SimpleAtoi(words[i], &dim) || dim < 0) {
      return InvalidArgument("Non numerical dimension in shape_and_slice: ",
                             text);
    }
    dims.push_back(dim);
  }
  ShapeAndSlice out;
  ASSIGN_OR_RETURN(out.full_shape, TensorShape::Build(dims));
  ASSIGN_OR_RETURN(out.slice, TensorSlice::Parse(words.back()));
  ASSIGN_OR_RETURN(out.slice_shape, out.slice.ShapeIn(out.full_shape));
  return out;
}

std::string EncodeSliceKey(absl::string_view name, const TensorSlice& slice) {
  std::string key;
  PutOrderedNumber(&key, 0);
  PutOrderedString(&key, name);
  PutOrderedNumber(&key, slice.extents.size());
  for (const TensorSlice::Extent& extent : slice.extents) {
    PutOrderedSigned(&key, extent.start);
    PutOrderedSigned(&key, extent.length);
  }
  return key;
}

}  // namespace metagraph
