#include "core/tensor/tensor_list.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/base/status.h"
#include "google/protobuf/io/coded_stream.h"

namespace metagraph {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// Beyond, the bookkeeping alone would be a burden.
constexpr int64_t kMaxSize = int64_t{1} << 26;

void AppendVarint(int64_t value, std::string* out) {
  uint8_t bytes[10];
  const uint8_t* end = CodedOutputStream::WriteVarint64ToArray(
      static_cast<uint64_t>(value), bytes);
  out->append(reinterpret_cast<const char*>(bytes), end - bytes);
}

const VariantDecoder kListDecoder(TensorList::kTypeName, &TensorList::Decode);

}  // namespace

TensorList::~TensorList() { MemoryBudget::Process().Give(charged_); }

// The metadata: how many elements are not initialized, the index of each, the
// dtype, the largest size, the element shape.
void TensorList::Encode(std::string* metadata,
                        std::vector<Tensor>* tensors) const {
  metadata->clear();
  tensors->clear();
  std::string missing;
  int64_t num_missing = 0;
  for (int64_t i = 0; i < size(); ++i) {
    if (elements_[i].initialized()) {
      tensors->push_back(elements_[i]);
    } else {
      AppendVarint(i, &missing);
      ++num_missing;
    }
  }
  AppendVarint(num_missing, metadata);
  metadata->append(missing);
  AppendVarint(dtype_, metadata);
  AppendVarint(max_size_, metadata);
  tensorflow::TensorShapeProto shape;
  element_shape_.ToProto(&shape);
  shape.AppendToString(metadata);
}

absl::StatusOr<Variant> TensorList::Decode(const std::string& metadata,
                                           std::vector<Tensor> tensors) {
  const auto bad = [&](absl::string_view what) {
    return InvalidArgument("the metadata (", metadata.size(),
                           " bytes) of a TensorList of ", tensors.size(),
                           " tensors has no ", what);
  };
  CodedInputStream in(reinterpret_cast<const uint8_t*>(metadata.data()),
                      static_cast<int>(metadata.size()));
  uint64_t num_missing;
  // Each index takes a byte at least.
  if (!in.ReadVarint64(&num_missing) || num_missing > metadata.size()) {
    return bad("usable number of uninitialized elements");
  }
  const uint64_t size = num_missing + tensors.size();
  std::vector<uint64_t> missing(num_missing);
  for (size_t i = 0; i < missing.size(); ++i) {
    if (!in.ReadVarint64(&missing[i]) || missing[i] >= size ||
        (i > 0 && missing[i] <= missing[i - 1])) {
      return bad("usable indices of uninitialized elements");
    }
  }
  uint64_t dtype;
  uint64_t max_size;
  if (!in.ReadVarint64(&dtype) || dtype > INT32_MAX ||
      !IsValidDataType(static_cast<int>(dtype))) {
    return bad("known dtype");
  }
  tensorflow::TensorShapeProto shape;
  if (!in.ReadVarint64(&max_size) || !shape.ParseFromCodedStream(&in)) {
    return bad("largest size and element shape");
  }
  ASSIGN_OR_RETURN(PartialShape element_shape, PartialShape::Build(shape));
  // TensorFlow keeps the largest size in an int32.
  Variant out = Variant::Make<TensorList>(
      static_cast<DataType>(dtype), std::move(element_shape),
      int64_t{static_cast<int32_t>(max_size)});
  auto* list = out.Mutable<TensorList>();
  RETURN_IF_ERROR(list->Resize(static_cast<int64_t>(size)));
  auto tensor = tensors.begin();
  auto next_missing = missing.begin();
  for (uint64_t i = 0; i < size; ++i) {
    if (next_missing != missing.end() && *next_missing == i) {
      ++next_missing;
      continue;
    }
    if (tensor->dtype() != list->dtype()) {
      return InvalidArgument("a TensorList of ", DataTypeName(list->dtype()),
                             " holds ", tensor->Describe());
    }
    list->Set(static_cast<int64_t>(i), std::move(*tensor++));
  }
  return out;
}

absl::StatusOr<Variant> TensorList::Copy() const {
  Variant out = Variant::Make<TensorList>(dtype_, element_shape_, max_size_);
  auto* list = out.Mutable<TensorList>();
  RETURN_IF_ERROR(list->Reserve(size()));
  list->elements_ = elements_;
  return out;
}

absl::Status TensorList::Resize(int64_t size) {
  RETURN_IF_ERROR(Reserve(size));
  elements_.resize(size);
  return absl::OkStatus();
}

absl::Status TensorList::PushBack(Tensor element) {
  const int64_t capacity = static_cast<int64_t>(elements_.capacity());
  if (size() == capacity) {
    RETURN_IF_ERROR(Reserve(std::max<int64_t>(4, 2 * capacity)));
  }
  elements_.push_back(std::move(element));
  return absl::OkStatus();
}

Tensor TensorList::PopBack() {
  Tensor out = std::move(elements_.back());
  elements_.pop_back();
  return out;
}

absl::Status TensorList::Reserve(int64_t size) {
  const int64_t more = size - static_cast<int64_t>(elements_.capacity());
  if (more <= 0) return absl::OkStatus();
  const int64_t bytes = more * static_cast<int64_t>(sizeof(Tensor));
  if (size > kMaxSize || !MemoryBudget::Process().Take(bytes)) {
    return ResourceExhausted("OOM when making room for a list of ", size,
                             " tensors");
  }
  charged_ += bytes;
  elements_.reserve(size);
  return absl::OkStatus();
}

}  // namespace metagraph
