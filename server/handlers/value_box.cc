#include "server/handlers/value_box.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/base/status.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/variant.h"

namespace metagraph {
namespace {

// `count` elements from `source` of one tensor to `target` of another.
void CopyRun(const Tensor& from, int64_t source, int64_t count, Tensor* to,
             int64_t target) {
  const auto copy_as = [&](auto element) {
    using T = decltype(element);
    std::copy_n(from.data<T>() + source, count, to->mutable_data<T>() + target);
  };
  switch (from.dtype()) {
    case DT_STRING:
      return copy_as(std::string());
    case DT_VARIANT:
      return copy_as(Variant());
    case DT_RESOURCE:
      return copy_as(ResourceHandle());
    default: {
      const size_t width = DataTypeSize(from.dtype());
      std::memcpy(static_cast<char*>(to->mutable_raw_data()) + target * width,
                  static_cast<const char*>(from.raw_data()) + source * width,
                  count * width);
    }
  }
}

}  // namespace

absl::StatusOr<ValueBox> ValueBox::Of(const v1::ReadVariablesRequest& request,
                                      Tensor value) {
  ValueBox out(std::move(value));
  if (request.begin_size() == 0 && request.size_size() == 0) return out;
  const Tensor& from = out.value_;
  if (request.begin_size() != from.rank() ||
      request.size_size() != from.rank()) {
    return InvalidArgument("begin and size have ", request.begin_size(),
                           " and ", request.size_size(),
                           " entries for a variable of rank ", from.rank());
  }
  TensorShape shape;
  for (int i = 0; i < from.rank(); ++i) {
    const int64_t begin = request.begin(i);
    int64_t size = request.size(i);
    if (size == -1) size = from.dim(i) - begin;
    if (begin < 0 || size < 0 || size > from.dim(i) - begin) {
      return InvalidArgument("[", begin, ", ", request.size(i),
                             "] is not within dimension ", i, " of size ",
                             from.dim(i));
    }
    out.starts_.push_back(begin);
    shape.AddDim(size);
  }
  out.whole_ = shape == from.shape();
  out.shape_ = shape;
  return out;
}

int64_t ValueBox::OffsetOf(int64_t index) const {
  if (whole_) return index;
  int64_t offset = 0;
  int64_t stride = 1;
  for (int i = shape_.rank() - 1; i >= 0; --i) {
    offset += (starts_[i] + index % shape_.dim(i)) * stride;
    index /= shape_.dim(i);
    stride *= value_.dim(i);
  }
  return offset;
}

int64_t ValueBox::PieceEnd(int64_t begin, int64_t bytes) const {
  const int64_t count = num_elements();
  if (dtype() != DT_STRING) {
    const auto width =
        std::max<int64_t>(static_cast<int64_t>(DataTypeSize(dtype())), 1);
    return std::min(count, begin + std::max<int64_t>(bytes / width, 1));
  }
  const std::string* strings = value_.data<std::string>();
  int64_t taken = 0;
  int64_t end = begin;
  while (end < count && (end == begin || taken < bytes)) {
    taken += static_cast<int64_t>(strings[OffsetOf(end++)].size()) + 8;
  }
  return end;
}

absl::StatusOr<Tensor> ValueBox::Piece(int64_t begin, int64_t end) const {
  const int64_t count = num_elements();
  const bool all = begin == 0 && end == count;
  if (whole_ && all) return value_;
  if (whole_) return value_.Reshaped({count}).Rows(begin, end);
  ASSIGN_OR_RETURN(
      Tensor out,
      Tensor::Allocate(dtype(), all ? shape_ : TensorShape({end - begin})));
  // Of the last dimension elements lie side by side.
  const int64_t row = shape_.rank() == 0 ? 1 : shape_.dim(shape_.rank() - 1);
  for (int64_t i = begin; i < end;) {
    const int64_t run = std::min(row - i % row, end - i);
    CopyRun(value_, OffsetOf(i), run, &out, i - begin);
    i += run;
  }
  return out;
}

}  // namespace metagraph
