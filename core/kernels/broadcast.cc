#include "core/kernels/broadcast.h"

#include <algorithm>

#include "core/base/status.h"

namespace metagraph {
namespace {

absl::Status Incompatible(absl::Span<const TensorShape* const> inputs) {
  std::string text = inputs[0]->ToString();
  for (size_t i = 1; i < inputs.size(); ++i) {
    absl::StrAppend(&text, " vs. ", inputs[i]->ToString());
  }
  return InvalidArgument("Incompatible shapes: ", text);
}

}  // namespace

absl::StatusOr<Broadcast> Broadcast::Make(
    absl::Span<const TensorShape* const> inputs) {
  int rank = 0;
  for (const TensorShape* shape : inputs) rank = std::max(rank, shape->rank());

  Broadcast out;
  const int count = static_cast<int>(inputs.size());
  absl::InlinedVector<int64_t, 8> sizes(rank, 1);
  absl::InlinedVector<Dim, 4> dims;  // merged, innermost first
  Offsets elements = {1, 1, 1};      // of each input's dimensions so far
  unsigned last_pattern = 0;
  for (int d = 0; d < rank; ++d) {  // from the innermost
    int64_t& size = sizes[rank - 1 - d];
    Offsets own = {1, 1, 1};
    for (int i = 0; i < count; ++i) {
      const TensorShape& shape = *inputs[i];
      if (d < shape.rank()) own[i] = shape.dim(shape.rank() - 1 - d);
      if (own[i] == 1) continue;
      if (size != 1 && size != own[i]) return Incompatible(inputs);
      size = own[i];
    }
    if (size == 1) continue;
    unsigned pattern = 0;  // bit i: input i runs along this dimension
    for (int i = 0; i < count; ++i) {
      if (own[i] != 1) pattern |= 1u << i;
    }
    if (!dims.empty() && pattern == last_pattern) {
      // Overflow is found below: all sizes are in the output's shape.
      if (__builtin_mul_overflow(dims.back().size, size, &dims.back().size)) {
        return InvalidArgument("shape of the result is too large");
      }
    } else {
      Dim& dim = dims.emplace_back(Dim{size, {0, 0, 0}});
      for (int i = 0; i < count; ++i) {
        if (own[i] != 1) dim.stride[i] = elements[i];
      }
      last_pattern = pattern;
    }
    for (int i = 0; i < count; ++i) {
      // Inputs have shapes already; only sizes beside a 0 could overflow.
      if (__builtin_mul_overflow(elements[i], own[i], &elements[i])) {
        elements[i] = 0;
      }
    }
  }
  ASSIGN_OR_RETURN(out.shape_, TensorShape::Build(sizes));
  if (dims.empty()) return out;
  out.row_size_ = dims[0].size;
  for (int i = 0; i < count; ++i) {
    out.row_stride_[i] = dims[0].stride[i] == 0 ? 0 : 1;
  }
  out.outer_.assign(dims.begin() + 1, dims.end());
  out.rows_ = out.shape_.num_elements() / std::max<int64_t>(1, out.row_size_);
  return out;
}

}  // namespace metagraph
