#include "core/kernels/elements.h"

namespace metagraph {

void ElementCopier::CopyObjects(const void* from, void* to,
                                int64_t count) const {
  WithElementType(dtype_, [&]<typename T>() {
    std::copy_n(static_cast<const T*>(from), count, static_cast<T*>(to));
  });
}

void FillElements(DataType dtype, const void* value, void* to, int64_t offset,
                  int64_t count) {
  WithElementType(dtype, [&]<typename T>() {
    const T element = *static_cast<const T*>(value);
    std::fill_n(static_cast<T*>(to) + offset, count, element);
  });
}

absl::Status FillTensor(const KernelContext& ctx, const void* value,
                        Tensor* to) {
  const DataType dtype = to->dtype();
  void* data = to->mutable_raw_data();
  return ctx.ParallelFor(to->num_elements(), 1,
                         [=](int64_t begin, int64_t end) {
                           FillElements(dtype, value, data, begin, end - begin);
                         });
}

void ZeroTensor(Tensor* tensor) {
  if (tensor->num_elements() == 0) return;
  if (IsPlainData(tensor->dtype())) {
    std::memset(tensor->mutable_raw_data(), 0, tensor->size_bytes());
    return;
  }
  WithElementType(tensor->dtype(), [&]<typename T>() {
    std::fill_n(tensor->mutable_data<T>(), tensor->num_elements(), T());
  });
}

}  // namespace metagraph
