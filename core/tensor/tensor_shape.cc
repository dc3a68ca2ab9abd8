#include "core/tensor/tensor_shape.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

std::string DimsToString(absl::Span<const int64_t> dims) {
  return absl::StrCat("[",
                      absl::StrJoin(dims, ",",
                                    [](std::string* out, int64_t dim) {
                                      dim < 0 ? absl::StrAppend(out, "?")
                                              : absl::StrAppend(out, dim);
                                    }),
                      "]");
}

}  // namespace

TensorShape::TensorShape(absl::Span<const int64_t> dims)
    : dims_(dims.begin(), dims.end()) {
  Recompute();
}

void TensorShape::Recompute() {
  num_elements_ = 1;
  for (int64_t dim : dims_) num_elements_ *= dim;
}

absl::StatusOr<TensorShape> TensorShape::Build(absl::Span<const int64_t> dims) {
  if (dims.size() > kMaxRank) {
    return InvalidArgument("shape has ", dims.size(),
                           " dimensions, the most allowed is ", kMaxRank);
  }
  // Zero sizes must not hide an overflow of the others: [0, 2^40, 2^40] would
  // overflow as soon as somebody drops the first dimension.
  int64_t product = 1;
  for (int64_t dim : dims) {
    if (dim < 0) {
      return InvalidArgument("shape ", DimsToString(dims),
                             " has a negative dimension");
    }
    if (dim == 0) continue;
    const auto next = CheckedMul(product, dim);
    if (!next) {
      return InvalidArgument("shape ", DimsToString(dims),
                             " has more elements than fit int64");
    }
    product = *next;
  }
  return TensorShape(dims);
}

absl::StatusOr<TensorShape> TensorShape::Build(
    const tensorflow::TensorShapeProto& proto) {
  if (proto.unknown_rank()) {
    return InvalidArgument("shape has an unknown rank");
  }
  absl::InlinedVector<int64_t, 8> dims;
  for (const auto& dim : proto.dim()) dims.push_back(dim.size());
  return Build(dims);
}

void TensorShape::AddDim(int64_t size) {
  dims_.push_back(size);
  num_elements_ *= size;
}

void TensorShape::InsertDim(int at, int64_t size) {
  dims_.insert(dims_.begin() + at, size);
  Recompute();
}

void TensorShape::RemoveDim(int at) {
  dims_.erase(dims_.begin() + at);
  Recompute();
}

void TensorShape::SetDim(int i, int64_t size) {
  dims_[i] = size;
  Recompute();
}

std::string TensorShape::ToString() const { return DimsToString(dims_); }

void TensorShape::ToProto(tensorflow::TensorShapeProto* proto) const {
  proto->Clear();
  for (int64_t dim : dims_) proto->add_dim()->set_size(dim);
}

absl::StatusOr<PartialShape> PartialShape::Build(
    const tensorflow::TensorShapeProto& proto) {
  PartialShape out;
  if (proto.unknown_rank()) return out;
  if (proto.dim_size() > TensorShape::kMaxRank) {
    return InvalidArgument("shape has ", proto.dim_size(), " dimensions");
  }
  out.known_rank_ = true;
  for (const auto& dim : proto.dim()) {
    if (dim.size() < -1) {
      return InvalidArgument("Dimension ", dim.size(), " must be >= -1");
    }
    out.dims_.push_back(dim.size());
  }
  return out;
}

bool PartialShape::IsFullyDefined() const {
  if (!known_rank_) return false;
  for (int64_t dim : dims_) {
    if (dim < 0) return false;
  }
  return true;
}

bool PartialShape::IsCompatibleWith(const TensorShape& shape) const {
  if (!known_rank_) return true;
  if (rank() != shape.rank()) return false;
  for (int i = 0; i < rank(); ++i) {
    if (dims_[i] >= 0 && dims_[i] != shape.dim(i)) return false;
  }
  return true;
}

absl::StatusOr<TensorShape> PartialShape::AsTensorShape() const {
  if (!known_rank_) return InvalidArgument("shape has an unknown rank");
  return TensorShape::Build(dims_);
}

absl::StatusOr<PartialShape> PartialShape::MergeWith(
    const PartialShape& other) const {
  if (!known_rank_) return other;
  if (!other.known_rank_) return *this;
  PartialShape out = *this;
  bool fits = rank() == other.rank();
  for (int i = 0; fits && i < rank(); ++i) {
    if (out.dims_[i] < 0) {
      out.dims_[i] = other.dims_[i];
    } else if (other.dims_[i] >= 0) {
      fits = out.dims_[i] == other.dims_[i];
    }
  }
  if (rank() != other.rank()) {
    return InvalidArgument(
        "PartialTensorShape: Incompatible ranks during merge: ", rank(),
        " vs. ", other.rank());
  }
  if (!fits) {
    return InvalidArgument(
        "PartialTensorShape: Incompatible shapes during merge: ", ToString(),
        " vs. ", other.ToString());
  }
  return out;
}

std::string PartialShape::ToString() const {
  return known_rank_ ? DimsToString(dims_) : "<unknown>";
}

void PartialShape::ToProto(tensorflow::TensorShapeProto* proto) const {
  proto->Clear();
  proto->set_unknown_rank(!known_rank_);
  for (int64_t dim : dims_) proto->add_dim()->set_size(dim);
}

}  // namespace metagraph
