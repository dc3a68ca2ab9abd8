#pragma once

#include "core/kernels/elements.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Fills a tensor with others, one after another. REQUIRES: it has room for all.
class Joiner {
 public:
  explicit Joiner(Tensor* out) : copier_(out->dtype()), out_(out) {}

  // RESOURCE_EXHAUSTED: its strings are over the memory budget.
  absl::Status Append(const Tensor& part) {
    RETURN_IF_ERROR(ChargeStrings(part, 1, out_));
    copier_.Copy(part.raw_data(), 0, out_->mutable_raw_data(), at_,
                 part.num_elements());
    at_ += part.num_elements();
    return absl::OkStatus();
  }
  // Zeros, "", empty objects.
  void AppendZeros(int64_t count) {
    if (count > 0 && IsPlainData(out_->dtype())) {
      const int64_t size = static_cast<int64_t>(DataTypeSize(out_->dtype()));
      std::memset(static_cast<char*>(out_->mutable_raw_data()) + at_ * size, 0,
                  count * size);
    }  // objects are born so
    at_ += count;
  }

 private:
  const ElementCopier copier_;
  Tensor* const out_;
  int64_t at_ = 0;
};

}  // namespace metagraph
