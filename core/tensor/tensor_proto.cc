#include "core/tensor/tensor_proto.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/base/utf8.h"
#include "core/tensor/opaque_variant.h"
#include "core/tensor/out_of_memory.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/variant.h"
#include "google/protobuf/io/coded_stream.h"

namespace metagraph {
namespace {

using google::protobuf::io::CodedInputStream;
using tensorflow::ResourceHandleProto;
using tensorflow::TensorProto;
using tensorflow::VariantTensorDataProto;

// Converts `list` into the elements, `width` list values for each; the last
// element repeats, surplus values are ignored. `make` gets a pointer to the
// values of one element.
template <typename T, typename List, typename Make>
absl::Status FromList(const List& list, int width, Make make, Tensor& out) {
  if (list.size() % width != 0) {
    return InvalidArgument("complex values are pairs, found ", list.size(),
                           " numbers");
  }
  absl::Span<T> elements = out.mutable_values<T>();
  const size_t given = std::min<size_t>(elements.size(), list.size() / width);
  for (size_t i = 0; i < given; ++i) {
    elements[i] = make(list.data() + i * width);
  }
  // Zero is all bits zero for every plain type.
  const T last = given == 0 ? T() : elements[given - 1];
  std::fill(elements.begin() + given, elements.end(), last);
  return absl::OkStatus();
}

template <typename T, typename List>
absl::Status FromNumbers(const List& list, Tensor& out) {
  return FromList<T>(
      list, 1, [](const auto* value) { return static_cast<T>(*value); }, out);
}

template <typename T, typename Bits>
absl::Status FromQuantized(const TensorProto& proto, Tensor& out) {
  return FromList<T>(
      proto.int_val(), 1,
      [](const int32_t* value) { return T{static_cast<Bits>(*value)}; }, out);
}

template <typename T>
absl::Status FromHalfBits(const TensorProto& proto, Tensor& out) {
  return FromList<T>(
      proto.half_val(), 1,
      [](const int32_t* value) {
        return Eigen::numext::bit_cast<T>(static_cast<uint16_t>(*value));
      },
      out);
}

template <typename T, typename List>
absl::Status FromPairs(const List& list, Tensor& out) {
  return FromList<T>(
      list, 2, [](const auto* value) { return T(value[0], value[1]); }, out);
}

absl::Status PlainFromLists(const TensorProto& proto, Tensor& out) {
  switch (out.dtype()) {
    case DT_FLOAT:
      return FromNumbers<float>(proto.float_val(), out);
    case DT_DOUBLE:
      return FromNumbers<double>(proto.double_val(), out);
    case DT_INT32:
      return FromNumbers<int32_t>(proto.int_val(), out);
    case DT_UINT8:
      return FromNumbers<uint8_t>(proto.int_val(), out);
    case DT_INT16:
      return FromNumbers<int16_t>(proto.int_val(), out);
    case DT_UINT16:
      return FromNumbers<uint16_t>(proto.int_val(), out);
    case DT_INT8:
      return FromNumbers<int8_t>(proto.int_val(), out);
    case DT_INT64:
      return FromNumbers<int64_t>(proto.int64_val(), out);
    case DT_UINT32:
      return FromNumbers<uint32_t>(proto.uint32_val(), out);
    case DT_UINT64:
      return FromNumbers<uint64_t>(proto.uint64_val(), out);
    case DT_BOOL:
      return FromNumbers<bool>(proto.bool_val(), out);
    case DT_QINT8:
      return FromQuantized<qint8, int8_t>(proto, out);
    case DT_QUINT8:
      return FromQuantized<quint8, uint8_t>(proto, out);
    case DT_QINT16:
      return FromQuantized<qint16, int16_t>(proto, out);
    case DT_QUINT16:
      return FromQuantized<quint16, uint16_t>(proto, out);
    case DT_QINT32:
      return FromQuantized<qint32, int32_t>(proto, out);
    case DT_HALF:
      return FromHalfBits<half>(proto, out);
    case DT_BFLOAT16:
      return FromHalfBits<bfloat16>(proto, out);
    case DT_COMPLEX64:
      return FromPairs<complex64>(proto.scomplex_val(), out);
    case DT_COMPLEX128:
      return FromPairs<complex128>(proto.dcomplex_val(), out);
    default:
      return Internal("dtype ", DataTypeName(out.dtype()), " is not plain");
  }
}

absl::Status PlainFromContent(const std::string& content, Tensor& out) {
  if (static_cast<int64_t>(content.size()) != out.size_bytes()) {
    return InvalidArgument("tensor_content has ", content.size(), " bytes, a ",
                           out.Describe(), " tensor has ", out.size_bytes());
  }
  if (out.dtype() == DT_BOOL) {
    // Another byte than 0 or 1 would be no valid C++ bool.
    std::transform(content.begin(), content.end(), out.mutable_data<bool>(),
                   [](char byte) { return byte != 0; });
  } else {
    std::memcpy(out.mutable_raw_data(), content.data(), content.size());
  }
  return absl::OkStatus();
}

// Splits the packed form of `count` byte strings: their lengths as varints,
// then their bytes.
absl::StatusOr<std::vector<absl::string_view>> SplitContent(
    const std::string& content, int64_t count) {
  const auto bad = [&] {
    return InvalidArgument("tensor_content of ", content.size(),
                           " bytes does not hold ", count, " byte strings");
  };
  if (count > static_cast<int64_t>(content.size())) return bad();
  CodedInputStream in(reinterpret_cast<const uint8_t*>(content.data()),
                      static_cast<int>(content.size()));
  std::vector<uint32_t> lengths(count);
  uint64_t sum = 0;
  for (uint32_t& length : lengths) {
    if (!in.ReadVarint32(&length)) return bad();
    sum += length;
  }
  size_t at = in.CurrentPosition();
  if (sum != content.size() - at) return bad();
  std::vector<absl::string_view> out;
  out.reserve(count);
  for (uint32_t length : lengths) {
    out.emplace_back(content.data() + at, length);
    at += length;
  }
  return out;
}

absl::Status StringsFromProto(const TensorProto& proto, Tensor& out) {
  absl::Span<std::string> elements = out.mutable_values<std::string>();
  if (!proto.tensor_content().empty()) {
    RETURN_IF_ERROR(out.ChargeBudget(proto.tensor_content().size()));
    ASSIGN_OR_RETURN(auto parts,
                     SplitContent(proto.tensor_content(), out.num_elements()));
    for (size_t i = 0; i < parts.size(); ++i) {
      elements[i].assign(parts[i].data(), parts[i].size());
    }
    return absl::OkStatus();
  }
  if (proto.string_val().empty() || elements.empty()) return absl::OkStatus();
  const size_t given =
      std::min<size_t>(elements.size(), proto.string_val_size());
  int64_t bytes = 0;
  for (size_t i = 0; i < given; ++i) bytes += proto.string_val(i).size();
  // One long string may repeat a million times: ask before copying.
  const std::string& last = proto.string_val(given - 1);
  const auto repeated = CheckedMul(elements.size() - given, last.size());
  if (!repeated || !CheckedAdd(bytes, *repeated)) {
    return InvalidArgument("a string of ", last.size(), " bytes repeated ",
                           elements.size() - given, " times is too large");
  }
  RETURN_IF_ERROR(out.ChargeBudget(bytes + *repeated));
  std::copy_n(proto.string_val().begin(), given, elements.begin());
  std::fill(elements.begin() + given, elements.end(), last);
  return absl::OkStatus();
}

ResourceHandle HandleFromProto(const ResourceHandleProto& proto) {
  ResourceHandle out;
  out.container = proto.container();
  out.name = proto.name();
  out.type_name = proto.maybe_type_name();
  return out;
}

absl::StatusOr<Tensor> FromProto(const TensorProto& proto, int depth);

// `depth` counts the variants around this one.
absl::StatusOr<Variant> VariantFromProto(const VariantTensorDataProto& proto,
                                         int depth) {
  if (proto.type_name().empty()) return Variant();
  if (depth >= Variant::kMaxNesting) {
    return InvalidArgument("variants are nested more than ",
                           Variant::kMaxNesting, " deep");
  }
  std::vector<Tensor> tensors;
  tensors.reserve(proto.tensors_size());
  for (const TensorProto& tensor : proto.tensors()) {
    ASSIGN_OR_RETURN(tensors.emplace_back(), FromProto(tensor, depth + 1));
  }
  if (const auto decode = VariantDecoder::Find(proto.type_name())) {
    return decode(proto.metadata(), std::move(tensors));
  }
  return Variant::Make<OpaqueVariant>(proto.type_name(), proto.metadata(),
                                      std::move(tensors));
}

// Resource handles and variants: `list`, or serialized messages packed into
// the content. Elements that are not given stay empty.
template <typename T, typename Proto, typename List, typename Convert>
absl::Status ObjectsFromProto(const TensorProto& proto, const List& list,
                              Convert convert, Tensor& out) {
  absl::Span<T> elements = out.mutable_values<T>();
  if (!proto.tensor_content().empty()) {
    ASSIGN_OR_RETURN(auto parts,
                     SplitContent(proto.tensor_content(), out.num_elements()));
    for (size_t i = 0; i < parts.size(); ++i) {
      Proto element;
      if (!element.ParseFromArray(parts[i].data(),
                                  static_cast<int>(parts[i].size()))) {
        return InvalidArgument("tensor_content holds no valid ",
                               element.GetTypeName(), " at ", i);
      }
      ASSIGN_OR_RETURN(elements[i], convert(element));
    }
    return absl::OkStatus();
  }
  const size_t given = std::min<size_t>(elements.size(), list.size());
  for (size_t i = 0; i < given; ++i) {
    ASSIGN_OR_RETURN(elements[i], convert(list[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorShape> ShapeOf(const TensorProto& proto) {
  // As in TensorFlow, a tensor of "unknown rank" is a scalar.
  const auto& shape = proto.tensor_shape();
  if (shape.unknown_rank() && shape.dim().empty()) return TensorShape();
  return TensorShape::Build(shape);
}

absl::StatusOr<Tensor> FromProto(const TensorProto& proto, int depth) {
  if (!IsValidDataType(proto.dtype())) {
    return InvalidArgument("tensor has no valid dtype, found number ",
                           static_cast<int>(proto.dtype()));
  }
  const DataType dtype = proto.dtype();
  ASSIGN_OR_RETURN(TensorShape shape, ShapeOf(proto));
  // Before allocating: a wrong content must not cost memory first.
  const std::string& content = proto.tensor_content();
  if (!content.empty() &&
      shape.num_elements() > static_cast<int64_t>(content.size())) {
    return InvalidArgument("tensor_content has ", content.size(),
                           " bytes, the shape ", shape.ToString(), " has ",
                           shape.num_elements(), " elements");
  }
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(dtype, shape));
  switch (dtype) {
    case DT_STRING:
      RETURN_IF_ERROR(StringsFromProto(proto, out));
      break;
    case DT_RESOURCE:
      RETURN_IF_ERROR((ObjectsFromProto<ResourceHandle, ResourceHandleProto>(
          proto, proto.resource_handle_val(),
          [](const auto& element) -> absl::StatusOr<ResourceHandle> {
            return HandleFromProto(element);
          },
          out)));
      break;
    case DT_VARIANT:
      RETURN_IF_ERROR((ObjectsFromProto<Variant, VariantTensorDataProto>(
          proto, proto.variant_val(),
          [depth](const auto& element) {
            return VariantFromProto(element, depth);
          },
          out)));
      break;
    default:
      RETURN_IF_ERROR(content.empty() ? PlainFromLists(proto, out)
                                      : PlainFromContent(content, out));
  }
  return out;
}

void ToProto(const Tensor& tensor, int depth, TensorProto* proto);

// A graph may give a resource any name. A message with one that is not UTF-8
// cannot be read in most languages, so there it is escaped.
std::string Utf8(const std::string& name) {
  return IsUtf8(name) ? name : absl::CHexEscape(name);
}

void VariantToProto(const Variant& value, int depth,
                    VariantTensorDataProto* proto) {
  // Those who answer with a message see to it that it does not nest deeper.
  if (value.get() == nullptr || depth >= Variant::kMaxNesting) return;
  proto->set_type_name(value.get()->TypeName());
  std::vector<Tensor> tensors;
  value.get()->Encode(proto->mutable_metadata(), &tensors);
  for (const Tensor& part : tensors) {
    ToProto(part, depth + 1, proto->add_tensors());
  }
}

void ToProto(const Tensor& tensor, int depth, TensorProto* proto) {
  proto->Clear();
  proto->set_dtype(tensor.dtype());
  tensor.shape().ToProto(proto->mutable_tensor_shape());
  switch (tensor.dtype()) {
    case DT_INVALID:
      break;
    case DT_STRING:
      proto->mutable_string_val()->Reserve(
          static_cast<int>(tensor.num_elements()));
      for (const std::string& value : tensor.values<std::string>()) {
        proto->add_string_val(value);
      }
      break;
    case DT_RESOURCE:
      for (const ResourceHandle& value : tensor.values<ResourceHandle>()) {
        ResourceHandleProto* handle = proto->add_resource_handle_val();
        handle->set_container(Utf8(value.container));
        handle->set_name(Utf8(value.name));
        handle->set_maybe_type_name(value.type_name);
      }
      break;
    case DT_VARIANT:
      for (const Variant& value : tensor.values<Variant>()) {
        VariantToProto(value, depth, proto->add_variant_val());
      }
      break;
    default:
      if (tensor.size_bytes() > 0) {
        const absl::string_view bytes = tensor.bytes();
        proto->set_tensor_content(bytes.data(), bytes.size());
      }
  }
}

}  // namespace

absl::StatusOr<Tensor> TensorFromProto(const TensorProto& proto) {
  return CatchOutOfMemory([&] { return FromProto(proto, 0); });
}

void TensorToProto(const Tensor& tensor, TensorProto* proto) {
  ToProto(tensor, 0, proto);
}

}  // namespace metagraph
