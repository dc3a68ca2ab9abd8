#include "core/kernels/elements.h"

#include "core/base/checked_math.h"

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

namespace {

// What a string owns beyond its own object.
int64_t OwnedBytes(const std::string& text) {
  return text.size() < sizeof(std::string) / 2
             ? 0
             : static_cast<int64_t>(text.size());
}

absl::Status Charge(int64_t bytes, int64_t times, Tensor* to) {
  if (bytes == 0 || times <= 0) return absl::OkStatus();
  const auto total = CheckedMul(bytes, times);
  if (!total) return ResourceExhausted("strings are too long to copy");
  return to->ChargeBudget(*total);
}

}  // namespace

absl::Status ChargeStrings(const Tensor& from, int64_t copies, Tensor* to) {
  if (from.dtype() != DT_STRING) return absl::OkStatus();
  int64_t bytes = 0;
  for (const std::string& text : from.values<std::string>()) {
    bytes += OwnedBytes(text);
  }
  return Charge(bytes, copies, to);
}

absl::Status ChargeLongest(const Tensor& from, int64_t count, Tensor* to) {
  if (from.dtype() != DT_STRING) return absl::OkStatus();
  int64_t longest = 0;
  for (const std::string& text : from.values<std::string>()) {
    longest = std::max(longest, OwnedBytes(text));
  }
  return Charge(longest, count, to);
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
