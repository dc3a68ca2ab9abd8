#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "tensorflow/tensor.pb.h"

namespace metagraph {

// The size of each dimension, row-major, all >= 0. The number of elements is
// kept beside them and never overflows int64.
class TensorShape {
 public:
  static constexpr int kMaxRank = 254;

  TensorShape() = default;  // a scalar
  // REQUIRES: dims >= 0 with a product that fits int64: for sizes that are
  // known to be good. Sizes from outside go through Build.
  TensorShape(std::initializer_list<int64_t> dims)
      : TensorShape(absl::MakeConstSpan(dims.begin(), dims.size())) {}
  explicit TensorShape(absl::Span<const int64_t> dims);

  // INVALID_ARGUMENT for a negative size, too many dimensions or a product
  // over int64.
  static absl::StatusOr<TensorShape> Build(absl::Span<const int64_t> dims);
  static absl::StatusOr<TensorShape> Build(
      const tensorflow::TensorShapeProto& proto);

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t dim(int i) const { return dims_[i]; }
  absl::Span<const int64_t> dims() const { return dims_; }
  int64_t num_elements() const { return num_elements_; }
  bool IsScalar() const { return dims_.empty(); }
  bool IsVector() const { return dims_.size() == 1; }
  bool IsMatrix() const { return dims_.size() == 2; }

  // REQUIRES: the product still fits int64. Untrusted sizes: use Build.
  void AddDim(int64_t size);
  void InsertDim(int at, int64_t size);
  void RemoveDim(int at);
  void SetDim(int i, int64_t size);

  bool operator==(const TensorShape& other) const {
    return dims_ == other.dims_;
  }

  // "[2,3]", "[]" for a scalar.
  std::string ToString() const;
  void ToProto(tensorflow::TensorShapeProto* proto) const;

 private:
  void Recompute();

  absl::InlinedVector<int64_t, 4> dims_;
  int64_t num_elements_ = 1;
};

// A shape some of whose sizes are unknown (-1), or whose rank is: what graphs
// declare ("shape" attributes, TensorArray element shapes).
class PartialShape {
 public:
  PartialShape() = default;  // unknown rank
  explicit PartialShape(absl::Span<const int64_t> dims)
      : known_rank_(true), dims_(dims.begin(), dims.end()) {}
  PartialShape(std::initializer_list<int64_t> dims)
      : PartialShape(absl::MakeConstSpan(dims.begin(), dims.size())) {}
  explicit PartialShape(const TensorShape& shape)
      : PartialShape(shape.dims()) {}
  // INVALID_ARGUMENT for a size below -1 or too many dimensions.
  static absl::StatusOr<PartialShape> Build(
      const tensorflow::TensorShapeProto& proto);

  bool known_rank() const { return known_rank_; }
  int rank() const { return known_rank_ ? static_cast<int>(dims_.size()) : -1; }
  int64_t dim(int i) const { return dims_[i]; }
  absl::Span<const int64_t> dims() const { return dims_; }
  bool IsFullyDefined() const;
  bool IsCompatibleWith(const TensorShape& shape) const;
  // The shape, if fully defined and not too large.
  absl::StatusOr<TensorShape> AsTensorShape() const;
  // Both merged, or INVALID_ARGUMENT if they contradict each other.
  absl::StatusOr<PartialShape> MergeWith(const PartialShape& other) const;

  // "[2,?]", "<unknown>" for an unknown rank.
  std::string ToString() const;
  void ToProto(tensorflow::TensorShapeProto* proto) const;

 private:
  bool known_rank_ = false;
  absl::InlinedVector<int64_t, 4> dims_;
};

}  // namespace metagraph
