#pragma once

// TensorFlow's (numpy's) broadcasting for element-wise kernels.

#include <array>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

// How up to three inputs are read to fill an output. Dimensions that every
// input reads alike are merged and those of size 1 dropped, so the innermost
// one is a row in which each input has stride 1 or 0.
class Broadcast {
 public:
  static constexpr int kMaxInputs = 3;
  using Offsets = std::array<int64_t, kMaxInputs>;

  // INVALID_ARGUMENT "Incompatible shapes: [2] vs. [3]".
  static absl::StatusOr<Broadcast> Make(
      absl::Span<const TensorShape* const> inputs);

  const TensorShape& shape() const { return shape_; }
  int64_t rows() const { return rows_; }
  int64_t row_size() const { return row_size_; }
  // 1 if input i runs along the row, 0 if one element serves all of it.
  int row_stride(int i) const { return row_stride_[i]; }

  // Calls fn(out_offset, offsets) for the rows [begin, end): where the row
  // starts in the output and in each input.
  template <typename Fn>
  void ForEachRow(int64_t begin, int64_t end, Fn fn) const;

 private:
  struct Dim {
    int64_t size;
    Offsets stride;  // in elements, 0 where broadcast
  };

  TensorShape shape_;
  int64_t rows_ = 1;
  int64_t row_size_ = 1;
  std::array<int, kMaxInputs> row_stride_ = {1, 1, 1};
  absl::InlinedVector<Dim, 4> outer_;  // innermost first
};

template <typename Fn>
void Broadcast::ForEachRow(int64_t begin, int64_t end, Fn fn) const {
  if (begin >= end) return;  // perhaps since a dimension is 0
  absl::InlinedVector<int64_t, 8> index(outer_.size());
  Offsets offsets = {0, 0, 0};
  int64_t rest = begin;
  for (size_t d = 0; d < outer_.size(); ++d) {
    index[d] = rest % outer_[d].size;
    rest /= outer_[d].size;
    for (int i = 0; i < kMaxInputs; ++i) {
      offsets[i] += index[d] * outer_[d].stride[i];
    }
  }
  for (int64_t row = begin; row < end; ++row) {
    fn(row * row_size_, offsets);
    for (size_t d = 0; d < outer_.size(); ++d) {
      const Dim& dim = outer_[d];
      for (int i = 0; i < kMaxInputs; ++i) offsets[i] += dim.stride[i];
      if (++index[d] < dim.size) break;
      index[d] = 0;
      for (int i = 0; i < kMaxInputs; ++i) {
        offsets[i] -= dim.size * dim.stride[i];
      }
    }
  }
}

}  // namespace metagraph
