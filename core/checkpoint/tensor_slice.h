#pragma once

// Boxes cut out of tensors: how partitioned variables are stored.

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/tensor_shape.h"
#include "tensorflow/tensor.pb.h"

namespace metagraph {

// One extent per dimension.
struct TensorSlice {
  static constexpr int64_t kWhole = -1;
  struct Extent {
    int64_t start = 0;
    int64_t length = kWhole;  // kWhole: the whole dimension, start is 0
    bool operator==(const Extent&) const = default;
  };
  absl::InlinedVector<Extent, 4> extents;

  // The whole tensor of that rank.
  static TensorSlice Whole(int rank);
  // INVALID_ARGUMENT for negative starts or lengths.
  static absl::StatusOr<TensorSlice> Build(
      const tensorflow::TensorSliceProto& proto);
  // "-:0,2"; or INVALID_ARGUMENT with TensorFlow's text.
  static absl::StatusOr<TensorSlice> Parse(absl::string_view text);

  bool operator==(const TensorSlice&) const = default;
  bool Covers(const TensorShape& shape) const;
  // Every extent explicit: start and length within the dimension.
  // INVALID_ARGUMENT for another rank, INTERNAL out of bounds (TensorFlow's
  // code and text).
  absl::StatusOr<TensorSlice> Resolve(const TensorShape& shape) const;
  // The shape of the box; same errors.
  absl::StatusOr<TensorShape> ShapeIn(const TensorShape& shape) const;

  std::string ToString() const;
  void ToProto(tensorflow::TensorSliceProto* proto) const;
};

// The third input of SaveV2 and RestoreV2: "4 3 0,2:-", the full shape and the
// slice of it that the op deals with.
struct ShapeAndSlice {
  TensorShape full_shape;
  TensorSlice slice;
  TensorShape slice_shape;

  // REQUIRES: `text` not empty (empty means the whole tensor).
  static absl::StatusOr<ShapeAndSlice> Parse(absl::string_view text);
};

// The key of a stored slice: ordered so that all slices of a tensor are
// neighbours, and sort before plain names.
std::string EncodeSliceKey(absl::string_view name, const TensorSlice& slice);

}  // namespace metagraph
