#pragma once

// Moving elements about without knowing what they mean: one instantiation per
// element size instead of one per dtype.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/op/kernel_context.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/tensor.h"
#include "core/tensor/variant.h"

namespace metagraph {

// An element of 16 bytes (complex128).
struct Bytes16 {
  uint64_t low;
  uint64_t high;
};

// Returns fn.operator()<T>(), T being a type that moves elements of `dtype`:
// an integer of their size, or the object type itself.
template <typename Fn>
decltype(auto) WithElementType(DataType dtype, Fn&& fn) {
  switch (dtype) {
    case DT_STRING:
      return fn.template operator()<std::string>();
    case DT_RESOURCE:
      return fn.template operator()<ResourceHandle>();
    case DT_VARIANT:
      return fn.template operator()<Variant>();
    default:
      break;
  }
  switch (DataTypeSize(dtype)) {
    case 1:
      return fn.template operator()<uint8_t>();
    case 2:
      return fn.template operator()<uint16_t>();
    case 4:
      return fn.template operator()<uint32_t>();
    case 8:
      return fn.template operator()<uint64_t>();
    default:
      return fn.template operator()<Bytes16>();
  }
}

// Copies runs of elements of one dtype. Offsets and counts are in elements.
class ElementCopier {
 public:
  explicit ElementCopier(DataType dtype)
      : dtype_(dtype),
        plain_(IsPlainData(dtype)),
        size_(static_cast<int64_t>(DataTypeSize(dtype))) {}

  void Copy(const void* from, int64_t from_offset, void* to, int64_t to_offset,
            int64_t count) const {
    if (count <= 0) return;
    const char* source = static_cast<const char*>(from) + from_offset * size_;
    char* target = static_cast<char*>(to) + to_offset * size_;
    if (plain_) {
      std::memcpy(target, source, count * size_);
    } else {
      CopyObjects(source, target, count);
    }
  }

  // What copying `count` elements costs, in nanoseconds.
  int64_t Cost(int64_t count) const {
    return 2 + count * (plain_ ? size_ : 256) / 8;
  }

 private:
  void CopyObjects(const void* from, void* to, int64_t count) const;

  const DataType dtype_;
  const bool plain_;
  const int64_t size_;
};

// Sets elements [offset, offset + count) of `to` to the element at `value`.
void FillElements(DataType dtype, const void* value, void* to, int64_t offset,
                  int64_t count);
// The same over a whole tensor, on several threads if it is large.
absl::Status FillTensor(const KernelContext& ctx, const void* value,
                        Tensor* to);
// Counts what `copies` copies of the strings of `from`, about to be put into
// `to`, take against the memory budget. RESOURCE_EXHAUSTED.
absl::Status ChargeStrings(const Tensor& from, int64_t copies, Tensor* to);
// The same for `count` strings of `from`, whichever.
absl::Status ChargeLongest(const Tensor& from, int64_t count, Tensor* to);
// Zeros, "", empty objects.
void ZeroTensor(Tensor* tensor);

}  // namespace metagraph
