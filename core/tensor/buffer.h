#pragma once

// The one place that allocates tensor memory.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor/dtype.h"

namespace metagraph {

// How many bytes of tensors may live at once. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t limit_bytes) : limit_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // False, and nothing taken, if `bytes` more would exceed the limit.
  bool Take(int64_t bytes);
  void Give(int64_t bytes) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(int64_t limit_bytes) { limit_ = limit_bytes; }

  // The process's budget: what every allocation counts against. Its limit is
  // set once by the executable; unlimited before.
  static MemoryBudget& Process();

 private:
  std::atomic<int64_t> limit_;
  std::atomic<int64_t> used_{0};
};

// A reference-counted block of elements, 64-byte aligned. Elements of plain
// types start undefined, others default-constructed.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;
  // No tensor is larger, whatever the budget: allocators misbehave beyond.
  static constexpr int64_t kMaxBytes = int64_t{1} << 39;

  // `count` elements of `dtype`. RESOURCE_EXHAUSTED beyond the budget or if
  // the machine has no memory; INVALID_ARGUMENT if the size is over kMaxBytes.
  static absl::StatusOr<class BufferRef> Allocate(DataType dtype,
                                                  int64_t count);

  void* data() { return reinterpret_cast<char*>(this) + kHeaderSize; }
  int64_t size_bytes() const { return size_bytes_; }
  // Counts `bytes` that the elements own elsewhere against the budget until
  // the buffer is freed. RESOURCE_EXHAUSTED. REQUIRES: unique().
  absl::Status ChargeBudget(int64_t bytes);
  bool unique() const { return refs_.load(std::memory_order_acquire) == 1; }

 private:
  friend class BufferRef;
  static constexpr size_t kHeaderSize = kAlignment;

  Buffer(DataType dtype, int64_t count, int64_t size_bytes)
      : count_(count), size_bytes_(size_bytes), dtype_(dtype) {}
  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) Free();
  }
  void Free();

  std::atomic<int32_t> refs_{1};
  const int64_t count_;
  const int64_t size_bytes_;
  int64_t extra_bytes_ = 0;  // charged by ChargeBudget
  const DataType dtype_;
};

// A counted reference to a Buffer, or null.
class BufferRef {
 public:
  BufferRef() = default;
  BufferRef(const BufferRef& other) : buffer_(other.buffer_) {
    if (buffer_ != nullptr) buffer_->Ref();
  }
  BufferRef(BufferRef&& other) noexcept
      : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() {
    if (buffer_ != nullptr) buffer_->Unref();
  }
  Buffer* get() const { return buffer_; }
  Buffer* operator->() const { return buffer_; }
  explicit operator bool() const { return buffer_ != nullptr; }

 private:
  friend class Buffer;
  explicit BufferRef(Buffer* owned) : buffer_(owned) {}
  Buffer* buffer_ = nullptr;
};

}  // namespace metagraph
