#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"
#include "metagraph/v1/inspect.pb.h"

namespace metagraph {

// A box of a value, whose elements are copied only piece by piece. Elements
// are counted in the box's row-major order.
class ValueBox {
 public:
  // What `request` asks for of `value`. INVALID_ARGUMENT: no box of it.
  static absl::StatusOr<ValueBox> Of(const v1::ReadVariablesRequest& request,
                                     Tensor value);

  DataType dtype() const { return value_.dtype(); }
  const TensorShape& shape() const { return shape_; }
  int64_t num_elements() const { return shape_.num_elements(); }

  // Where a piece of about `bytes` ends that begins at `begin`: it has one
  // element at least.
  int64_t PieceEnd(int64_t begin, int64_t bytes) const;
  // Elements [begin, end): all of them with the box's shape, some of them as a
  // vector. Shares the value's memory where it can. RESOURCE_EXHAUSTED.
  absl::StatusOr<Tensor> Piece(int64_t begin, int64_t end) const;

 private:
  explicit ValueBox(Tensor value)
      : value_(std::move(value)), shape_(value_.shape()) {}
  // Where the value has the box's element `index`.
  int64_t OffsetOf(int64_t index) const;

  Tensor value_;
  bool whole_ = true;
  std::vector<int64_t> starts_;  // of the box, in each dimension
  TensorShape shape_;            // the box's
};

}  // namespace metagraph
