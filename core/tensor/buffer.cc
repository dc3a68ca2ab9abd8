#include "core/tensor/buffer.h"

#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/tensor/block_cache.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/variant.h"

namespace metagraph {
namespace {

template <typename Fn>
void ForObjectType(DataType dtype, void* data, Fn fn) {
  switch (dtype) {
    case DT_STRING:
      return fn(static_cast<std::string*>(data));
    case DT_RESOURCE:
      return fn(static_cast<ResourceHandle*>(data));
    case DT_VARIANT:
      return fn(static_cast<Variant*>(data));
    default:
      return;
  }
}

absl::Status OverBudget(int64_t bytes) {
  return ResourceExhausted("OOM when allocating a tensor of ", bytes,
                           " bytes: the tensor memory limit is ",
                           MemoryBudget::Process().limit(), " bytes, in use ",
                           MemoryBudget::Process().used());
}

}  // namespace

bool MemoryBudget::Take(int64_t bytes) {
  const int64_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (bytes <= limit() - before) return true;
  Give(bytes);
  return false;
}

MemoryBudget& MemoryBudget::Process() {
  static MemoryBudget budget(std::numeric_limits<int64_t>::max());
  return budget;
}

absl::StatusOr<BufferRef> Buffer::Allocate(DataType dtype, int64_t count) {
  const auto bytes = CheckedMul(count, DataTypeSize(dtype));
  if (!bytes || *bytes > kMaxBytes) {
    return InvalidArgument("a tensor of ", count, " ", DataTypeName(dtype),
                           " elements is larger than memory can be");
  }
  if (!MemoryBudget::Process().Take(*bytes)) {
    if (count != 1) return OverBudget(*bytes);
    // A single element is always granted: handles and counters are made where
    // there is nobody to tell. It still counts.
    MemoryBudget::Process().Give(-*bytes);
  }
  static_assert(sizeof(Buffer) <= kHeaderSize);
  static_assert(BlockCache::kAlignment == kAlignment);
  void* const memory = BlockCache::Process().Take(kHeaderSize + *bytes);
  if (memory == nullptr) {
    MemoryBudget::Process().Give(*bytes);
    return ResourceExhausted("OOM when allocating a tensor of ", *bytes,
                             " bytes: the machine has no more memory");
  }
  auto* buffer = new (memory) Buffer(dtype, count, *bytes);
  ForObjectType(dtype, buffer->data(), [&](auto* elements) {
    std::uninitialized_value_construct_n(elements, count);
  });
  return BufferRef(buffer);
}

absl::Status Buffer::ChargeBudget(int64_t bytes) {
  if (!MemoryBudget::Process().Take(bytes)) return OverBudget(bytes);
  extra_bytes_ += bytes;
  return absl::OkStatus();
}

void Buffer::Free() {
  const auto destroy = [](Buffer* buffer) {
    ForObjectType(buffer->dtype_, buffer->data(), [&](auto* elements) {
      std::destroy_n(elements, buffer->count_);
    });
    const int64_t bytes = buffer->size_bytes_;
    MemoryBudget::Process().Give(bytes + buffer->extra_bytes_);
    buffer->~Buffer();
    BlockCache::Process().Give(buffer, kHeaderSize + bytes);
  };
  if (dtype_ != DT_VARIANT) return destroy(this);
  // Lists hold lists: those that end with this one wait until it has ended, so
  // that their depth does not become that of the stack.
  static thread_local std::vector<Buffer*>* waiting = nullptr;
  if (waiting != nullptr) return waiting->push_back(this);
  std::vector<Buffer*> ended = {this};
  waiting = &ended;
  while (!ended.empty()) {
    Buffer* next = ended.back();
    ended.pop_back();
    destroy(next);
  }
  waiting = nullptr;
}

}  // namespace metagraph
